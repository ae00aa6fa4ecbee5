"""A write that is sent twice with one Idempotency-Key happens once and is answered the same.

The key's row is inserted in the transaction of the write: a twin that arrives meanwhile waits on
the unique constraint, then finds the answer. A write that fails leaves no row and can be tried
again.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from webapp.api.models import IdempotencyKey
from webapp.workspaces.access import person_of

KEPT = timedelta(days=2)
LONGEST = 200
Handler = Callable[..., Response]


class OtherBody(APIException):
    status_code = 422

    def __init__(self) -> None:
        super().__init__(
            _("This Idempotency-Key was used with another request. Make a new key for a new write.")
        )


def once(handler: Handler, request: Request, *args: Any, **kwargs: Any) -> Response:
    """Run `handler`, or repeat the answer that this key was given before.

    Raises:
        ValidationError: the key is longer than 200 characters or not printable.
        OtherBody: the key belongs to another method, address or body (422).
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return handler(request, *args, **kwargs)
    if len(key) > LONGEST or not key.isascii() or not key.isprintable():
        sentence = _("At most 200 printable ASCII characters; a UUID is a good one.")
        raise ValidationError({"Idempotency-Key": sentence})
    fingerprint = _fingerprint(request)
    IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    try:
        with transaction.atomic():
            row = IdempotencyKey.objects.create(
                user=person_of(request), key=key, request_hash=fingerprint
            )
            response = handler(request, *args, **kwargs)
            row.status = response.status_code
            row.answer = json.dumps(response.data, cls=JSONEncoder)
            row.save(update_fields=["status", "answer"])
            return response
    except IntegrityError:
        before = IdempotencyKey.objects.filter(user=person_of(request), key=key).first()
        if before is None:
            raise  # some other constraint; not ours to explain
    if before.request_hash != fingerprint:
        raise OtherBody
    answer = Response(json.loads(before.answer), status=before.status)
    answer["Idempotent-Replay"] = "true"
    return answer


def _fingerprint(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True, ensure_ascii=True)
    token = getattr(request.auth, "pk", None)
    text = "\n".join([str(request.method), request.get_full_path(), str(token), body])
    return hashlib.sha256(text.encode()).hexdigest()
