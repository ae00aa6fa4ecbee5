"""Checkpoints that exist whole or not at all.

A checkpoint is written into a hidden folder, forced to the disk, described by a manifest that is
renamed in last, and only then renamed to `step-N`. A process killed at any moment leaves either a
hidden folder, which the next process removes, or a complete checkpoint.
"""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from training.trainers.events import EventLog, Phase
from training.trainers.faultpoint import faultpoint
from training.trainers.manifest import damage, write_manifest
from training.trainers.outcome import BadInput, DiskFull, classify
from training.trainers.state_io import fsync_path

_NAME = re.compile(r"step-(\d+)\Z")
_DRAFT_PREFIX = ".draft-"


class Checkpoint(NamedTuple):
    """A complete checkpoint: the number of steps done, and its folder."""

    step: int
    path: Path


class Checkpoints:
    """The checkpoints of one run, in `folder`; the newest `keep` are kept."""

    def __init__(self, folder: Path, events: EventLog, keep: int = 2) -> None:
        self.folder = folder
        self.events = events
        self.keep = keep

    def remove_drafts(self) -> None:
        """Remove what a killed process left half-written."""
        for draft in self.folder.glob(f"{_DRAFT_PREFIX}*"):
            shutil.rmtree(draft, ignore_errors=True)

    @contextmanager
    def writing(self, step: int) -> Iterator[Path]:
        """A folder to fill with the state after `step` steps; on leaving, it becomes `step-N`.

        Raises DiskFull when there is no room; the draft is removed and earlier checkpoints stand.
        """
        started = time.monotonic()
        self.events.phase(Phase.SAVING)
        draft = self.folder / f"{_DRAFT_PREFIX}step-{step}"
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            yield draft
            faultpoint("checkpoint.written")
            manifest = write_manifest(draft, {"step": step})
            faultpoint("checkpoint.manifest")
            self._move_in(draft, self.folder / f"step-{step}")
        except BaseException as error:
            shutil.rmtree(draft, ignore_errors=True)
            ending = classify(error)
            if isinstance(ending, DiskFull):
                sentence = f"The checkpoint of step {step} could not be saved. {ending}"
                raise DiskFull(sentence) from error
            raise
        faultpoint("checkpoint.renamed")
        size = sum(entry.size for entry in manifest.files)
        self.events.checkpoint(step, f"checkpoints/step-{step}", size, time.monotonic() - started)
        self._prune(newest=step)

    def newest_complete(self) -> Checkpoint | None:
        """The newest checkpoint whose every byte is as written, or None if there are none at all.

        Each newer one that is damaged is passed over with a warning that says why.
        Raises BadInput when there are checkpoints and all are damaged: to begin anew silently
        would throw the work away.
        """
        found = sorted(self._all(), reverse=True)
        reasons: list[str] = []
        for checkpoint in found:
            reason = damage(checkpoint.path)
            if reason is None:
                if reasons:
                    self.events.warning(
                        "checkpoint_damaged",
                        f"{' '.join(reasons)} Going on from step {checkpoint.step} instead.",
                    )
                return checkpoint
            reasons.append(f"The checkpoint of step {checkpoint.step} is damaged: {reason}.")
        if found:
            raise BadInput(
                f"{' '.join(reasons)} No complete checkpoint is left to go on from. "
                "Restore one, or remove the folder checkpoints/ to begin this run anew."
            )
        return None

    def _all(self) -> list[Checkpoint]:
        if not self.folder.is_dir():
            return []
        matches = ((_NAME.match(path.name), path) for path in self.folder.iterdir())
        return [Checkpoint(int(match[1]), path) for match, path in matches if match]

    def _move_in(self, draft: Path, final: Path) -> None:
        """Rename `draft` to `final`; a damaged checkpoint of the same step makes way."""
        if final.exists():
            aside = final.with_name(f"{_DRAFT_PREFIX}replaced-{final.name}")
            shutil.rmtree(aside, ignore_errors=True)
            final.rename(aside)
            draft.rename(final)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            draft.rename(final)
        fsync_path(self.folder)

    def _prune(self, newest: int) -> None:
        # Checkpoints beyond the newest step are damaged ones that the run resumed from before;
        # left in place they would be tried first again.
        kept = sorted(c for c in self._all() if c.step <= newest)[-self.keep :]
        for checkpoint in self._all():
            if checkpoint not in kept:
                # Renamed first: a folder half removed must never be taken for a checkpoint.
                aside = self.folder / f"{_DRAFT_PREFIX}pruned-{checkpoint.path.name}"
                shutil.rmtree(aside, ignore_errors=True)
                checkpoint.path.rename(aside)
                shutil.rmtree(aside, ignore_errors=True)
