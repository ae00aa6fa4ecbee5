"""Each family of formats: what its records become, and what is refused by name."""

from typing import Any

import pytest

from annotation.imports.formats.refusals import FileRefused
from annotation.imports.formats.registry import FORMATS
from annotation.imports.formats.rows import (
    Answer,
    CompletionRow,
    DemonstrationRow,
    PromptRow,
    RankingRow,
)
from tests.annotation.imports.files import EXAMPLES, jsonl, opened, outcomes, refusal_of, rows_of

Q = {"from": "human", "value": "Name a river."}
A = {"from": "gpt", "value": "The Rhine."}
U = {"role": "user", "content": "Name a river."}
B = {"role": "assistant", "content": "The Rhine."}
C = {"role": "assistant", "content": "Paris."}
CONVERSATION = {"conversation_a": [U, B], "conversation_b": [U, C]}
NODE = {"review_result": True, "deleted": False, "lang": "en"}


def oasst_tree(**changes: Any) -> dict[str, Any]:
    replies = [
        {**NODE, "message_id": f"r{n}", "role": "assistant", "text": f"Answer {n}", "rank": rank}
        for n, rank in enumerate((1, 0, None))
    ]
    root = {**NODE, "message_id": "root", "role": "prompter", "text": "Hi?", "replies": replies}
    return {"message_tree_id": "root", "tree_state": "ready_for_export", "prompt": root, **changes}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e['format']}-{e['variant']}")
def test_a_record_is_recognised_and_read(example: dict[str, Any]) -> None:
    name, record = example["format"], example["record"]
    found = opened(jsonl(record), "file.jsonl")
    assert (found.format.name, found.variant) == (name, example["variant"])
    assert [type(row).__name__ for row in rows_of(record)] == example["rows"]
    assert [type(row).__name__ for row in rows_of(record, format_name=name)] == example["rows"]


def test_every_format_has_an_example() -> None:
    shown = {example["format"] for example in EXAMPLES}
    # `labelled` is nothing without a template: tests/annotation/imports/test_plan.py.
    assert {found.name for found in FORMATS} - shown == {"labelled"}


def test_a_format_can_be_forced_and_an_unknown_one_is_named() -> None:
    record = {"prompt": "x", "completion": "y"}
    assert opened(jsonl(record), "x.jsonl", format_name="table").format.name == "table"
    with pytest.raises(ValueError, match=r"'shargpt' is no format\. There are alpaca, "):
        opened(jsonl(record), "x.jsonl", format_name="shargpt")


def test_unknown_fields_are_listed_when_no_format_fits() -> None:
    with pytest.raises(FileRefused, match="No format is known for the fields 'zig', 'zag'"):
        opened(jsonl({"zig": 1, "zag": 2}), "x.jsonl")


# ---- the ten rules for importers


@pytest.mark.parametrize(
    ("word", "role"),
    [("prompter", "user"), ("human", "user"), ("user", "user"), ("Human", "user")],
)
def test_rule_1_every_word_for_a_person_is_the_user(word: str, role: str) -> None:
    (row,) = rows_of({"conversations": [{"from": word, "value": "x"}, A]})
    assert row.prompt.messages[0].role == role
    assert rows_of(oasst_tree())[0].prompt.messages[0].role == "user"


@pytest.mark.parametrize("word", ["chatgpt", "bing", "bard", "gpt", "assistant"])
def test_rule_1_every_word_for_a_model_is_the_assistant(word: str) -> None:
    (row,) = rows_of({"conversations": [Q, {"from": word, "value": "y"}, Q, A]})
    assert [message.role for message in row.prompt.messages] == ["user", "assistant", "user"]


def test_rule_2_an_unknown_role_or_winner_is_refused_and_can_be_mapped() -> None:
    strange = {"conversations": [{"from": "oracle", "value": "x"}, A]}
    found = refusal_of(strange)
    assert found.path == "conversations[0].from"
    assert "'oracle' is no known role" in found.reason
    assert rows_of(strange, roles={"oracle": "user"})
    battle = {"model_a": "m", "model_b": "n", "winner": "draw", **CONVERSATION}
    assert "'draw' is no known verdict" in refusal_of(battle).reason
    assert rows_of(battle, labels={"draw": "tie"})[0].choice == "tie"


@pytest.mark.parametrize(
    ("word", "choice"),
    [
        ("tie", "tie"),
        ("tie (bothbad)", "both_bad"),
        ("both_bad", "both_bad"),
        ("model_a", "left"),
        ("model_b", "right"),
    ],
)
def test_rule_3_ties_and_both_bad_stay_what_they_are(word: str, choice: str) -> None:
    (row,) = rows_of({"model_a": "m", "model_b": "n", "winner": word, **CONVERSATION})
    assert (row.choice, row.left.generator, row.order_known) == (choice, "m", True)


def test_rule_4_oasst_ranks_0_best_and_argilla_ranks_1_best_with_ties() -> None:
    ranking = next(row for row in rows_of(oasst_tree()) if isinstance(row, RankingRow))
    tiers = [[ranking.answers[at].text for at in tier] for tier in ranking.tiers]
    assert tiers == [["Answer 1"], ["Answer 0"]]
    values = [{"value": "b", "rank": 2}, {"value": "a", "rank": 1}, {"value": "c", "rank": 2}]
    record = {
        "fields": {"prompt": "x", "a": "1", "b": "2", "c": "3"},
        "responses": {"order": [{"value": values, "user_id": "u"}]},
    }
    (row,) = rows_of(record)
    assert row.tiers == ((0,), (1, 2))


def test_rule_4_a_ranking_that_lost_its_ranks_is_refused() -> None:
    record = {
        "fields": {"prompt": "x", "a": "1", "b": "2"},
        "responses": {"order": [{"value": ["b", "a"], "user_id": "u"}]},
    }
    assert "lost ranks and ties" in refusal_of(record).reason


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "x", "chosen": "y", "rejected": "y"},
        {"input": "x", "output_1": "y", "output_2": "y", "label": 1},
        {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: b"},
        {"input": {"messages": [U]}, "preferred_output": [B], "non_preferred_output": [B]},
    ],
)
def test_rule_5_equal_answers_are_never_a_preference(record: dict[str, Any]) -> None:
    assert "the same text" in refusal_of(record).reason


def test_rule_6_group_position_strength_annotator_and_source_survive() -> None:
    record = {"id": "7", "prompt": "x", "left": "y", "right": "z", "choice": "left"}
    record |= {"strength": "3", "annotator": "w9", "group": "g", "reason": "because"}
    (row,) = rows_of(record, format_name="table", columns={"source_id": "id"})
    assert (row.strength, row.annotator, row.group, row.source_id) == (3.0, "w9", "g", "7")
    assert row.order_known
    (row,) = rows_of({"prompt": "x", "chosen": "y", "rejected": "z", "margin": 2})
    assert (row.strength, row.metadata, row.order_known) == (
        2.0,
        {"strength_scale": "margin"},
        False,
    )
    people = {"idx": 4, "instruction": "x", "response1": "y", "response2": "z", "annotator2": 1}
    (row,) = rows_of(people)
    assert (row.group, row.annotator, row.choice) == ("4", "annotator2", "left")


@pytest.mark.parametrize(
    "record",
    [
        {"instruction": "x", "generator_1": "m", "generator_2": "n", "preference": None},
        {"model_a": "m", "model_b": "n", "winner": None, **CONVERSATION},
        {"input": "x", "output_1": "y", "output_2": "z", "label": None},
        {"question_id": 1, "model": "m", "judge": "j", "score": -1},
        {
            "question_id": 1,
            "model_1": "m",
            "model_2": "n",
            "g1_winner": "error",
            "g2_winner": "error",
        },
    ],
)
def test_rule_7_a_missing_verdict_is_refused_and_no_tie(record: dict[str, Any]) -> None:
    assert "no" in refusal_of(record).reason


def test_rule_8_everything_dropped_is_counted() -> None:
    turns = [A, Q, A, {"from": "human", "value": "And?"}]
    good, refused = outcomes(
        jsonl({"conversations": turns}, {"conversations": []}, {"conversations": [A]}), "x.jsonl"
    )
    assert good[0].fixes == (
        "leading turns before the first human turn dropped",
        "trailing turn without an answer dropped",
    )
    assert [item.reason for item in refused] == ["has no turns", "holds no turn of a user"]


# ---- what the families are known for


def test_html_answers_become_markdown_and_text_is_left_alone() -> None:
    page = (
        '<div><p>Use <b>this</b>:</p><pre><code class="language-py">a &lt; b\n</code></pre></div>'
    )
    (row,) = rows_of({"conversations": [Q, {"from": "gpt", "value": page}]})
    assert row.text == "Use **this**:\n\n```py\na < b\n```"
    plain = {"from": "gpt", "value": "In HTML, <p> starts a paragraph."}
    assert rows_of({"conversations": [Q, plain]})[0].text == plain["value"]


def test_turns_out_of_order_are_refused_where_they_stand() -> None:
    found = refusal_of({"conversations": [Q, A, A]})
    assert found.path == "conversations[2]"
    assert "follows one of the assistant" in found.reason


def test_tool_turns_of_sharegpt_keep_their_kind() -> None:
    turns = [Q, {"from": "function_call", "value": "{}"}, {"from": "observation", "value": "7"}, A]
    (row,) = rows_of({"conversations": turns})
    assert [(m.role, m.name) for m in row.prompt.messages[1:]] == [
        ("assistant", "function_call"),
        ("tool", ""),
    ]


def test_openai_null_content_beside_tool_calls_and_parts_are_read() -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}
    answer = {"role": "tool", "content": "7", "tool_call_id": "c"}
    parts = {
        "role": "user",
        "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "you"}],
    }
    (row,) = rows_of({"messages": [parts, call, answer, B]})
    assert row.prompt.messages[0].content == "Hi\nyou"
    assert row.prompt.messages[1].tool_calls == [{"id": "c"}]
    assert row.prompt.messages[2].tool_call_id == "c"
    image = {"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}
    assert "no text" in refusal_of({"messages": [image, B]}).reason


def test_wildchat_leaves_personal_fields_behind() -> None:
    turn = {**U, "hashed_ip": "abc", "header": {"user-agent": "x"}, "toxic": True, "country": "DE"}
    record = {"conversation_hash": "h", "model": "m", "conversation": [turn, B], "hashed_ip": "abc"}
    good, _ = outcomes(jsonl(record), "x.jsonl")
    assert good[0].fixes == ("hashed_ip, header, state and country left behind",)
    text = repr(good[0].rows)
    assert "abc" not in text
    assert "user-agent" not in text
    assert good[0].rows[0].prompt.flags == ("toxic",)


def test_oasst_messages_are_put_together_and_rings_are_refused() -> None:
    def line(name: str, parent: str | None, role: str, rank: int | None = None) -> dict[str, Any]:
        where = {"message_tree_id": "t", "message_id": name, "parent_id": parent}
        return {**NODE, **where, "role": role, "text": name, "rank": rank}

    lines = [
        line("q", None, "prompter"),
        line("a1", "q", "assistant", 0),
        line("a2", "q", "assistant", 1),
        line("ring1", "ring2", "prompter"),
        line("ring2", "ring1", "assistant"),
        line("lost", "nobody", "prompter"),
        line("under", "lost", "assistant"),
    ]
    good, refused = outcomes(jsonl(*lines), "x.jsonl")
    assert [type(row) for row in good[0].rows] == [
        CompletionRow,
        CompletionRow,
        RankingRow,
        DemonstrationRow,
    ]
    assert [item.line for item in good] == [1, 2, 3]
    assert {item.line: item.path for item in refused} == dict.fromkeys((4, 5, 6, 7), "parent_id")


def test_oasst_leaves_out_what_reviewers_turned_down_and_refuses_unfinished_trees() -> None:
    tree = oasst_tree()
    tree["prompt"]["replies"][0]["deleted"] = True
    good, _ = outcomes(jsonl(tree), "x.jsonl")
    assert good[0].fixes == ("deleted or unreviewed messages left out",)
    assert not any(isinstance(row, RankingRow) for row in good[0].rows)
    assert refusal_of(oasst_tree(tree_state="growing")).path == "tree_state"


def test_hh_transcripts_split_at_the_last_answer_and_not_in_a_word() -> None:
    start = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant: "
    (row,) = rows_of({"chosen": f"{start}Because it rains", "rejected": f"{start}Because it is"})
    assert (row.left.text, row.right.text) == ("Because it rains", "Because it is")
    assert [message.content for message in row.prompt.messages] == ["Hi", "Yes?", "Why?"]
    other = {"chosen": f"{start}a", "rejected": "\n\nHuman: No\n\nAssistant: b"}
    assert refusal_of(other).path == "rejected"


def test_an_implicit_prompt_is_cut_between_words() -> None:
    (row,) = rows_of({"chosen": "The sky is blue.", "rejected": "The sky is black."})
    assert row.prompt.messages[0].content == "The sky is"
    assert (row.left.text, row.right.text) == ("blue.", "black.")


def test_the_ultrafeedback_score_of_10_that_should_be_1_is_put_right() -> None:
    low = {aspect: {"Rating": "1"} for aspect in ("honesty", "helpfulness")}
    completions = [
        {"model": "m", "response": "y", "annotations": low, "overall_score": 10},
        {"model": "n", "response": "z", "annotations": {}, "overall_score": 9},
    ]
    good, _ = outcomes(jsonl({"instruction": "x", "completions": completions}), "x.jsonl")
    ranking = good[0].rows[-1]
    assert ranking.tiers == ((1,), (0,))
    assert good[0].fixes == ("overall score 10 read as 1 (known fault of the 2023 release)",)


def test_equal_scores_of_binarized_pairs_are_a_tie() -> None:
    record = {"prompt": "Name a river.", "chosen": [U, B], "rejected": [U, C]}
    (row,) = rows_of({**record, "score_chosen": 7.5, "score_rejected": 7.5})
    assert row.choice == "tie"


@pytest.mark.parametrize(
    ("preference", "choice", "share"),
    [
        (1, "left", None),
        (2, "right", None),
        (1.5, "tie", None),
        (0, "tie", None),
        (1.2, "left", 0.2),
    ],
)
def test_alpaca_eval_preferences_mean_what_the_leaderboard_reads(
    preference: float, choice: str, share: float | None
) -> None:
    record = {"instruction": "x", "generator_1": "m", "generator_2": "n", "preference": preference}
    (row,) = rows_of(record)
    assert (row.choice, row.judged_by) == (choice, "judge")
    assert row.right_share == pytest.approx(share) if share else row.right_share is None
    assert row.left == Answer(text=None, generator="m")


def test_both_games_of_mt_bench_keep_the_order_that_was_shown() -> None:
    record = {"question_id": 81, "model_1": "m", "model_2": "n", "judge": ["gpt-4", "pair-v2"]}
    first, second = rows_of({**record, "g1_winner": "model_1", "g2_winner": "model_1"})
    assert (first.left.generator, first.choice) == ("m", "left")
    assert (second.left.generator, second.choice) == ("n", "right")
    assert first.group == second.group
    assert first.prompt == PromptRow(source="mt_bench", source_id="81")


def test_the_scores_behind_an_ultrafeedback_ranking_are_kept() -> None:
    completions = [
        {"model": name, "response": name * 2, "annotations": {}, "overall_score": score}
        for name, score in (("m", 6.5), ("n", 9), ("o", None))
    ]
    rows = rows_of({"instruction": "x", "completions": completions})
    assert rows[-1].tiers == ((1,), (0,))
    assert rows[-1].metadata["scores"] == [6.5, 9.0, None]


def test_battles_of_several_turns_keep_every_turn() -> None:
    more = [U, B, {"role": "user", "content": "And in France?"}, C]
    record = {"model_a": "m", "model_b": "n", "winner": "model_b", "conversation_a": more}
    (row,) = rows_of({**record, "conversation_b": [U, C, more[2], B]})
    assert row.prompt.metadata == {"follow_ups": ["And in France?"]}
    assert row.left.metadata == {"follow_up_answers": ["Paris."]}
    other = [U, C, {"role": "user", "content": "Something else"}, B]
    assert "asked something else" in refusal_of({**record, "conversation_b": other}).reason


def test_a_task_file_of_natural_instructions_gives_its_instances() -> None:
    import json

    instances = [{"input": f"x{n}", "output": ["y"]} for n in range(3)] + [{"input": "x"}]
    task = {"Definition": ["Answer."], "Categories": ["QA"], "Instances": instances}
    good, refused = outcomes(json.dumps(task, indent=1).encode(), "task.json")
    assert [item.rows[0].prompt.metadata["input"] for item in good] == ["x0", "x1", "x2"]
    assert refused[0].original == b"Instances[3]"


def test_a_mapping_names_what_is_there_when_a_column_is_not() -> None:
    record = {"question": "x", "model": "m", "answer": "y"}
    columns = {"prompt": "question", "completion": "answer", "generator": "model"}
    (row,) = rows_of(record, columns=columns)
    assert row.answer == Answer(text="y", generator="m")
    found = refusal_of(record, columns={"prompt": "Question"})
    assert (
        "'Question' mapped to prompt is not there ('question', 'model', 'answer')" in found.reason
    )
    assert "'promt' is no field" in refusal_of(record, columns={"promt": "question"}).reason


def test_qlora_judgements_come_in_through_a_mapping() -> None:
    record = {"question_id": 1, "model_a": "m", "model_b": "n", "score": 3, "judge": "gpt-4"}
    columns = {
        "prompt_id": "question_id",
        "left_generator": "model_a",
        "right_generator": "model_b",
    }
    columns |= {"choice": "score", "judge": "judge"}
    labels = {"1": "left", "2": "right", "3": "tie"}
    (row,) = rows_of(record, columns=columns, labels=labels, format_name="table")
    assert (row.choice, row.annotator, row.judged_by) == ("tie", "gpt-4", "judge")
    assert (
        "no known verdict"
        in refusal_of(
            {**record, "score": -1}, columns=columns, labels=labels, format_name="table"
        ).reason
    )
