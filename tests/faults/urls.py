"""Rondo's addresses and two more: one that enqueues, one that asks the database a long question."""

import json

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from tests.cast import a_workspace, mia
from webapp.jobs import enqueue
from webapp.urls import handler500 as handler500
from webapp.urls import urlpatterns as rondo


@csrf_exempt
@transaction.atomic
def cause(request: HttpRequest) -> HttpResponse:
    """A request whose act causes a job: `kind`, `arguments`, `fail` to undo the act."""
    given = json.loads(request.body)
    workspace = a_workspace()
    job = enqueue(
        kind=given["kind"], owner=mia(), workspace=workspace, arguments=given["arguments"]
    )
    if given.get("fail"):
        transaction.set_rollback(True)
    return JsonResponse({"job": job.pk}, status=202)


def ask(request: HttpRequest) -> HttpResponse:
    """`sql`, as it is: only here, in a test's own process."""
    with connection.cursor() as cursor:
        cursor.execute(request.GET.get("sql", "SELECT 1"))
        return JsonResponse({"rows": cursor.fetchall()})


urlpatterns = [*rondo, path("test/cause", cause), path("test/ask", ask)]
