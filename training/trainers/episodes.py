"""Whole answers kept token by token, `rollouts/step-N.jsonl`, for a reader of the run.

One answer a line: prompt, text, scores, and for each token its id, text, log-probability under the
policy that sampled it and under the reference (nats), their KL estimate k1, value, reward,
advantage (as learned from) and return. Written under another name and renamed: a file is whole or
absent.
"""

import json
from typing import Any

from training.trainers.on_policy_models import OnPolicyModels
from training.trainers.rollout import Rollout
from training.trainers.run_directory import Run
from training.trainers.state_io import write_atomically

DIGITS = 6  # what float32 carries


def record_rollout(
    run: Run, step: int, rollout: Rollout, models: OnPolicyModels, most: int
) -> None:
    """Write the first `most` answers of an update."""
    folder = run.path / "rollouts"
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(episode(rollout, row, models)) for row in range(min(most, len(rollout)))]
    write_atomically(folder / f"step-{step}.jsonl", ("\n".join(lines) + "\n").encode())


def episode(rollout: Rollout, row: int, models: OnPolicyModels) -> dict[str, Any]:
    """One answer as an object that JSON can hold."""
    completion = rollout.completions[row]
    length = len(completion.ids)
    columns = {
        "logp": rollout.logps,
        "ref_logp": rollout.ref_logps,
        "kl": rollout.logps - rollout.ref_logps,
        "value": rollout.values,
        "reward": rollout.rewards,
        "advantage": rollout.advantages,
        "return": rollout.returns,
    }
    lists = {name: tensor[row, :length].tolist() for name, tensor in columns.items()}
    tokens = [
        {
            "id": token,
            "text": models.tokenizer.decode([token]),
            **{name: round(values[at], DIGITS) for name, values in lists.items()},
        }
        for at, token in enumerate(completion.ids)
    ]
    return {
        "row": rollout.first_row + row,
        "prompt": rollout.prompts[row].plain,
        "completion": models.text(completion.ids),
        "ended": completion.ended,
        "score": round(float(rollout.raw_scores[row]), DIGITS),
        "shaped_score": round(float(rollout.scores[row]), DIGITS),
        "tokens": tokens,
    }
