"""`python -m annotation.domain.map_process FOLDER`: a layout in a process of its own.

Reads `map.json` ({"points", "perplexity", "seed", "neighbours"}) and `vectors.f16` (rows of
little-endian half floats); appends {"kind": "stage" | "laid", ...} to `events.jsonl` and leaves
`places.f32`: x and y of each point, as little-endian floats. It can be ended at any moment, and the
worker that waits for it never holds the matrices.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from annotation.domain.prompt_map import lay_out, trustworthiness, unit_vectors


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0])
    asked = json.loads((folder / "map.json").read_text())
    vectors = np.fromfile(folder / "vectors.f16", dtype="<f2").reshape(asked["points"], -1)
    with (folder / "events.jsonl").open("a", buffering=1) as events:

        def say(kind: str, **fields: Any) -> None:
            events.write(json.dumps({"kind": kind, **fields}) + "\n")

        say("stage", name="neighbours")
        found = lay_out(
            vectors,
            perplexity=asked["perplexity"],
            seed=asked["seed"],
            threads=len(os.sched_getaffinity(0)),
            on_step=lambda done, total: say("stage", name="layout", done=done, total=total),
        )
        say("stage", name="trustworthiness")
        neighbours = min(asked["neighbours"], (len(vectors) - 1) // 2)
        trust = trustworthiness(unit_vectors(vectors), found.places, neighbours)
        found.places.astype("<f4").tofile(folder / "places.f32")
        say(
            "laid",
            perplexity=found.perplexity,
            divergence=found.divergence,
            trustworthiness=trust,
            neighbours=neighbours,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
