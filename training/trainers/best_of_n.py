"""Best-of-N: sample N answers to each prompt, score them all, choose the best. Trains nothing.

Leaves in `data/`, for other runs to learn from:
- samples.jsonl  every prompt with all its answers, their scores, and which was chosen;
- best.jsonl     the chosen answers (prompt-completion), to fine-tune on;
- pairs.jsonl    the best and the worst answer of each prompt (preference).
Answers that did not end by themselves stand in samples.jsonl only: a model must not learn to be cut
short. The report has what best-of-n would bring for n = 1 .. N, and what it costs in KL at most.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from training.algorithms.sampling import best_index, expected_max, kl_bound, win_rate
from training.trainers.events import Phase
from training.trainers.on_policy_dry_run import dry_run
from training.trainers.on_policy_models import OnPolicyModels, load_models
from training.trainers.outcome import Result
from training.trainers.processes import Processes
from training.trainers.prompts import Prompt
from training.trainers.run_directory import Run
from training.trainers.scored_answers import (
    Answer,
    completion_row,
    preference_row,
    scored_answers,
)
from training.trainers.state_io import write_atomically
from training.trainers.stepwise import Stepwise


def train(run: Run) -> Result:
    """Carry out the best-of-N run that the directory describes. Raises BadInput, Cancelled,
    OutOfMemory."""
    processes = Processes(run)
    models, prompts = load_models(run, processes, value=False, reference=False)
    if run.dry_run:
        return dry_run(run, processes, models, prompts)
    return BestOfN(run, processes, models, prompts).train()


class BestOfN(Stepwise):
    """One step answers `training.batch_size` prompts."""

    phase = Phase.GENERATING

    def __init__(
        self, run: Run, processes: Processes, models: OnPolicyModels, prompts: list[Prompt]
    ) -> None:
        size = run.config.training.batch_size
        super().__init__(run, processes, models, -(-len(prompts) // size))
        self.prompts, self.size = prompts, size
        self.rows: list[dict[str, Any]] = []

    def advance(self) -> float:
        started = time.monotonic()
        begin = self.step * self.size
        prompts = self.prompts[begin : begin + self.size]
        table = scored_answers(
            self.models,
            self.processes,
            prompts,
            self.config,
            per_prompt=self.settings.n,
            round_number=self.step,
        )
        self.rows += [_row(prompt, answers) for prompt, answers in zip(prompts, table, strict=True)]
        self.step += 1
        self.metrics = self._figures()
        self.run.events.metrics(self.step, self.metrics)
        tokens = sum(len(answer.ids) for answers in table for answer in answers)
        return tokens / max(time.monotonic() - started, 1e-9)

    def method_state(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_method_state(self, state: dict[str, Any]) -> None:
        self.rows = state["rows"]

    def finish(self) -> Result:
        curve = expected_max_curve([row["scores"] for row in self.rows])
        if self.run.is_main:
            _write_data(self.run, self.prompts, self.rows)
        self.processes.wait()
        return Result(
            steps=self.step,
            metrics=dict(self.metrics),
            report={"best_of_n": curve, "prompts": len(self.rows), "n": self.settings.n},
        )

    def _figures(self) -> dict[str, float]:
        scores = [row["scores"] for row in self.rows]
        ended = [flag for row in self.rows for flag in row["ended"]]
        return {
            "best_of_n/score": fmean(fmean(row) for row in scores),
            "best_of_n/best_score": fmean(max(row) for row in scores),
            "best_of_n/kl_bound": kl_bound(self.settings.n),
            "response/eos_rate": fmean(ended),
        }


def expected_max_curve(scores: Sequence[Sequence[float]]) -> list[dict[str, float]]:
    """For n = 1 .. N: the unbiased mean over prompts of the best score of n, the bound on the KL
    that choosing costs (nats), and the chance to beat one more sample by the same score."""
    most = min(len(row) for row in scores)
    return [
        {
            "n": n,
            "expected_max": fmean(expected_max(row, n) for row in scores),
            "kl_bound": kl_bound(n),
            "win_rate": win_rate(n),
        }
        for n in range(1, most + 1)
    ]


def _row(prompt: Prompt, answers: Sequence[Answer]) -> dict[str, Any]:
    scores = [answer.score for answer in answers]
    return {
        "prompt": prompt.plain,
        "completions": [answer.text for answer in answers],
        "ended": [answer.ended for answer in answers],
        "scores": scores,
        "chosen": best_index(scores),
    }


def _write_data(run: Run, prompts: Sequence[Prompt], rows: Sequence[dict[str, Any]]) -> None:
    best, pairs = [], []
    for prompt, row in zip(prompts, rows, strict=True):
        columns = zip(row["completions"], row["ended"], row["scores"], strict=True)
        ended = [Answer([], text, True, score) for text, end, score in columns if end]
        if not ended:
            continue
        scores = [answer.score for answer in ended]
        top, bottom = ended[best_index(scores)], ended[best_index([-score for score in scores])]
        best.append({**completion_row(prompt, top), "score": top.score})
        if top.text != bottom.text and top.score > bottom.score:
            pairs.append(preference_row(prompt, top, bottom))
    if len(best) < len(rows):
        run.events.warning(
            "no_answer_ended",
            f"{len(rows) - len(best)} of {len(rows)} prompts have no answer that ended, and are "
            "left out of best.jsonl. Raise settings.max_new_tokens.",
        )
    folder = run.path / "data"
    folder.mkdir(exist_ok=True)
    for name, lines in (("samples", rows), ("best", best), ("pairs", pairs)):
        write_rows(folder / f"{name}.jsonl", lines)


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """JSON Lines, whole or not at all."""
    write_atomically(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
