"""Registered models: a process of its own that keeps weights loaded and answers as it goes."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.training.tiny_model import write_tiny_model

pytestmark = pytest.mark.heavy
PATIENCE = 120.0


class Process:
    """The answering process in a folder, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests = (folder / "requests.jsonl").open("ab", buffering=0)
        self.child = subprocess.Popen(
            [sys.executable, "-m", "training.trainers.answering", str(folder)]
        )

    def ask(
        self, number: int, model: Path, text: str = "tell me about the cat .", **more: Any
    ) -> None:
        asked = {
            "kind": "ask",
            "id": number,
            "folder": str(model),
            "messages": [{"role": "user", "content": text}],
            "text": None,
            "temperature": 1.0,
            "top_p": 1.0,
            "max_tokens": 12,
            "seed": number,
            "sample": 0,
            "stop": [],
        } | more
        self.say(**asked)

    def say(self, **fields: Any) -> None:
        self.requests.write(json.dumps(fields).encode() + b"\n")

    def events(self) -> list[dict[str, Any]]:
        path = self.folder / "events.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def ends(self, *numbers: int) -> dict[int, dict[str, Any]]:
        """The last event of each request, when all have one, with the `text` that was sent."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.child.poll() in (None, 0), "the process died"
            events = self.events()
            found = {e["id"]: e for e in events if e["kind"] in ("done", "failed")}
            if set(numbers) <= set(found):
                for number, event in found.items():
                    said = [e for e in events if e["kind"] == "text" and e["id"] == number]
                    event["text"] = "".join(e["text"] for e in said)
                return found
            time.sleep(0.05)
        raise AssertionError(f"not answered within {PATIENCE} s: {self.events()[-3:]}")


@pytest.fixture(scope="module")
def model(tmp_path_factory: Any) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "one")


@pytest.fixture(scope="module")
def process(tmp_path_factory: Any) -> Iterator[Process]:
    found = Process(tmp_path_factory.mktemp("answers"))
    yield found
    found.say(kind="leave")
    assert found.child.wait(PATIENCE) == 0


def test_an_answer_is_the_same_alone_and_in_company(process: Process, model: Path) -> None:
    for number in range(1, 7):
        process.ask(
            number, model, "tell me about the " + ["cat .", "dog . it is big ."][number % 2]
        )
    together = process.ends(*range(1, 7))
    process.ask(100, model, "tell me about the dog . it is big .", seed=3)
    assert process.ends(100)[100]["text"] == together[3]["text"] != ""
    assert len({end["text"] for end in together.values()}) > 1, "each has draws of its own"
    assert together[1]["tokens_in"] > 0
    assert 0 < together[1]["tokens_out"] <= 12


def test_temperature_zero_takes_the_likeliest_token_and_another_model_stays_apart(
    process: Process, model: Path, tmp_path: Path
) -> None:
    other = write_tiny_model(tmp_path / "two", seed=9)
    process.ask(201, model, temperature=0.0, seed=1)
    process.ask(202, model, temperature=0.0, seed=2)
    process.ask(203, other, temperature=0.0)
    found = process.ends(201, 202, 203)
    assert found[201]["text"] == found[202]["text"]
    assert found[203]["text"] != found[201]["text"]


def test_the_presence_penalty_is_taken_once_off_what_was_said() -> None:
    """OpenAI's: z_v - penalty for every v of the answer, once however often it occurs."""
    import torch

    from training.trainers.answering import Request, _penalise

    def request(penalty: float, said: list[int]) -> Request:
        return Request(
            1, "", None, "", 0.7, 1.0, 9, 0, 0, [], presence_penalty=penalty, ids=[4], tokens=said
        )

    logits = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]] * 4)
    _penalise(
        logits,
        [request(2.0, [1, 1, 3]), request(0.0, [1, 3]), request(0.5, []), request(-1.0, [0])],
    )
    assert logits.tolist() == [
        [1.0, 0.0, 3.0, 2.0, 5.0],  # 2 - 2 and 4 - 2; the 4 of the prompt is no answer
        [1.0, 2.0, 3.0, 4.0, 5.0],
        [1.0, 2.0, 3.0, 4.0, 5.0],
        [2.0, 2.0, 3.0, 4.0, 5.0],  # a negative penalty asks for repeating
    ]


def test_an_answer_ends_at_a_stop_text_which_is_never_shown(process: Process, model: Path) -> None:
    process.ask(300, model, seed=5)
    whole = process.ends(300)[300]["text"].split()
    stop = whole[2]
    process.ask(301, model, seed=5, stop=[stop])
    end = process.ends(301)[301]
    assert end["finish"] == "stop"
    assert stop not in end["text"]
    assert " ".join(whole).startswith(end["text"].strip())


def test_what_cannot_be_answered_says_why_and_harms_nobody_else(
    process: Process, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    process.ask(401, tmp_path / "pickled")
    process.ask(402, tmp_path / "nowhere")
    process.ask(403, model, "the cat " * 400)
    process.ask(404, model)
    found = process.ends(401, 402, 403, 404)
    assert "refused" in found[401]["sentence"]
    assert "not a folder" in found[402]["sentence"]
    assert "the model holds 256" in found[403]["sentence"]
    assert found[404]["kind"] == "done"


def test_a_stopped_answer_ends_and_says_nothing_more(process: Process, model: Path) -> None:
    process.ask(501, model, max_tokens=200)
    process.say(kind="stop", id=501)
    process.ask(502, model)
    process.ends(502)
    process.ask(503, model)
    process.ends(503)
    said = [e for e in process.events() if e.get("id") == 501]
    assert all(e["kind"] == "text" for e in said)
