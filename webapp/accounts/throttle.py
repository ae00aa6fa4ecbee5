"""Counting attempts in PostgreSQL: one statement, so two processes cannot count one for two.

A window is fixed: it begins with the first attempt and ends after `seconds`; then the count begins
anew. Nobody is locked out for longer than a window.
"""

import hashlib
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from webapp.accounts.models import Throttle

COUNT = """
INSERT INTO accounts_throttle AS kept (key, count, resets_at)
VALUES (%(key)s, %(count)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN kept.resets_at <= clock_timestamp() THEN %(count)s
        ELSE kept.count + %(count)s END,
    resets_at = CASE WHEN kept.resets_at <= clock_timestamp()
        THEN clock_timestamp() + make_interval(secs => %(seconds)s) ELSE kept.resets_at END
RETURNING count, GREATEST(0, EXTRACT(EPOCH FROM resets_at - clock_timestamp()))
"""


@dataclass(frozen=True)
class Limit:
    """At most `allowed` of something in `seconds`."""

    name: str
    allowed: int
    seconds: int

    def _key(self, who: str) -> str:
        return hashlib.sha256(f"{self.name}\n{who}".encode()).hexdigest()

    def take(self, who: str) -> int:
        """Count one attempt of `who`. Returns 0 if it is allowed, else the seconds to wait."""
        granted, left = self.take_several(who, 1)
        return 0 if granted else max(1, int(left))

    def take_several(self, who: str, count: int) -> tuple[int, float]:
        """Count `count` attempts of `who`: how many of them are allowed, seconds to the end of
        the window."""
        values: dict[str, str | int] = {
            "key": self._key(who),
            "seconds": self.seconds,
            "count": count,
        }
        with connection.cursor() as cursor:
            cursor.execute(COUNT, values)
            counted, left = cursor.fetchone()
        return max(0, min(count, self.allowed - (counted - count))), float(left)

    def give_back(self, who: str) -> None:
        """Uncount one attempt that turned out well."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE accounts_throttle SET count = count - 1 WHERE key = %s AND count > 0",
                [self._key(who)],
            )

    def forget(self, who: str) -> None:
        Throttle.objects.filter(key=self._key(who)).delete()


def sweep() -> None:
    """Remove the windows that have ended."""
    Throttle.objects.filter(resets_at__lt=timezone.now()).delete()


# A password may be guessed five times from one place, and one place may guess twenty in all. The
# account alone is never the key: whoever knows the password gets in from another place.
LOGIN_OF_ACCOUNT_FROM_PLACE = Limit("login of account from place", allowed=5, seconds=15 * 60)
LOGINS_FROM_PLACE = Limit("logins from place", allowed=20, seconds=15 * 60)
