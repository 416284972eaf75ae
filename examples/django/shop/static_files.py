"""Static files of all versions in one directory."""

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class SharedStaticFiles(ManifestStaticFilesStorage):
    """Names with the hash of their content, and for each version a list of its own."""

    manifest_name = f"staticfiles-{settings.VERSION}.json"
