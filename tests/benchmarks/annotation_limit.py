"""The limit: a Django application with one claim statement, one insert and nothing else.

No sessions, permissions, drafts, audit or idempotency; the queue table is as narrow as it can be.
Served by the same gunicorn over the same PostgreSQL, it says what the machine allows.
"""

import json
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path

if not settings.configured:
    settings.configure(
        SECRET_KEY="a benchmark on the loopback interface",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": os.environ["LIMIT_DATABASE"],
                "USER": "postgres",
                "HOST": os.environ["LIMIT_HOST"],
                "CONN_MAX_AGE": 600,
                "CONN_HEALTH_CHECKS": False,
            }
        },
    )

CLAIM = """
WITH next AS (
    SELECT task_id FROM queue
    WHERE NOT done AND (locked_until IS NULL OR locked_until < now())
    ORDER BY task_id LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE queue SET locked_by = %s, locked_until = now() + interval '1 hour' FROM next
WHERE queue.task_id = next.task_id RETURNING queue.task_id,
    (SELECT payload FROM task WHERE task.id = queue.task_id)
"""


def claim(request: HttpRequest, who: int) -> JsonResponse:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [who])
        row = cursor.fetchone()
    return JsonResponse({"item": {"id": row[0], "payload": row[1]} if row else None})


def submit(request: HttpRequest, who: int) -> JsonResponse:
    body = json.loads(request.body)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE queue SET done = true WHERE task_id = %s AND locked_by = %s",
            [body["id"], who],
        )
        cursor.execute(
            "INSERT INTO vote (task_id, who, choice) VALUES (%s, %s, %s)",
            [body["id"], who, body["choice"]],
        )
    return JsonResponse({}, status=201)


urlpatterns = [
    path("claim/<int:who>/", claim),
    path("submit/<int:who>/", submit),
]

application = get_wsgi_application()
