"""A project of the usual parts: the admin, sessions, and Django REST Framework with its tokens."""
import os
from urllib.parse import unquote, urlsplit

from django.contrib.auth import hashers

DATABASE_URL = os.environ["DATABASE_URL"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(urlsplit(DATABASE_URL).path[1:]),
        "OPTIONS": {"dsn": DATABASE_URL},
        "CONN_MAX_AGE": None,
    }
}

SECRET_KEY = "only tests know this project"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
TIME_ZONE = "UTC"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
]

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

ROOT_URLCONF = "urls"
STATIC_URL = "/static/"
LOGIN_REDIRECT_URL = "/whoami/"

# All that this Django has. The first one is what new passwords are hashed with.
HASHERS = [
    "PBKDF2PasswordHasher",
    "Argon2PasswordHasher",
    "PBKDF2SHA1PasswordHasher",
    "BCryptSHA256PasswordHasher",
    "BCryptPasswordHasher",
    "ScryptPasswordHasher",
    "SHA1PasswordHasher",
    "MD5PasswordHasher",
    "UnsaltedSHA1PasswordHasher",
    "UnsaltedMD5PasswordHasher",
]
PASSWORD_HASHERS = [f"django.contrib.auth.hashers.{name}" for name in HASHERS if hasattr(hashers, name)]
if "PASSWORD_HASHER" in os.environ:
    PASSWORD_HASHERS.sort(key=lambda path: not path.endswith(f".{os.environ['PASSWORD_HASHER']}"))
else:
    PASSWORD_HASHERS[0] = "hashers.QuickPasswordHasher"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
}

# What fails is told, though it is no debugging server.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}
