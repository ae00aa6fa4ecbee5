"""Which prompts pass a filter, and that it survives an address and JSON."""

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict

from annotation.models import Comparison, Prompt, PromptWord
from annotation.prompt_filter import PromptFilter
from tests.annotation.material import a_campaign, a_prompt, an_answer
from tests.cast import a_workspace, ann, mia
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def cups() -> Workspace:
    return a_workspace()


def passing(workspace: Workspace, address: str) -> list[str]:
    wanted = PromptFilter.from_params(QueryDict(address))
    assert PromptFilter.from_json(wanted.as_json()) == wanted
    assert PromptFilter.from_params(QueryDict(wanted.as_query())) == wanted
    found = wanted.apply(Prompt.objects.filter(workspace=workspace)).order_by("pk")
    return [prompt.text for prompt in found]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("cup", ["Write a poem about cups", "Two cups, please"]),
        ('"cup"', []),  # in quotes a word is meant as it stands
        ('"about cups"', ["Write a poem about cups"]),
        ("poems", []),
        ("cups -poem", ["Two cups, please"]),
        ("poem OR translate", ["Write a poem about cups", "Übersetze: translate this"]),
        ("übersetze", ["Übersetze: translate this"]),
        ("?!", []),
        ("'); DROP TABLE --", []),
        ("a & | ! :*", ["Write a poem about cups"]),
    ],
)
def test_it_searches_words(cups: Workspace, search: str, found: list[str]) -> None:
    for text in ("Write a poem about cups", "Two cups, please", "Übersetze: translate this"):
        a_prompt(cups, text)
    if search == "cup":
        found = []  # three letters: as they stand
    query = QueryDict(mutable=True)
    query["q"] = search
    assert passing(cups, query.urlencode()) == found


def test_the_beginning_of_a_word_is_enough_from_four_letters(cups: Workspace) -> None:
    a_prompt(cups, "Translation of a menu")
    assert passing(cups, "q=transl") == ["Translation of a menu"]


def test_a_misspelt_word_is_found_when_asked_for(cups: Workspace) -> None:
    a_prompt(cups, "Translate the menu")
    PromptWord.objects.create(workspace=cups, word="translate")
    assert passing(cups, "q=tranlsate") == []
    assert passing(cups, "q=tranlsate&fuzzy=1") == ["Translate the menu"]


def test_lists_narrow_by_any_and_tags_by_all(cups: Workspace) -> None:
    a_prompt(cups, "one", source="s", tags=["a", "b"], language="de", flags=["personal_data"])
    a_prompt(cups, "two", source="t", tags=["a"], use_case="chat", split="held_out")
    a_prompt(cups, "three", licence="MIT")
    assert passing(cups, "source=s&source=t") == ["one", "two"]
    assert passing(cups, "source=-") == ["three"]
    assert passing(cups, "tag=a") == ["one", "two"]
    assert passing(cups, "tag=a&tag=b") == ["one"]
    assert passing(cups, "use_case=chat&split=held_out") == ["two"]
    assert passing(cups, "language=de&flag=personal_data") == ["one"]
    assert passing(cups, "licence=MIT&longest=5&shortest=5") == ["three"]


def test_retired_prompts_are_left_out_unless_asked_for(cups: Workspace) -> None:
    a_prompt(cups, "here")
    gone = a_prompt(cups, "gone")
    Prompt.objects.filter(pk=gone.pk).update(retired_at="2026-01-31T00:00Z")
    assert passing(cups, "") == ["here"]
    assert passing(cups, "retired=only") == ["gone"]
    assert passing(cups, "retired=any") == ["here", "gone"]


def test_judged_and_agreement_look_at_what_counts(cups: Workspace) -> None:
    agreed, disputed, withdrawn = (a_prompt(cups, text) for text in ("agreed", "split", "taken"))
    a_prompt(cups, "untouched")
    for prompt, choices in ((agreed, "lr"), (disputed, "ll"), (withdrawn, "l")):
        one, two = an_answer(prompt, "1"), an_answer(prompt, "2", "tuned")
        for number, choice in enumerate(choices):
            # The second person sees the sides swapped.
            left, right = (one, two) if number == 0 else (two, one)
            Comparison.objects.create(
                prompt=prompt,
                annotator=ann(cups),
                left=left,
                right=right,
                choice={"l": "left", "r": "right"}[choice],
                withdrawn_at="2026-01-31T00:00Z" if prompt == withdrawn else None,
            )
    assert passing(cups, "judged=yes") == ["agreed", "split"]
    assert passing(cups, "judged=no") == ["taken", "untouched"]
    assert passing(cups, "agreement=agreed") == ["agreed"]
    assert passing(cups, "agreement=disputed") == ["split"]
    assert passing(cups, "answered_by=tuned&judged=no") == ["taken"]


def test_prompts_of_a_campaign(cups: Workspace) -> None:
    a_prompt(cups, "elsewhere")
    campaign = a_campaign(cups, mia(cups))
    assert len(passing(cups, f"in_campaign={campaign.pk}")) == 1


@pytest.mark.parametrize(
    "address", ["split=none", "shortest=-1", "longest=x", "judged=perhaps", "id=a", "q=%00"]
)
def test_it_refuses_what_a_field_cannot_have(address: str) -> None:
    with pytest.raises(ValidationError):
        PromptFilter.from_params(QueryDict(address))


def test_it_refuses_a_field_that_does_not_exist() -> None:
    with pytest.raises(ValidationError, match="no field colour"):
        PromptFilter.from_json({"colour": "red"})


def test_it_says_itself_in_words(cups: Workspace) -> None:
    wanted = PromptFilter.from_params(QueryDict("q=poem&tag=a&split=train&retired=any&source=-"))
    assert wanted.in_words() == (
        "prompts, with “poem”, from (none), tagged a, of the split Train, retired ones included"
    )
    assert PromptFilter().in_words() == "all prompts"
