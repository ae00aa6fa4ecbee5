"""A run directory: what a run is told, what it says, and what it leaves behind.

RUN_DIR/
  run.json        what to do (the only file that is read; see run_config)
  inputs.json     sha256 of every data file and model folder at the first start
  events.jsonl    the diary (see events)
  checkpoints/    step-N/, each complete or absent (see checkpoints)
  model/          the trained model, with manifest.json; absent until it is complete
  result.json     how the run ended; absent while it runs
  lock            held while a process works here
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from training.trainers.checkpoints import Checkpoints
from training.trainers.events import EventLog, Phase
from training.trainers.faultpoint import faultpoint
from training.trainers.manifest import Manifest, write_manifest
from training.trainers.outcome import BadInput, Result
from training.trainers.run_config import RunConfig, config_sha256, read_config
from training.trainers.state_io import fsync_path, write_atomically
from training.trainers.stop import StopFlag

if TYPE_CHECKING:
    from training.trainers.sharding import Sharding


class Run:
    """One attempt at the run that a directory describes; opening it begins the attempt.

    Of several processes (torchrun), only the one of rank 0 writes; `is_main` says which that is.
    """

    def __init__(
        self,
        path: Path,
        config: RunConfig,
        *,
        dry_run: bool = False,
        stop: StopFlag | None = None,
        halved: bool = False,
    ) -> None:
        self.path = path
        self.given = config
        self.config = halved_micro_batches(config) if halved else config
        self.dry_run = dry_run
        self.stop = stop or StopFlag()
        self.rank = int(os.environ.get("RANK", "0"))
        self.world_size = int(os.environ.get("WORLD_SIZE", "1"))
        self.sharding: Sharding = "none"  # settled in main, before anything is loaded
        self._lock: IO[str] | None = None
        writes = self.is_main and not dry_run
        if writes:
            self._take_lock()
        self.events = EventLog(path / "events.jsonl" if writes else None)
        self.checkpoints = Checkpoints(
            path / "checkpoints", self.events, keep=config.training.keep_checkpoints
        )
        if writes:
            self.checkpoints.remove_drafts()
            shutil.rmtree(path / ".draft-model", ignore_errors=True)
            (path / "result.json").unlink(missing_ok=True)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        dry_run: bool = False,
        stop: StopFlag | None = None,
        halved: bool = False,
    ) -> "Run":
        """The run that `path/run.json` describes, `halved` with half its micro batches. Raises
        BadInput."""
        path = path.resolve()
        if not path.is_dir():
            raise BadInput(f"{path} is not a folder. Give the folder that holds run.json.")
        config = read_config(path / "run.json")
        return cls(path, config, dry_run=dry_run, stop=stop, halved=halved)

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    @property
    def model_folder(self) -> Path:
        return self.path / "model"

    def resolve(self, path: str) -> Path:
        """A path of run.json, taken relative to the run directory."""
        return (self.path / path).resolve()

    def enter(self, phase: Phase) -> None:
        """Say which phase begins; a requested stop takes effect here (raises Cancelled)."""
        self.stop.check()
        self.events.phase(phase)
        faultpoint(f"phase.{phase}")
        self.stop.check()

    @contextmanager
    def exporting(self) -> Iterator[Path]:
        """A folder to fill with the trained model; on leaving, it becomes `model/` as a whole."""
        self.enter(Phase.EXPORTING)
        draft = self.path / ".draft-model"
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            yield draft
            faultpoint("export.written")
            self.stop.check()
            write_manifest(draft, {"method": self.config.method})
            if self.model_folder.exists():
                shutil.rmtree(self.model_folder)
            draft.rename(self.model_folder)
            fsync_path(self.path)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def write_result(self, result: Result) -> None:
        """Write result.json, adding what the run knows about itself."""
        if not self.is_main or self.dry_run:
            return
        result.method = self.config.method
        result.config_sha256 = config_sha256(self.given)
        if result.outcome == "done" and self.model_folder.is_dir():
            result.model_sha256 = _manifest_of(self.model_folder).fingerprint
        text = msgspec.json.format(msgspec.json.encode(result))
        write_atomically(self.path / "result.json", text)

    def close(self) -> None:
        self.events.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        # The kernel drops the lock with the process, however it ends: nothing to clean up.
        self._lock = (self.path / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise BadInput(
                f"Another process is working in {self.path}. Wait for it, or stop it first."
            ) from None


def halved_micro_batches(config: RunConfig) -> RunConfig:
    """The same run with half as many rows at once; batches, and so the results, stay.

    A micro batch becomes the largest divisor of the batch that is at most half of it. Answers
    sampled at once are halved too.
    """
    training = config.training
    most = max(min(training.micro_batch_size, training.batch_size) // 2, 1)
    micro = max(n for n in range(1, most + 1) if training.batch_size % n == 0)
    changes: dict[str, Any] = {
        "training": msgspec.structs.replace(training, micro_batch_size=micro),
    }
    sampled = getattr(config.settings, "rollout_batch_size", None)
    if sampled is not None:
        half = max(sampled // 2, 1)
        changes["settings"] = msgspec.structs.replace(config.settings, rollout_batch_size=half)
    return msgspec.structs.replace(config, **changes)


def _manifest_of(folder: Path) -> Manifest:
    from training.trainers.manifest import read_manifest

    return read_manifest(folder)
