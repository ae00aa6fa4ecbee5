"""Real files of nearly every format: each record is taken or refused by a known reason."""

from collections import Counter

import pytest

from annotation.imports.formats.reading import Good, read_file
from tests.annotation.imports.files import real_file

pytestmark = pytest.mark.heavy

SAME = "prefers one of two answers that are the same text"
PREFIX = "differs from chosen before the last answer"
NO_VERDICT = "is null: the judge's reply could not be read, which is no tie"

# path: (format, records, refusals by reason)
FILES: dict[str, tuple[str, int, dict[str, int]]] = {
    "alpaca_eval/annotations_gpt4/claude-2.json.gz": (
        "alpaca_eval_annotations",
        805,
        {NO_VERDICT: 1},
    ),
    "alpaca_eval/annotations_gpt4/guanaco-65b.json.gz": ("alpaca_eval_annotations", 805, {}),
    "alpaca_eval/outputs/text_davinci_001.json.gz": ("alpaca_eval_outputs", 803, {}),
    "arena/llmfao/crowd-comparisons.csv.gz": ("table", 8931, {}),
    "arena/llmfao/prompts.jsonl.gz": ("table", 19, {}),
    "arena/llmfao/results.jsonl.gz": ("table", 1133, {}),
    "arena/llmfao/pairs-crowd-training.jsonl.gz": ("table", 7, {}),
    "arena/vicuna_questions.jsonl": ("mt_bench_questions", 80, {}),
    "flan/t0_rendered.jsonl.gz": ("self_instruct_generations", 4942, {}),
    "instruct/alpaca_en_demo.json.gz": ("alpaca", 999, {}),
    "instruct/dolly.part.jsonl.gz": ("dolly", 500, {}),
    "instruct/dpo_en_demo.json.gz": ("llama_factory_preference", 300, {}),
    "instruct/kto_en_demo.json.gz": ("llama_factory_kto", 300, {}),
    "instruct/oasst_trees.part.jsonl.gz": ("oasst_trees", 60, {}),
    "instruct/rasbt_instruction_data.json.gz": ("alpaca", 1100, {}),
    "instruct/self_instruct_seed_tasks.jsonl": ("self_instruct_seeds", 175, {}),
    "mt_bench/gpt-4_single.mistral-orpo.jsonl.gz": (
        "mt_bench_judgments",
        800,
        {"holds no score: the judge's reply could not be read": 1},
    ),
    "mt_bench/model_answer/gpt-4.jsonl.gz": ("mt_bench_answers", 80, {}),
    "mt_bench/question.jsonl": ("mt_bench_questions", 80, {}),
    "mt_bench/reference_answer_gpt-4.jsonl": ("mt_bench_answers", 30, {}),
    "pairs/hh/harmless-base.test.jsonl.gz": ("hh_rlhf", 145, {}),
    "pairs/hh/harmless-base.train.jsonl.gz": ("hh_rlhf", 1235, {PREFIX: 1}),
    "pairs/hh/helpful-base.test.jsonl.gz": ("hh_rlhf", 181, {}),
    "pairs/hh/helpful-base.train.jsonl.gz": ("hh_rlhf", 1225, {PREFIX: 5, SAME: 1}),
    "pairs/hh/helpful-rejection-sampled.test.jsonl.gz": ("hh_rlhf", 192, {SAME: 2}),
    "pairs/hh/helpful-rejection-sampled.train.jsonl.gz": ("hh_rlhf", 1442, {PREFIX: 3, SAME: 15}),
    "pairs/llmbar/faireval.json.gz": ("llmbar", 66, {}),
    "pairs/llmbar/llmbar_natural.json.gz": ("llmbar", 100, {}),
    "pairs/llmbar/mt-bench.json.gz": ("llmbar", 200, {}),
    "pairs/pandalm_testset_v1.part.json.gz": ("pandalm", 536, {}),
    "safety/xstest_prompts.csv.gz": ("trl_prompt_only", 450, {}),
    "sharegpt/sharegpt_0_2000.json.gz": (
        "sharegpt",
        2000,
        {
            "holds no turn of a user": 23,
            "has no turns": 15,
            "out of order": 4,
            "is empty before its first answer": 1,
        },
    ),
}


@pytest.mark.parametrize("path", FILES)
def test_a_real_file_gives_every_record_or_its_reason(path: str) -> None:
    expected, records, reasons = FILES[path]
    with real_file(path).open("rb") as file:
        found = read_file(file, path)
        results = list(found.results)
    assert found.format.name == expected
    assert len(results) == records
    refused = Counter(
        "out of order" if "follows one of" in item.reason else item.reason
        for item in results
        if not isinstance(item, Good)
    )
    assert refused == reasons
    assert all(item.rows for item in results if isinstance(item, Good))


def test_the_ranked_siblings_of_real_trees_become_rankings() -> None:
    from annotation.imports.formats.rows import RankingRow

    with real_file("instruct/oasst_trees.part.jsonl.gz").open("rb") as file:
        results = list(read_file(file, "trees.jsonl.gz").results)
    rows = [row for item in results if isinstance(item, Good) for row in item.rows]
    rankings = [row for row in rows if isinstance(row, RankingRow)]
    sizes = Counter(len(row.tiers) for row in rankings)
    # Counted in the file itself: siblings with ranks, by how many.
    assert sizes == {2: 30, 3: 73, 4: 13, 5: 1, 6: 3, 8: 1, 9: 1}
