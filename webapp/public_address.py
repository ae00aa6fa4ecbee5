"""Addresses for mails and links that leave the page."""

from urllib.parse import urljoin

from django.conf import settings


def public_address(path: str) -> str:
    """`path` on PUBLIC_URL: a link in a mail must not depend on the Host header of a request."""
    return urljoin(settings.PUBLIC_URL.geturl(), path)
