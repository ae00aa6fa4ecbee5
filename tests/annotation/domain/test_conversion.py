"""Labelled rows as instructions: words for labels, templates in both notations, template files."""

import json
from collections import Counter
from typing import Any

import pytest

from annotation.domain.conversion import restricted_jinja
from annotation.domain.conversion.recipes import ALL, Recipe, recipe_from
from annotation.domain.conversion.tasks import TASKS, first_answer
from annotation.domain.conversion.template_files import own_file, read_templates
from annotation.domain.conversion.templates import BRACES, JINJA, LeftOut, Template

NLI = {"0": "yes", "1": "it is not possible to tell", "2": "no"}


def only(recipe: Recipe, record: dict[str, Any]) -> tuple[str, str]:
    [made] = recipe.convert(record)
    return made.converted.input, made.converted.target


def asks(text: str, target: str = "{answer}", **others: Any) -> Recipe:
    return Recipe((Template("ask", text, target),), **({"answers": NLI} | others))


def test_a_label_means_what_its_own_data_set_says() -> None:
    record = {"premise": "p {hypothesis}", "hypothesis": "h", "label": 1}
    asked, target = only(asks("{premise}? {hypothesis}", with_options=True), record)
    assert target == "it is not possible to tell"
    options = "\n\nOPTIONS:\n- yes\n- it is not possible to tell\n- no"
    assert asked == "p {hypothesis}? h" + options
    assert only(asks("{premise}\n\n{options_}"), record)[0] == "p {hypothesis}" + options


def test_an_inverse_template_asks_for_the_record() -> None:
    inverse = asks("Write a premise that is {answer}.", "{premise}")
    asked = only(inverse, {"premise": "It rains.", "label": "0"})
    assert asked == ("Write a premise that is yes.", "It rains.")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"premise": "p", "label": -1}, "'-1' is not in the label map"),
        ({"premise": "p", "label": None}, "'' is not in the label map"),
        ({"premise": "p"}, "no field 'label'"),
        ({"label": 0}, "needs {premise}"),
    ],
)
def test_what_cannot_be_converted_is_refused(record: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        asks("{premise}").convert(record)


def test_options_without_words_are_refused() -> None:
    with pytest.raises(ValueError, match="no label has a word"):
        asks("{premise} {options_}", answers={}).convert({"premise": "p", "label": "yes"})


def test_columns_are_known_by_the_templates_own_names() -> None:
    recipe = asks("{premise}", columns={"premise": "sentence1", "label": "gold"})
    assert only(recipe, {"sentence1": "It rains.", "gold": 2}) == ("It rains.", "no")
    with pytest.raises(ValueError, match="column 'gold' of label is not there"):
        recipe.convert({"sentence1": "It rains."})


def test_the_template_of_a_row_follows_from_seed_and_row() -> None:
    templates = tuple(Template(name, f"{name}: {{text}}") for name in "abcd")
    rows = [{"text": f"row {number}", "label": "x"} for number in range(400)]

    def taken(seed: int, some: list[dict[str, str]]) -> list[str]:
        recipe = Recipe(templates, seed=seed)
        return [recipe.convert(row)[0].template for row in some]

    first = taken(1, rows)
    assert taken(1, rows[::-1]) == first[::-1]
    assert taken(2, rows) != first
    assert all(60 < count < 140 for count in Counter(first).values()), Counter(first)
    assert [made.template for made in Recipe(templates, each_row=ALL).convert(rows[0])] == [*"abcd"]


# ---- tasks


CONTEXT = "The library opens at eight and closes at midnight."


def answers(text: str, start: int) -> dict[str, Any]:
    return {"context": CONTEXT, "answers": {"text": [text], "answer_start": [start]}}


def test_an_answer_stands_where_it_says() -> None:
    assert first_answer(answers("at midnight", CONTEXT.index("at midnight"))) == "at midnight"
    as_text = answers("eight", 21) | {"answers": '{"text": ["eight"], "answer_start": [21]}'}
    assert first_answer(as_text) == "eight"
    with pytest.raises(ValueError, match=r"answer_start\[0\] is 4, .* has 'libra'"):
        first_answer(answers("eight", 4))


@pytest.mark.parametrize(
    "given",
    [
        *(None, "eight", "[1]", {"text": "eight"}, {"text": ["eight"], "answer_start": [-1]}),
        *({"text": ["eight"], "answer_start": []}, {"text": [1], "answer_start": [21]}),
    ],
)
def test_answers_of_another_shape_are_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="answers"):
        first_answer({"context": CONTEXT, "answers": given})


def test_a_question_without_an_answer_needs_a_word_that_says_so() -> None:
    row = {"context": CONTEXT, "question": "Who?", "answers": {"text": [], "answer_start": []}}
    recipe = asks("{context} {question}", task="extractive_qa", answers={})
    with pytest.raises(ValueError, match="has no answer"):
        recipe.convert(row)
    worded = asks("{context} {question}", task="extractive_qa", answers={"": "Nobody says."})
    assert only(worded, row)[1] == "Nobody says."


@pytest.mark.parametrize("name", TASKS)
def test_every_task_converts_its_own_tutorial_with_each_of_its_templates(name: str) -> None:
    task = TASKS[name]
    recipe = Recipe(task.templates, name, answers=task.tutorial_words or {}, each_row=ALL)
    assert task.columns(list(task.tutorial[0])) == {field: field for field in task.fields}
    for row in task.tutorial:
        assert len(recipe.convert(row)) == len(task.templates)


# ---- promptsource's notation


GOOD_OR_BAD = Template(
    "opinion", "{{text}} Good or bad?", "{{ answer_choices[label] }}", JINJA, "bad ||| good"
)


def test_a_template_of_promptsource_takes_its_choice_by_the_label() -> None:
    assert only(Recipe((GOOD_OR_BAD,)), {"text": "Fine. ", "label": "1"}) == (
        "Fine.  Good or bad?",
        "good",
    )
    for label, words in ((-1, "says that the row has none"), (2, "no element 2")):
        with pytest.raises(ValueError, match=words):
            Recipe((GOOD_OR_BAD,)).convert({"text": "Fine.", "label": label})


def test_a_condition_may_span_both_sides_and_leave_a_row_out() -> None:
    template = Template("t", '{% if key != "" %}{{text}}', "{{key}}{% endif %}", JINJA)
    template.check()
    assert template.fill({"text": "Q", "key": "A"}).target == "A"
    with pytest.raises(LeftOut):
        template.fill({"text": "Q", "key": ""})


def test_bars_in_the_data_part_nothing() -> None:
    made = Template("t", "{{text}}", "{{text}}", JINJA).fill({"text": "a ||| b"})
    assert (made.input, made.target) == ("a ||| b", "a ||| b")


def test_a_choice_follows_from_the_seed() -> None:
    template = Template("t", "{{ ['a', 'b', 'c', 'd'] | choice }}", "x", JINJA)
    found = [template.fill({}, seed=str(seed)).input for seed in range(40)]
    assert set(found) == {*"abcd"}
    assert found == [template.fill({}, seed=str(seed)).input for seed in range(40)]


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ x.__init__ }}",
        "{{ 'a' * 9999999 }}",
        "{{ 9 ** 9999 }}",
        "{{ '%s' % x }}",
        "{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}",
        "{% for a in x recursive %}{{ loop(a) }}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set a = 1 %}",
        "{% include 'x' %}",
        "{{ x | attr('y') }}",
        "{{ x | map('y') }}",
        "{{ cycler(1) }}",
        "{{ x.format() }}",
        "{{ x()() }}",
        "{{ " + "(" * 200 + "1" + ")" * 200 + " + 1" * 300 + " }}",
        "{{ x",
        "a" * 10_001,
    ],
)
def test_what_a_template_may_not_do_is_refused_before_it_runs(source: str) -> None:
    with pytest.raises(restricted_jinja.Refusal):
        restricted_jinja.check(source)


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(100000) %}{% endfor %}",
        "{% for a in range(10000000000) %}{% endfor %}",
        "{% for a in text %}{% endfor %}",
        "{{ text.join(text) }}",
        "{{ text | join(text) }}",
        "{{ text.replace('a', text) }}",
        "{{ text | replace('a', text) }}",
        "{% for a in range(1000) %}{{ text }}{% endfor %}",
        "{{ missing }}",
        "{{ missing.lower() }}",
        "{{ [1][7] }}",
        "{{ text.index('b') }}",
        "{{ text | int + 'x' }}",
    ],
)
def test_what_grows_or_fails_ends_in_a_sentence(source: str) -> None:
    with pytest.raises(ValueError, match="The template"):
        restricted_jinja.render(source, {"text": "a" * 20_000}, lambda items: items[0])


# ---- files of templates


def test_templates_of_flan_come_as_json_and_as_python() -> None:
    pairs = {"rte": [["{premise} {options_}", "{answer}"], ["{answer}?", "{premise}"]]}
    for data in (
        json.dumps(pairs),
        f"import os\n\nPATTERNS = {pairs!r}\nFEW = {{'a': 1}}\nos.abort()\n",
    ):
        found = read_templates(data.encode())
        assert {name: len(templates) for name, templates in found.items()} == {"rte": 2}
        assert found["rte"][0] == Template("rte 1", "{premise} {options_}", "{answer}", BRACES)


def test_templates_of_promptsource_come_as_yaml_and_as_json() -> None:
    whole = """
dataset: super_glue
subset: cb
templates:
  33b1: !Template
    answer_choices: Yes ||| No ||| Maybe
    id: 33b1
    jinja: "{{premise}} Right? ||| {{ answer_choices[label] }}"
    metadata: !TemplateMetadata
      original_task: true
    name: right
"""
    [template] = read_templates(whole.encode())["super_glue/cb"]
    assert template.choices == "Yes ||| No ||| Maybe"
    row = {"premise": "It rains.", "label": 2}
    assert only(Recipe((template,)), row) == ("It rains. Right?", "Maybe")
    listed = {"dataset": "d", "subset": None, "name": "n", "jinja": "{{a}} ||| {{b}}"}
    assert list(read_templates(json.dumps([listed]).encode())) == ["d"]


def test_our_own_file_comes_back_as_it_was() -> None:
    templates = [Template("ask", "{a}?"), GOOD_OR_BAD]
    assert read_templates(own_file(templates)) == {"": templates}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no templates"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"[1, 2]", "no templates"),
        (b"hello", "no templates"),
        (b'{"a": {"b": 1}}', "no templates"),
        (b"a: [1", "no JSON, no YAML"),
        (b"a: &a [x]\nb: *a", "no JSON, no YAML"),
        (b"!!python/object/apply:os.abort []", "no JSON, no YAML"),
        (b"[" * 100_000, "."),
        (b'{"templates": {"a": {"jinja": "{{ x.__class__ }} ||| y"}}}', "__class__"),
        (b" " * (4 * 1024 * 1024 + 1), "larger than 4 MB"),
    ],
)
def test_a_file_without_templates_says_why(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_templates(data)


# ---- recipes


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "is an object"),
        ({"colour": 1}, "has no 'colour'"),
        ({"templates": {}}, "a list"),
        ({"templates": [{"input": "a", "b": "c"}]}, "Template 1 is no object"),
        ({"templates": [{"input": ""}]}, "needs an instruction"),
        ({"templates": [{"input": "a", "syntax": "mako"}]}, "'mako' is no notation"),
        ({"templates": [{"input": "{{a.__b__}}", "syntax": "jinja"}]}, "__b__ is not allowed"),
        ({"templates": [{"input": "a", "name": "x"}] * 2}, "Two templates"),
        ({"task": "poetry"}, "task cannot be 'poetry'"),
        ({"answers": {"0": ""}}, "empty text"),
        ({"columns": {"": "a"}}, "empty text"),
        ({"columns": {"a": 1}}, "is a text"),
        ({"each_row": "some"}, "each_row cannot be"),
        ({"with_options": 1}, "true or false"),
        ({"seed": -1}, "whole number"),
        ({"label_field": "a\0b"}, "is a text"),
    ],
)
def test_a_wrong_recipe_is_refused_in_a_sentence(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        recipe_from(given)


def test_a_recipe_comes_back_from_its_json() -> None:
    recipe = asks("{a}", task="nli", columns={"a": "b"}, answers={"": "none"}, seed=3)
    assert recipe_from(json.loads(json.dumps(recipe.as_json()))) == recipe
