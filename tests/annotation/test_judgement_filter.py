"""Which judgements a filter lets pass."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from annotation.judgement_filter import JudgementFilter
from annotation.models import Comparison, Demonstration, Ranking, RankingEntry
from annotation.models.judgements import Choice, Strength
from tests.annotation.material import a_prompt, an_answer
from tests.cast import a_workspace, ann, mia

pytestmark = pytest.mark.django_db


def a_comparison(prompt: Any, *, by: Any = None, **fields: Any) -> Comparison:
    left, right = an_answer(prompt, generator="base"), an_answer(prompt, generator="tuned")
    fields.setdefault("choice", Choice.LEFT)
    return Comparison.objects.create(prompt=prompt, left=left, right=right, annotator=by, **fields)


def passing(chosen: JudgementFilter, model: Any = Comparison) -> set[int]:
    return set(chosen.apply(model.objects.all()).values_list("pk", flat=True))


def test_an_empty_filter_lets_everything_pass_but_what_was_withdrawn_or_corrected() -> None:
    workspace = a_workspace()
    old = a_comparison(a_prompt(workspace))
    new = a_comparison(a_prompt(workspace), supersedes=old)
    a_comparison(a_prompt(workspace), withdrawn_at=timezone.now())
    assert passing(JudgementFilter()) == {new.pk}


def test_each_field_narrows_and_they_narrow_together() -> None:
    workspace = a_workspace()
    by_ann = a_comparison(a_prompt(workspace), by=ann(workspace), strength=Strength.BETTER)
    by_mia = a_comparison(a_prompt(workspace), by=mia(workspace), group="g")
    judge = a_comparison(a_prompt(workspace), source="judge", annotator_label="gpt-4")
    assert passing(JudgementFilter(annotators=(ann().pk,))) == {by_ann.pk}
    assert passing(JudgementFilter(annotators=(ann().pk,), labels=("gpt-4",))) == {
        by_ann.pk,
        judge.pk,
    }
    assert passing(JudgementFilter(sources=("judge",))) == {judge.pk}
    assert passing(JudgementFilter(groups=("g",))) == {by_mia.pk}
    assert passing(JudgementFilter(strengths=(Strength.BETTER,))) == {by_ann.pk}
    assert passing(JudgementFilter(sources=("human",), strengths=(Strength.SLIGHTLY,))) == set()
    assert passing(JudgementFilter(kinds=("ranking",))) == set()
    later = timezone.now() + timedelta(hours=1)
    assert passing(JudgementFilter(until=later)) == {by_ann.pk, by_mia.pk, judge.pk}
    assert passing(JudgementFilter(since=later)) == set()


def test_a_generator_narrows_to_judgements_in_which_it_wrote_every_answer() -> None:
    workspace = a_workspace()
    prompt = a_prompt(workspace)
    both = a_comparison(prompt)
    ranking = Ranking.objects.create(prompt=prompt)
    for place, answer in enumerate((both.left, both.right), start=1):
        RankingEntry.objects.create(ranking=ranking, completion=answer, tier=1, position=place)
    Demonstration.objects.create(prompt=prompt, text="By hand.")
    two = JudgementFilter(generators=("base", "tuned"))
    assert passing(two) == {both.pk}
    assert passing(two, Ranking) == {ranking.pk}
    assert passing(two, Demonstration) == set()
    assert passing(JudgementFilter(generators=("base",))) == set()
    assert passing(JudgementFilter(generators=("base",)), Ranking) == set()


def test_it_narrows_by_what_the_prompts_are_like() -> None:
    workspace = a_workspace()
    about_poems = a_comparison(a_prompt(workspace, tags=["poem"]))
    a_comparison(a_prompt(workspace))
    found = JudgementFilter.from_params(QueryDict("kind=comparison&tag=poem"))
    assert passing(found) == {about_poems.pk}
    assert JudgementFilter.from_json(found.as_json()) == found
    assert JudgementFilter.from_params(QueryDict("tag=")).prompts is None


def test_it_is_read_from_an_address_and_comes_back_from_json() -> None:
    found = JudgementFilter.from_params(
        QueryDict("kind=comparison&judged_by=human&judged_by=judge&annotator=7&since=2026-01-31")
    )
    assert found.kinds == ("comparison",)
    assert found.sources == ("human", "judge")
    assert found.annotators == (7,)
    assert found.since is not None
    assert JudgementFilter.from_json(found.as_json()) == found
    assert "comparisons" in found.in_words()


@pytest.mark.parametrize(
    "bad",
    ["kind=votes", "judged_by=robot", "annotator=x", "since=yesterday", "strength=huge"],
)
def test_a_value_that_cannot_be_is_refused_in_a_sentence(bad: str) -> None:
    with pytest.raises(ValidationError, match=bad.partition("=")[2]):
        JudgementFilter.from_params(QueryDict(bad))


def test_a_field_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ValidationError, match="Allowed: kinds"):
        JudgementFilter.from_json({"withdrawn": [True]})
