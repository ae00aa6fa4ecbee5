"""`python -m training.trainers RUN_DIR [--dry-run]`: carry out the run that RUN_DIR describes.

Exit codes: 0 done, 1 crash, 2 bad input, 3 cancelled, 4 out of memory, 5 diverged, 6 disk full.
Started again on the same directory, it goes on from the newest complete checkpoint.
"""

import argparse
import os
import sys
import time
import traceback
from importlib import metadata
from pathlib import Path

from training.trainers.outcome import EXIT_CODES, Outcome, Result, classify
from training.trainers.run_directory import Run
from training.trainers.stop import StopFlag

# The hub's client reads these on import. A run uses local files only, and reports to nobody.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
_VERSIONED = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "safetensors",
    "tokenizers",
    "bitsandbytes",
)


def main(arguments: list[str] | None = None) -> int:
    """Carry out one attempt; the return value is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.trainers", description=__doc__)
    parser.add_argument("run_dir", type=Path, help="the folder that holds run.json")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check everything, show the first batch, estimate memory and time; train nothing",
    )
    parser.add_argument(
        "--preview",
        type=Path,
        metavar="FILE",
        help="with --dry-run: write the first batch and the estimates to FILE, as JSON",
    )
    options = parser.parse_args(arguments)
    os.environ.update(OFFLINE)
    stop = StopFlag()
    stop.install()
    started = time.monotonic()
    run, result = _attempt(options, stop, halved=False)
    if run is not None and _may_halve(run, result):
        sentence = result.sentence
        run.close()
        _release_memory()
        run, result = _attempt(options, stop, halved=True, because=sentence)
    result.seconds = round(time.monotonic() - started, 3)
    if run is not None:
        _record(run, result)
        run.close()
        if options.dry_run and options.preview is not None:
            _write_preview(options.preview, result)
    elif result.outcome is not Outcome.DONE:
        _refuse(options.run_dir, result)
    if result.outcome is not Outcome.DONE:
        print(result.sentence, file=sys.stderr)
    return EXIT_CODES[result.outcome]


def _attempt(
    options: argparse.Namespace, stop: StopFlag, *, halved: bool, because: str = ""
) -> tuple[Run | None, Result]:
    """Open the run and carry it out; `halved` after it ran out of memory, `because` of which."""
    run = None
    try:
        run = Run.open(options.run_dir, dry_run=options.dry_run, stop=stop, halved=halved)
        if halved:
            run.events.warning(
                "micro_batch_halved",
                f"{because} training.halve_on_out_of_memory is on: going on with micro batches of "
                f"{run.config.training.micro_batch_size} instead of "
                f"{run.given.training.micro_batch_size}; the batch stays "
                f"{run.config.training.batch_size}.",
            )
        return run, _carry_out(run)
    except BaseException as error:
        return run, _ending(error)


def _may_halve(run: Run, result: Result) -> bool:
    """Whether a smaller micro batch may be tried. Not among several processes: the others wait in
    a sum for the one that ran out, and only their launcher can start all of them again."""
    training = run.config.training
    return (
        result.outcome is Outcome.OUT_OF_MEMORY
        and training.halve_on_out_of_memory
        and run.world_size == 1
        and min(training.micro_batch_size, training.batch_size) > 1
    )


def _release_memory() -> None:
    """Give up what the failed attempt held; its frames went with its exception."""
    import gc

    gc.collect()
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _carry_out(run: Run) -> Result:
    from training.trainers.allocator import keep_freed_memory
    from training.trainers.inputs import verify_inputs
    from training.trainers.loading import device_of
    from training.trainers.methods import trainer_of
    from training.trainers.sharding import keep_accelerate_out, sharding_of
    from training.trainers.trackers import connect_trackers

    if run.config.device != "cuda" and device_of(run).type == "cpu":
        keep_freed_memory()
    run.sharding = sharding_of(run.config, run.world_size)
    keep_accelerate_out()
    connect_trackers(run)
    inputs = verify_inputs(run)
    result = trainer_of(run.config.method)(run)
    result.data_sha256 = inputs.data
    result.inputs_sha256 = inputs.models
    return result


def _ending(error: BaseException) -> Result:
    known = classify(error)
    if known is not None:
        return Result(outcome=known.outcome, sentence=str(known))
    if isinstance(error, SystemExit):
        return Result(outcome=Outcome.CRASHED, sentence=f"The run left with code {error.code}.")
    traceback.print_exception(error)
    sentence = f"The run crashed: {type(error).__name__}: {error}. The error output has the trace."
    return Result(outcome=Outcome.CRASHED, sentence=sentence)


def _record(run: Run, result: Result) -> None:
    """Write the result; on a full disk this may fail too, and the exit code must still be right."""
    result.versions = _versions()
    try:
        run.write_result(result)
        if result.outcome is not Outcome.DONE:
            run.events.warning(str(result.outcome), result.sentence)
    except OSError as error:
        print(f"result.json could not be written: {error}", file=sys.stderr)


def _write_preview(path: Path, result: Result) -> None:
    import msgspec

    try:
        path.write_bytes(msgspec.json.encode(result))
    except OSError as error:
        print(f"{path} could not be written: {error}", file=sys.stderr)


def _refuse(folder: Path, result: Result) -> None:
    """Leave a result.json even where run.json could not be understood."""
    from training.trainers.state_io import write_atomically

    # A directory at work in another process is not ours to write to.
    locked = "Another process is working" in result.sentence
    if folder.is_dir() and not locked and result.outcome is Outcome.BAD_INPUT:
        import msgspec

        try:
            write_atomically(folder / "result.json", msgspec.json.encode(result))
        except OSError as error:
            print(f"result.json could not be written: {error}", file=sys.stderr)


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for name in _VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    sys.exit(main())
