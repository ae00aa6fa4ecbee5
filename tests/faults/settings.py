"""Rondo's settings for the child processes of the fault tests: two more apps, and fault points."""

import os
import time
from datetime import timedelta

from django.utils import timezone

from webapp.settings import *  # noqa: F403
from webapp.settings import DATABASES, INSTALLED_APPS, STORAGES

TESTING = True
INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults"]
ROOT_URLCONF = "tests.faults.urls"

STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"

if "CONTROL_HEALTH_CHECKS" in os.environ:  # a control: connections are trusted blindly
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = False

if "CONTROL_SYNCHRONOUS_COMMIT" in os.environ:  # a control: acknowledged before it is on the disk
    DATABASES["default"]["OPTIONS"]["options"] += " -c synchronous_commit=off"

if "CLOCK_OFFSET" in os.environ:  # this process believes in another time than the database
    _offset = float(os.environ["CLOCK_OFFSET"])
    _time, _now = time.time, timezone.now
    time.time = lambda: _time() + _offset
    timezone.now = lambda: _now() + timedelta(seconds=_offset)
