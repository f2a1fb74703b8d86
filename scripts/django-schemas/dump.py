"""
Runs Django's `migrate` on an empty database and prints what that now holds, as SQL: the DDL that Django sent, then the rows.

The database is that of PGHOST, PGPORT, PGUSER and PGDATABASE. PYTHONPATH says which Django runs, and the first three
options make an older one of it.
"""

import argparse
import os
import re
import sys

options = argparse.ArgumentParser(description=__doc__)
options.add_argument("--auto-field", default="BigAutoField", help="DEFAULT_AUTO_FIELD, where Django knows it")
options.add_argument("--before", nargs="*", default=[], help="migrations that were not written yet")
options.add_argument("--no-view-permission", action="store_true", help="Django 2.1 brought it")
options.add_argument("--user-model", default="auth.User", help="AUTH_USER_MODEL")
options = options.parse_args()

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="none",
    AUTH_USER_MODEL=options.user_model,
    DEFAULT_AUTO_FIELD=f"django.db.models.{options.auto_field}",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "rest_framework.authtoken",
        *(["accounts"] if options.user_model.startswith("accounts.") else []),
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "USER": os.environ["PGUSER"],
            "NAME": os.environ["PGDATABASE"],
        }
    },
    # Django 2.2 asks gettext for what Python 3.11 has no more.
    USE_I18N=False,
    # Newer psycopg2 hands over times in a form that Django 2.2 refuses. The columns are the same.
    USE_TZ=False,
)
django.setup()

import rest_framework
from django.contrib.auth import management
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

ddl = []


def record(execute, sql, params, many, context):
    result = execute(sql, params, many, context)
    statement = context["cursor"].cursor.query.decode().rstrip(";")
    if re.match("CREATE|ALTER|DROP|SET CONSTRAINTS", statement):
        ddl.append(statement)
    return result


def forget_migrations(firsts):
    """Those of an app from the one that is named on."""
    load_disk = MigrationLoader.load_disk

    def load_older(loader):
        load_disk(loader)
        for app, name in list(loader.disk_migrations):
            if any(app == its_app and name >= first for its_app, first in firsts):
                del loader.disk_migrations[app, name]

    MigrationLoader.load_disk = load_older


def forget_view_permission():
    names = management._get_builtin_permissions
    management._get_builtin_permissions = lambda opts: [
        permission for permission in names(opts) if not permission[0].startswith("view_")
    ]


def columns_on_lines(statement):
    if not statement.startswith("CREATE TABLE"):
        return statement
    head, body = statement.split(" (", 1)
    return f"{head} (\n  " + re.sub(r', (?="\w+" [a-z])', ",\n  ", body[:-1]) + "\n)"


def rows_of(table, columns, expressions=None):
    """As an INSERT without ids: they must be what the sequence gives."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {expressions or columns} FROM {table} ORDER BY id")
        rows = cursor.fetchall()
        assert [id for id, *_ in rows] == list(range(1, len(rows) + 1)), table
        values = [cursor.cursor.mogrify("  %s", [tuple(row)]).decode() for _, *row in rows]
    return f"INSERT INTO {table} ({columns}) VALUES\n" + ",\n".join(values)


forget_migrations([migration.split(".") for migration in options.before])
if options.no_view_permission:
    forget_view_permission()
with connection.execute_wrapper(record):
    call_command("migrate", verbosity=0, interactive=False)

print(f"Django {django.__version__} with Django REST Framework {rest_framework.VERSION}", file=sys.stderr)
rows = [
    # The time is that of loading, so that the dump is the same whenever it is made.
    rows_of("django_migrations", "app, name, applied", "app, name, 'now'"),
    rows_of("django_content_type", "app_label, model"),
    rows_of("auth_permission", "name, content_type_id, codename"),
]
for statement in [*map(columns_on_lines, ddl), *rows]:
    print(f"{statement};")
