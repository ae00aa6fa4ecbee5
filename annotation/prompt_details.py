"""What the page of one prompt shows: answers, judgements, campaigns, duplicates, history."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Q

from annotation.fingerprints import near_prompts
from annotation.models import (
    Comparison,
    Demonstration,
    Item,
    Prompt,
    PromptMerge,
    Ranking,
    Rating,
)
from annotation.prompt_forms import pretty
from annotation.queries import current
from webapp.audit.models import AuditEntry
from webapp.rendering import render_markdown

SHOWN = 30  # of each kind of thing; more are counted and named


def details_of(prompt: Prompt) -> dict[str, Any]:
    """The context of the page, in a fixed number of queries."""
    completions = list(
        prompt.completions.select_related("author").order_by("generator", "pk")[:SHOWN]
    )
    return {
        "turns": [_turn(turn) for turn in prompt.messages],
        "completions": [{"row": row, "text": render_markdown(row.text)} for row in completions],
        "completions_count": prompt.completions.count(),
        "judgements": _judgements(prompt),
        "demonstrations": [
            {
                "row": row,
                "text": render_markdown(row.text),
                "way": render_markdown(str(row.metadata["rationale"]))
                if row.metadata.get("rationale")
                else None,
            }
            for row in current(Demonstration.objects.filter(prompt=prompt))
            .select_related("annotator", "assignment__campaign")
            .order_by("-pk")[:SHOWN]
        ],
        "campaigns": _campaigns(prompt),
        "duplicates": _duplicates(prompt),
        "history": _history(prompt),
        "metadata": pretty(prompt.metadata) if prompt.metadata else "",
        "shown": SHOWN,
    }


def _turn(turn: dict[str, Any]) -> dict[str, Any]:
    content = turn.get("content")
    text = content if isinstance(content, str) else pretty(content)
    return {"role": str(turn.get("role", "")), "text": render_markdown(text)}


def _judgements(prompt: Prompt) -> list[dict[str, Any]]:
    """Comparisons, rankings and ratings, the newest first, as one list of sentences."""
    found: list[dict[str, Any]] = []
    people = ("annotator", "assignment__campaign")
    comparisons = current(Comparison.objects.filter(prompt=prompt)).select_related(
        "left", "right", *people
    )
    found += [
        _judgement(row, [row.left, row.right], row.get_choice_display(), row.get_strength_display())
        for row in comparisons.order_by("-pk")[:SHOWN]
    ]
    rankings = current(Ranking.objects.filter(prompt=prompt)).select_related(*people)
    for ranking in rankings.prefetch_related("entries__completion").order_by("-pk")[:SHOWN]:
        entries = sorted(
            ranking.entries.all(), key=lambda entry: (entry.tier or 99, entry.position)
        )
        said = _order(entries, ranking.partial)
        found.append(_judgement(ranking, [entry.completion for entry in entries], said, ""))
    ratings = current(Rating.objects.filter(prompt=prompt)).select_related("completion", *people)
    found += [
        _judgement(row, [row.completion], str(row), f"{row.lowest:g}–{row.highest:g}")
        for row in ratings.order_by("-pk")[:SHOWN]
    ]
    found.sort(key=lambda each: each["row"].created_at, reverse=True)
    return found[:SHOWN]


def _judgement(row: Any, answers: Iterable[Any], said: str, detail: str) -> dict[str, Any]:
    return {
        "row": row,
        "kind": str(row._meta.verbose_name),
        "generators": [answer.generator or "?" for answer in answers],
        "said": said,
        "detail": detail,
        "campaign": row.assignment.campaign if row.assignment else None,
    }


def _order(entries: list[Any], partial: bool) -> str:
    """ "a > b = c": generators by tier; "a > b, c > d" where b and c were not compared."""
    parts, before = [], None
    for entry in entries:
        name = entry.completion.generator or "?"
        if before is not None:
            parts.append((", " if partial else " = ") if entry.tier == before else " > ")
        parts.append(name if entry.tier else f"({name})")
        before = entry.tier
    return "".join(parts)


def _campaigns(prompt: Prompt) -> list[Any]:
    items = Item.objects.filter(prompt=prompt).values(
        "campaign_id", "campaign__name", "campaign__kind", "campaign__state"
    )
    return list(items.annotate(items=Count("pk")).order_by("-campaign_id")[:SHOWN])


def _duplicates(prompt: Prompt) -> list[dict[str, Any]]:
    near = near_prompts(prompt.workspace_id, prompt.messages, without=prompt.pk)
    rows = Prompt.objects.defer("messages", "metadata").in_bulk([each.prompt_id for each in near])
    return [
        {"row": rows[each.prompt_id], "percent": round(100 * each.jaccard)}
        for each in near
        if each.prompt_id in rows
    ]


def _history(prompt: Prompt) -> list[dict[str, Any]]:
    """Changes, merges and audit entries about this prompt, the newest first."""
    found: list[dict[str, Any]] = []
    rows = prompt.edit_rows.select_related("edit__by", "edit__undone_by").order_by("-pk")[:SHOWN]
    for row in rows:
        edit = row.edit
        found.append(
            {
                "at": edit.created_at,
                "by": edit.by,
                "what": edit.get_kind_display(),
                "before": row.before,
                "after": row.after,
            }
        )
        if row.undone and edit.undone_at:
            found.append(
                {
                    "at": edit.undone_at,
                    "by": edit.undone_by,
                    "what": f"{edit.get_kind_display()} ↩",
                    "before": row.after,
                    "after": row.before,
                }
            )
    for merge in PromptMerge.objects.filter(Q(kept=prompt) | Q(merged=prompt)).select_related("by"):
        other = (
            {"merged": merge.merged_id} if merge.kept_id == prompt.pk else {"into": merge.kept_id}
        )
        found.append({"at": merge.created_at, "by": merge.by, **other})
    entries = AuditEntry.objects.filter(workspace=prompt.workspace_id, target=f"prompt {prompt.pk}")
    found += [
        {"at": entry.at, "by": entry.actor, "what": entry.action}
        for entry in entries.select_related("actor")[:SHOWN]
    ]
    found.sort(key=lambda each: each["at"], reverse=True)
    return found[:SHOWN]
