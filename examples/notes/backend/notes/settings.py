"""Settings of an application that stands behind Weir."""
import os
import pathlib
import secrets

BASE = pathlib.Path(__file__).resolve().parent.parent
DATA = (BASE / os.environ.get("NOTES_DATA", "../data")).resolve()

DEBUG = False
# Nothing here is signed for longer than a process lives; an application with sessions needs a
# fixed key of its own.
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or secrets.token_hex(32)
# Weir forwards only the names of the site, and itself asks for the health by the first of them.
ALLOWED_HOSTS = ["notes.localhost", "localhost", "127.0.0.1"]
ROOT_URLCONF = "notes.urls"
WSGI_APPLICATION = "notes.wsgi.application"
INSTALLED_APPS = ["notes"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "notes.sqlite3",
        # Two tasks write to one file: wait for each other rather than fail.
        "OPTIONS": {"timeout": 10},
    },
}
