"""What the tests ask of Django. Each question is a function that takes JSON and answers JSON."""
import json
import traceback

import django
from django.contrib import auth
from django.contrib.auth import hashers
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework.authtoken.models import Token

urlpatterns = []


def question(function):
    @csrf_exempt
    @require_POST
    def view(request):
        try:
            return JsonResponse({"answer": function(**json.loads(request.body))})
        except Exception:
            return JsonResponse({"error": traceback.format_exc()}, status=500)

    urlpatterns.append(path(f"{function.__name__}/", view))
    return function


@question
def about():
    """What the settings of our service must match."""
    known = {hasher.algorithm: hasher for hasher in hashers.get_hashers()}
    return {
        "version": django.get_version(),
        "hashers": list(known),
        "pbkdf2_iterations": known["pbkdf2_sha256"].iterations,
        "argon2_hash_length": known["argon2"].params().hash_len,
    }


@question
def authenticate(username, password):
    user = auth.authenticate(username=username, password=password)
    return user and user.pk


@question
def make_password(password, hasher=None):
    return hashers.make_password(password, hasher=hasher or "default")


@question
def set_password(user, password):
    found = User.objects.get(pk=user)
    found.set_password(password)
    found.save()


@question
def make_permission(app_label, model, codename):
    """One that an app of the project's declares."""
    kind, _ = ContentType.objects.get_or_create(app_label=app_label, model=model)
    Permission.objects.create(content_type=kind, codename=codename, name=codename)


@question
def permissions(users, names):
    """What each of the users may do, of all there is and of these names."""
    return [
        {
            "id": user.pk,
            "is_active": user.is_active,
            "is_superuser": user.is_superuser,
            "all": sorted(user.get_all_permissions()),
            "has": [name for name in names if user.has_perm(name)],
        }
        for user in User.objects.filter(pk__in=users).order_by("pk")
    ]


@question
def holders(permission):
    """Everybody who may do this."""
    found = User.objects.with_perm(Permission.objects.get(pk=permission))
    return sorted(found.values_list("pk", flat=True))


@question
def save(user, fields):
    """As most code does: all columns are written as they were read."""
    found = User.objects.get(pk=user)
    for name, value in fields.items():
        setattr(found, name, value)
    found.save()


@question
def save_only(user, fields):
    """As careful code does: no column is written but those that change."""
    User(pk=user, **fields).save(update_fields=list(fields))


@question
def set_groups(user, groups):
    User.objects.get(pk=user).groups.set(groups)


def wait_at(gate):
    """Until the advisory lock can be had. It is held to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [gate])


@question
def set_groups_slowly(user, groups, gate):
    """What `groups.set()` does, with time between its two halves."""
    with transaction.atomic():
        found = User.objects.get(pk=user)
        found.groups.clear()
        wait_at(gate)
        found.groups.add(*groups)


@question
def change(user, fields, groups, gate=None):
    """As Django's admin does: a row and a set in one transaction."""
    with transaction.atomic():
        save(user, fields)
        set_groups(user, groups)
        if gate is not None:
            wait_at(gate)


@question
def make_token(user):
    return Token.objects.create(user_id=user).key


@question
def delete_token(user):
    Token.objects.get(user_id=user).delete()


@question
def has_usable_password(user):
    return User.objects.get(pk=user).has_usable_password()


@question
def delete_user(user):
    User.objects.get(pk=user).delete()
