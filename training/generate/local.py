"""The process that holds weights, as a job sees it: a folder with two growing files.

`python -m training.trainers.answering` has no database, no secrets and no Django; it is told by
`requests.jsonl` and answers in `events.jsonl`. It ends with its job, however the job ends.
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from training.generate.outcomes import Finished, NoAnswer
from training.generate.session import Held, Session
from training.generate.weights import WeightsMissing, folder_of
from training.generate.wording import wording
from webapp.jobs.supervise import Tail, supervise

LOOK_SECONDS = 0.05  # somebody watches the words come
STALL_SECONDS = 900.0  # loading the largest model may take minutes, during which nothing is said


class Local:
    """Passes requests to the process and what it says back to the session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session: Session | None = None
        self.device = ""
        self._requests = (folder / "requests.jsonl").open("ab", buffering=0)

    def start(self, held: Held) -> None:
        assert self.session is not None
        try:
            weights = folder_of(held.endpoint)
        except WeightsMissing as missing:
            self.session.heard.put((held, NoAnswer(str(missing))))
            return
        given = wording(held.endpoint, held.row.messages)
        self._say(
            "ask",
            id=held.row.pk,
            folder=str(weights),
            messages=given.messages,
            text=given.text,
            temperature=held.sampling.temperature,
            top_p=held.sampling.top_p,
            max_tokens=held.sampling.limit(held.endpoint),
            seed=held.sampling.seed,
            sample=held.sampling.sample,
            presence_penalty=held.sampling.presence_penalty,
            stop=[*held.sampling.stop, *given.stop],
        )

    def stop(self, held: Held) -> None:
        self._say("stop", id=held.row.pk)

    def leave(self) -> None:
        self._say("leave")

    def hear(self, lines: list[bytes]) -> None:
        assert self.session is not None
        for line in lines:
            said = json.loads(line)
            if said["kind"] == "ready":
                self.device = said["device"]
            held = self.session.held.get(said.get("id", 0))
            if held is None:
                continue
            heard: Any = None
            if said["kind"] == "text":
                heard = str(said["text"]).replace("\0", "")
            elif said["kind"] == "done":
                heard = Finished(said["finish"], said["tokens_in"], said["tokens_out"])
            elif said["kind"] == "failed":
                heard = NoAnswer(said["sentence"])
            if heard is not None:
                self.session.heard.put((held, heard))

    def _say(self, kind: str, **fields: Any) -> None:
        self._requests.write(json.dumps({"kind": kind, **fields}).encode() + b"\n")


@contextlib.contextmanager
def process_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rondo-answers-") as name:
        yield Path(name)


def run_process(local: Local, tick: Callable[[], None]) -> str:
    """Run the process until it leaves, calling `tick` twenty times a second.

    Returns why it ended badly, or "" when it left as it was told to. Raises what `tick` raises.
    """
    log = local.folder / "log"
    ended = supervise(
        [sys.executable, "-m", "training.trainers.answering", str(local.folder)],
        beat=tick,
        log=log,
        folder=settings.BASE_DIR,
        events=Tail(local.folder / "events.jsonl"),
        on_lines=local.hear,
        stall_seconds=STALL_SECONDS,
        grace_seconds=2.0,
        look_seconds=LOOK_SECONDS,
    )
    if ended.stalled:
        return _("The model's process said nothing for %(minutes)d minutes and was ended.") % {
            "minutes": STALL_SECONDS // 60
        }
    if ended.code:
        return _(
            "The model's process ended with code %(code)s. Most often the model does not fit into "
            "the memory of the worker."
        ) % {"code": ended.code}
    return ""
