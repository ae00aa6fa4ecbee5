"""The novelty filter beside self-instruct's published way: CPU time a candidate on a fixed pool.

    python -m tests.benchmarks.bench_novelty [--pool 10000] [--data FOLDER] [--published 3]

Texts are the instructions, prompts and questions of the shared data (FOLDER), shuffled by a fixed
seed; where there are fewer than the pool needs, pairs of them are joined. The published way scores
a candidate against every item by rouge_score in a Pool of four processes, as
bootstrap_instructions.py does. Decisions are compared on every candidate that it scored, and on all
of them with a scan of the whole pool by our own ROUGE-L.
"""

import argparse
import gzip
import itertools
import json
import os
import random
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import Pool
from pathlib import Path

from annotation.domain.novelty_gate import NoveltyGate

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
NAMES = ("instruction", "prompt", "question", "goal")
CANDIDATES, SEED = 1000, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", type=int, default=10_000)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument(
        "--published", type=int, default=3, help="candidates for the published way; 0: none"
    )
    options = parser.parse_args()
    texts = shuffled(options.data, options.pool + CANDIDATES)
    pool, candidates = texts[: options.pool], texts[options.pool :]
    words = sum(len(text.split()) for text in texts) / len(texts)
    print(f"{len(pool)} in the pool, {words:.1f} words in the mean; {os.getloadavg()[0]:.1f} load")

    gate = NoveltyGate()
    began = time.process_time()
    for text in pool:
        gate.add(text)
    print(f"filling: {(time.process_time() - began) / len(pool) * 1e3:.3f} ms an item")
    times, decided = [], []
    for _ in range(3):
        began = time.process_time()
        decided = [gate.check(text).novel for text in candidates]
        times.append((time.process_time() - began) / len(candidates))
    ours = min(times)
    print(
        f"ours: {ours * 1e3:.3f} ms of CPU a candidate ({sum(decided)} of {len(decided)} are new)"
    )
    scanned = [gate.check(text, exact=True).novel for text in candidates[:200]]
    print(f"equal to a scan of the whole pool: {scanned == decided[:200]} (200 candidates)")

    sample = candidates[: options.published]
    if not sample:
        print("published: not run")
        return
    theirs, said = published(pool, sample)
    same = said == decided[: len(sample)]
    print(f"published: {theirs * 1e3:.0f} ms of CPU a candidate; same decisions: {same}")
    print(f"ratio {theirs / ours:,.0f}")


def published(pool: list[str], candidates: list[str]) -> tuple[float, list[bool]]:
    """CPU seconds a candidate, processes of the pool included, and its decisions."""
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    began, said = sum(os.times()[:4]), []
    for text in candidates:
        with Pool(4) as workers:
            scores = workers.map(partial(scorer.score, text), pool)
            workers.close()
            workers.join()
        said.append(not max(score["rougeL"].fmeasure for score in scores) > 0.7)
    return (sum(os.times()[:4]) - began) / len(candidates), said


def shuffled(folder: Path, count: int) -> list[str]:
    texts = list(dict.fromkeys(instructions(folder)))
    chance = random.Random(SEED)
    chance.shuffle(texts)
    pairs = (f"{a} {b}" for a, b in itertools.permutations(texts[:400], 2))
    return list(itertools.islice(itertools.chain(texts, pairs), count))


def instructions(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.json*")):
        data = path.read_bytes()
        for row in rows(gzip.decompress(data) if path.suffix == ".gz" else data):
            found = next((row[name] for name in NAMES if isinstance(row.get(name), str)), "")
            if 3 <= len(found.split()) <= 150:
                yield " ".join(found.split())


def rows(data: bytes) -> Iterator[dict[str, object]]:
    try:
        whole = json.loads(data)
    except ValueError:
        whole = [json.loads(line) for line in data.splitlines() if line.startswith(b"{")]
    yield from (row for row in whole if isinstance(row, dict)) if isinstance(whole, list) else ()


if __name__ == "__main__":
    main()
