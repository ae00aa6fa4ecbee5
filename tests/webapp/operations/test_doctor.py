from io import StringIO

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection

from webapp import doctor

pytestmark = pytest.mark.django_db


def report() -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("doctor", stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def test_all_is_well_in_a_new_installation() -> None:
    code, text = report()
    assert (code, text.splitlines()[-1]) == (0, "All is well."), text


def test_a_constraint_that_was_never_checked_is_found() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE workspaces_workspace ADD CONSTRAINT named CHECK (name <> '') NOT VALID"
        )
    code, text = report()
    assert code == 1
    assert "VALIDATE CONSTRAINT named" in text


def test_a_database_of_a_newer_version_is_found() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('jobs', '9999_x', now())"
        )
    assert "migrated by a newer Rondo (jobs.9999_x)" in report()[1]


def test_nobody_to_administer_is_found() -> None:
    from webapp.accounts.models import User

    User.objects.create_user("mia@example.org", "a long password")
    assert "Nobody is an active site administrator" in report()[1]


def test_an_examination_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> list[str]:
        raise DatabaseError("no such table")

    monkeypatch.setattr(doctor, "_examinations", {"sums": fails})
    monkeypatch.setattr(connection, "close", lambda: None)
    assert doctor.examine() == [
        doctor.Finding("sums", ["Could not be examined: no such table"]),
    ]
