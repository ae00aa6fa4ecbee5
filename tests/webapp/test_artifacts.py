import hashlib
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp import artifacts
from webapp.artifacts import UnsafePath, chunks, download, exists, reading, safe_join, writing


@pytest.fixture(params=["folder", "memory"])
def place(request, settings, tmp_path: Path) -> str:
    """A disk and a store without folders: both keep the same promises."""
    url = str(tmp_path / "artifacts") if request.param == "folder" else f"memory://{tmp_path}"
    settings.ARTIFACTS_URL = url
    return url


def write(path: str, *parts: bytes) -> artifacts.Artifact:
    with writing(path, name="votes.csv", content_type="text/csv") as file:
        for part in parts:
            file.write(part)
    assert file.artifact is not None
    return file.artifact


def test_a_file_is_described_and_read_back(place: str) -> None:
    made = write("exports/7/1.csv", b"a,b\r\n", b"1,2\r\n")
    assert (made.size, made.sha256) == (10, hashlib.sha256(b"a,b\r\n1,2\r\n").hexdigest())
    assert b"".join(chunks("exports/7/1.csv")) == b"a,b\r\n1,2\r\n"
    artifacts.delete("exports/7/1.csv")
    artifacts.delete("exports/7/1.csv")
    assert not exists("exports/7/1.csv")
    with pytest.raises(FileNotFoundError):
        reading("exports/7/1.csv")


def break_off(path: str) -> None:
    with writing(path, name="x", content_type="text/csv") as file:
        file.write(b"half")
        assert not exists(path) or b"".join(chunks(path)) == b"whole"
        raise RuntimeError("the disk is full")


def test_a_file_that_breaks_off_is_not_there(place: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        break_off("exports/7/1.csv")
    assert not exists("exports/7/1.csv")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [], "nor is anything of it"


def test_the_file_before_it_stays_until_the_new_one_is_whole(place: str) -> None:
    write("exports/7/1.csv", b"whole")
    with pytest.raises(RuntimeError):
        break_off("exports/7/1.csv")
    assert b"".join(chunks("exports/7/1.csv")) == b"whole"
    write("exports/7/1.csv", b"new")
    assert b"".join(chunks("exports/7/1.csv")) == b"new"


def test_a_download_is_never_shown_by_a_browser(place: str) -> None:
    write("exports/7/page.html", b"<script>alert(1)</script>")
    made = artifacts.Artifact("exports/7/page.html", 'réponse "1".html', 25, "", "text/html")
    response = download(made)
    assert b"".join(response.streaming_content) == b"<script>alert(1)</script>"
    assert response["Content-Disposition"] == (
        "attachment; filename*=utf-8''r%C3%A9ponse%20%221%22.html"
    )
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox;")


@pytest.mark.parametrize(
    "path",
    [
        "../secret_key",
        "exports/../../secret_key",
        "/etc/passwd",
        "exports//1",
        "exports/",
        "",
        ".",
        ".hidden",
        "exports\\..\\x",
        "exports/\0x",
        "exports/a b",
        "exports/é",
        "-rf",
        "x" * 121,
        "file:///etc/passwd",
        "exports/1\n",
    ],
)
def test_it_refuses_a_path_that_leads_elsewhere(path: str) -> None:
    with pytest.raises(UnsafePath, match="Allowed: ASCII letters"):
        safe_join(path)
    with pytest.raises(UnsafePath):
        exists(path)


@given(st.lists(st.text(st.sampled_from(string.printable + "\0é") | st.characters()), min_size=1))
def test_whatever_is_joined_stays_below_the_root(parts: list[str]) -> None:
    root = Path("/srv/artifacts")
    try:
        joined = safe_join(*parts)
    except UnsafePath:
        return
    assert (root / joined).resolve().is_relative_to(root)
    assert (root / joined).resolve() != root
