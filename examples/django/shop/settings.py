"""A shop behind Teal: what Django has to know about a proxy, static files and a database that two versions share."""

import os
from pathlib import Path

SHARED = Path(os.environ.get("SHOP_SHARED", "/opt/shop/shared"))  # what outlives a version
VERSION = os.environ.get("VERSION", "unknown")

SECRET_KEY = (SHARED / "secret_key").read_text().strip()
ALLOWED_HOSTS = ["shop.example.com"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
INSTALLED_APPS = ["django.contrib.staticfiles", "shop.orders"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": SHARED / "shop.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
}

# Teal tells who the client is and how it came, and replaces what clients claim about themselves.
SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
USE_X_FORWARDED_HOST = True

# All versions collect into one directory, so that a page of the old version finds its files on the new one.
STATIC_URL = "static/"
STATIC_ROOT = SHARED / "static"
STATICFILES_DIRS = [Path(__file__).parent / "site_static"]
STORAGES = {"staticfiles": {"BACKEND": "shop.static_files.SharedStaticFiles"}}
