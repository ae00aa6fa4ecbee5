"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "8")  # before the settings are read
application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018 - loaded now, not while the first person waits
