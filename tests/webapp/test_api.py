"""What every endpoint keeps: problems, pages, allow-lists, idempotency, clean JSON, a schema."""

import json
import threading
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.cast import a_workspace, admin, ann, join, log_in, mia, person
from webapp.api.actions.token import create_token
from webapp.audit.models import AuditEntry
from webapp.workspaces.models import Invitation, Workspace

WORKSPACES = "/api/v1/workspaces/"
INVITATIONS = "/api/v1/workspaces/paper-cups/invitations/"
MEMBERS = "/api/v1/workspaces/paper-cups/members/"


def send(client: Client, path: str, body: Any, method: str = "post", **headers: str) -> Any:
    raw = body if isinstance(body, str | bytes) else json.dumps(body)
    return getattr(client, method)(path, raw, content_type="application/json", headers=headers)


@pytest.fixture
def mias(db: None) -> Client:
    return log_in(Client(), mia(a_workspace()))


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/v1/workspaces/nope/", 404, "no such workspace"),
        ("/api/v1/nope/", 404, "no /api/v1/nope/"),
        ("/api/v1/audit/", 403, "Only site administrators"),
        ("/api/v1/workspaces/?colour=red", 400, "no such parameter"),
    ],
)
def test_refusals_are_problem_details(mias: Client, path: str, status: int, words: str) -> None:
    answer = mias.get(path)
    problem = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert words in problem["detail"]
    assert problem["status"] == status
    assert problem["request_id"] == answer["X-Request-ID"]
    assert {"type", "title", "detail"} <= problem.keys()


def test_a_wrong_method_media_type_and_accept_header_are_problems_too(mias: Client) -> None:
    assert mias.delete(WORKSPACES).json()["status"] == 405
    form = mias.patch("/api/v1/me/", "name=x", content_type="application/x-www-form-urlencoded")
    assert (form.status_code, form.json()["title"]) == (415, "Unsupported Media Type")
    page = mias.get(WORKSPACES, headers={"Accept": "text/html"})
    assert page["Content-Type"].startswith("application/")


def test_an_internal_error_is_a_problem_without_a_traceback(mias: Client, monkeypatch: Any) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("the secret is plum cake")

    monkeypatch.setattr("webapp.workspaces.api.visible_workspaces", broken)
    answer = mias.get(WORKSPACES)
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert b"plum" not in answer.content


def test_errors_name_the_field(mias: Client) -> None:
    answer = send(mias, INVITATIONS, {"email": "no address", "role": "king"})
    assert {each["path"] for each in answer.json()["errors"]} == {"email", "role"}


# ---- pages


def test_pages_hold_all_rows_once_though_rows_come_between(mias: Client) -> None:
    workspace = Workspace.objects.get()
    for number in range(7):
        join(workspace, person(f"p{number}@rondo.test"), "annotator")
    seen, address = [], f"{MEMBERS}?limit=3&sort=email"
    while address:
        page = mias.get(address).json()
        seen += [row["email"] for row in page["results"]]
        join(workspace, person(f"a{len(seen)}@rondo.test"), "viewer")  # sorts before all of them
        address = page["next"]
    assert seen == sorted(["mia@rondo.test", *(f"p{n}@rondo.test" for n in range(7))])


def test_a_page_has_at_most_two_hundred_rows_and_a_forged_cursor_is_refused(mias: Client) -> None:
    assert mias.get(f"{MEMBERS}?limit=100000").status_code == 200
    for cursor in ("nonsense", "cD0%3D", "bz0tMQ%3D%3D"):
        assert mias.get(f"{MEMBERS}?cursor={cursor}").status_code in (200, 400, 404)


# ---- E6: allow-lists

HOSTILE = [
    "user__password__regex=^pbkdf2",
    "user__password=x",
    "_connector=OR",
    "_negated=1",
    "role__in=manager",
    "workspace__slug=tea-pots",
    "user__memberships__workspace__slug=x",
    "email%00=x",
    "a%0Ab=x",
    "pk=1",
    "id=1",
    "*=1",
    "sort=user__password",
    "sort=-user__password",
    "sort=?",
    "sort=email%22",
    "sort=email,created_at",
    "sort=--email",
    "sort=workspace__name",
    "sort=pk%3B--",
    "role=king",
    "role=",
    "active=yes",
    "active=1",
    "email=%00",
    "email=" + "x" * 201,
    "format=api",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_only_listed_filters_and_sorts_exist(mias: Client, query: str) -> None:
    answer = mias.get(f"{MEMBERS}?{query}")
    assert answer.status_code == 400, answer.content
    assert "llowed" in answer.json()["detail"] or "At most" in answer.json()["detail"]


def test_listed_filters_and_sorts_work(mias: Client) -> None:
    ann(Workspace.objects.get())
    for query, emails in {
        "": {"ann@rondo.test", "mia@rondo.test"},
        "role=manager": {"mia@rondo.test"},
        "email=ann": {"ann@rondo.test"},
        "email=%25": set(),  # a per cent sign is itself, not a wildcard
        "active=false": set(),
        "sort=-email": {"ann@rondo.test", "mia@rondo.test"},
    }.items():
        found = {row["email"] for row in mias.get(f"{MEMBERS}?{query}").json()["results"]}
        assert found == emails, query


@pytest.mark.parametrize("when", ["1e999999", "yesterday", "2026-01-01", "2026-99-99T00:00Z"])
def test_a_moment_that_is_none_is_refused(mias: Client, when: str) -> None:
    answer = mias.get(f"/api/v1/workspaces/paper-cups/audit/?after={when}")
    assert answer.status_code == 400


# ---- idempotency keys


def test_one_key_is_one_invitation_and_one_answer(mias: Client) -> None:
    key = str(uuid.uuid4())
    body = {"email": "nia@rondo.test", "role": "viewer"}
    first = send(mias, INVITATIONS, body, **{"Idempotency-Key": key})
    second = send(mias, INVITATIONS, body, **{"Idempotency-Key": key})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second["Idempotent-Replay"] == "true"
    assert Invitation.objects.count() == 1
    assert AuditEntry.objects.filter(action="invitation.create").count() == 1
    without = send(mias, INVITATIONS, body)  # the control
    assert without.status_code == 400


def test_the_key_with_another_body_is_422(mias: Client) -> None:
    key = {"Idempotency-Key": "k"}
    send(mias, INVITATIONS, {"email": "nia@rondo.test", "role": "viewer"}, **key)
    other = send(mias, INVITATIONS, {"email": "bob@rondo.test", "role": "viewer"}, **key)
    assert (other.status_code, other["Content-Type"]) == (422, "application/problem+json")
    assert Invitation.objects.count() == 1


def test_a_refused_write_leaves_the_key_free(mias: Client) -> None:
    key = {"Idempotency-Key": "k"}
    assert send(mias, INVITATIONS, {"email": "x", "role": "viewer"}, **key).status_code == 400
    good = {"email": "nia@rondo.test", "role": "viewer"}
    assert send(mias, INVITATIONS, good, **key).status_code == 201


def test_the_key_of_one_person_is_nothing_to_another(mias: Client) -> None:
    body, key = {"name": "Mia's"}, {"Idempotency-Key": "k"}
    send(mias, "/api/v1/me/", body, "patch", **key)
    anns = log_in(Client(), ann())
    assert send(anns, "/api/v1/me/", body, "patch", **key).json()["email"] == "ann@rondo.test"


@pytest.mark.parametrize("key", ["x" * 201, "é", "\t"])
def test_a_key_that_cannot_be_kept_is_refused(mias: Client, key: str) -> None:
    answer = send(mias, "/api/v1/me/", {"name": "x"}, "patch", **{"Idempotency-Key": key})
    assert answer.status_code == 400 or key == "\t"  # a server strips blanks around a header


@pytest.mark.django_db(transaction=True)
def test_of_twelve_posts_at_once_with_one_key_one_happens() -> None:
    workspace = a_workspace()
    _row, text = create_token(user=mia(workspace), name="t", scope="write", days=1)
    answers: list[tuple[int, bytes]] = []
    barrier = threading.Barrier(12)

    def post() -> None:
        barrier.wait()
        headers = {"Authorization": f"Bearer {text}", "Idempotency-Key": "k"}
        answer = send(Client(), INVITATIONS, {"email": "n@rondo.test", "role": "viewer"}, **headers)
        answers.append((answer.status_code, answer.content))
        connection.close()

    threads = [threading.Thread(target=post) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {201}
    assert len({body for _, body in answers}) == 1
    assert Invitation.objects.count() == 1


# ---- bodies


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "a\\u0000b"}',
        b'{"name": "\\ud800"}',
        b'{"name": NaN}',
        b'{"name": 1e999}',
        b'{"name": "a", "name": "b"}',
        b"[" * 100_000,
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b'{"name":',
        b"",
        b"[]",
        b'"text"',
        b"null",
    ],
)
def test_a_body_that_could_not_be_stored_is_400(mias: Client, body: bytes) -> None:
    answer = send(mias, "/api/v1/me/", body, "patch")
    if body == b"":
        assert answer.status_code == 200  # nothing to change
    else:
        assert answer.status_code == 400, answer.content
        assert answer["Content-Type"] == "application/problem+json"
    assert mia().name == "Mia"


def test_a_body_above_the_limit_is_refused(mias: Client) -> None:
    body = b'{"name": "' + b"x" * 2_700_000 + b'"}'
    assert send(mias, "/api/v1/me/", body, "patch").status_code in (400, 413)


def test_unknown_fields_are_refused_by_name(mias: Client) -> None:
    answer = send(mias, "/api/v1/me/", {"name": "M", "is_site_admin": True}, "patch")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "is_site_admin"


# ---- the schema and its page


def test_the_schema_is_valid_and_names_every_endpoint(mias: Client, capsys: Any) -> None:
    from drf_spectacular.validation import validate_schema

    from tests.access.world import routes

    schema = mias.get("/api/schema/").json()
    validate_schema(schema)
    assert capsys.readouterr().err == ""  # drf-spectacular warns there
    described = {method.upper() for operations in schema["paths"].values() for method in operations}
    assert described == {"GET", "POST", "PATCH", "DELETE"}
    count = sum(len(operations) for operations in schema["paths"].values())
    beside = {"api_schema", "api_docs", "api_nothing_here"}
    assert count == sum(name.startswith("api_") and name not in beside for name, *_ in routes())


def test_every_operation_states_its_refusals(mias: Client) -> None:
    schema = mias.get("/api/schema/").json()
    for operations in schema["paths"].values():
        for method, operation in operations.items():
            assert {"400", "401", "403", "404", "429"} <= operation["responses"].keys()
            assert operation.get("summary")
            keyed = any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", []))
            assert keyed == (method != "get")


def test_the_docs_page_needs_no_script_and_shows_every_operation(mias: Client) -> None:
    page = mias.get("/api/docs/").content.decode()
    schema = mias.get("/api/schema/").json()
    for path in schema["paths"]:
        assert path in page
    assert "https://" not in page.replace("https://rondo", "")


# ---- what the endpoints do


def test_a_workspace_and_its_people_by_api(db: None) -> None:
    ada = log_in(Client(), admin())
    made = send(ada, WORKSPACES, {"name": "Tea  pots"})
    assert (made.status_code, made.json()["slug"], made.json()["name"]) == (
        201,
        "tea-pots",
        "Tea pots",
    )
    base = f"{WORKSPACES}tea-pots/"
    assert send(ada, base, {"description": "Of clay"}, "patch").json()["description"] == "Of clay"
    member = join(Workspace.objects.get(), ann(), "annotator")
    row = f"{base}members/{member.pk}/"
    assert send(ada, row, {"role": "viewer"}, "patch").json()["role"] == "viewer"
    assert ada.delete(row).status_code == 204
    assert ada.get(row).status_code == 404
    invited = send(ada, f"{base}invitations/", {"email": "n@rondo.test", "role": "viewer"}).json()
    assert invited["state"] == "pending"
    assert "/invitations/" in invited["link"]
    one = f"{base}invitations/{invited['id']}/"
    assert "link" not in ada.get(one).json()
    assert send(ada, one, {}).json()["link"] != invited["link"]
    assert ada.delete(one).status_code == 204
    assert ada.get(one).json()["state"] == "revoked"
    actions = [row["action"] for row in ada.get(f"{base}audit/").json()["results"]]
    assert actions == [
        "invitation.revoke",
        "invitation.resend",
        "invitation.create",
        "membership.remove",
        "membership.change",
        "workspace.change",
        "workspace.create",
    ]


def test_the_last_manager_stays(mias: Client) -> None:
    member = Workspace.objects.get().memberships.get()
    for answer in (
        send(mias, f"{MEMBERS}{member.pk}/", {"role": "viewer"}, "patch"),
        mias.delete(f"{MEMBERS}{member.pk}/"),
    ):
        assert answer.status_code == 400
        assert "only manager" in answer.json()["detail"]
