"""Bring suggestions for a campaign's items, all of them or none, and take them away again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.domain.suggestions import SUGGESTED, read_suggestion
from annotation.models import Campaign, Suggestion, SuggestionSet
from annotation.suggesters import suggested, suggesters_for
from annotation.suggestions import askable
from webapp.audit.actions.record import record
from webapp.clean_json import CleanJSONError, clean_json

MOST_ROWS = 100_000
MOST_BYTES = 32_000_000  # of a file
MOST_TOLD = 20  # faults that are listed
AT_ONCE = 2000


def lines_of(data: bytes) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file; empty lines are passed over.

    Raises:
        ValidationError: a line is no JSON object; the sentence names it.
    """
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row: Any = clean_json(line)
        except CleanJSONError:
            row = None
        if not isinstance(row, dict):
            raise ValidationError(
                _("Line %d is no JSON object. Each line is one, like the lines of the items’ file.")
                % number
            )
        yield row


@transaction.atomic
def suggest(
    *, campaign: Campaign, by: Any, origin: str, name: str, rows: Iterable[Mapping[str, Any]]
) -> SuggestionSet:
    """Store a suggestion for each row's "item"; what an item had is replaced.

    Raises:
        ValidationError: a row does not fit; each sentence names the row. Nothing is stored then.
    """
    made = _set(campaign, by, origin, name)
    kept = 0
    faults: list[str] = []
    met: set[int] = set()
    counted = enumerate(rows, start=1)
    while numbered := list(islice(counted, AT_ONCE)):
        if kept + len(faults) + len(numbered) > MOST_ROWS:
            raise ValidationError(
                _("More than %d rows. Send them in several parts.") % MOST_ROWS, code="rows"
            )
        asked = [row.get("item") for _number, row in numbered]
        items = shown_by(campaign, [one for one in asked if type(one) is int])
        fresh = []
        for number, row in numbered:
            try:
                fresh.append(_read(campaign, made, row, items, met))
            except ValueError as fault:
                faults.append(f"{_('Row')} {number}: {fault}")
        kept += _keep(fresh)
    if faults:
        more = len(faults) - MOST_TOLD
        told = faults[:MOST_TOLD] + ([_("and %d more.") % more] if more > 0 else [])
        raise ValidationError([*told, _("Nothing was stored.")])
    return _kept(made, by, kept)


@transaction.atomic
def suggest_from_verdicts(*, campaign: Campaign, by: Any, key: str) -> SuggestionSet:
    """Suggest what a judge or a reward model has said already of the answers that items show.

    Raises:
        ValidationError: nobody has this key, or nothing was said of any item.
    """
    who = next((one for one in suggesters_for(campaign) if one.key == key), None)
    if who is None:
        raise ValidationError(_("Choose one of those whose verdicts are in the workspace."))
    made = _set(campaign, by, who.origin, who.name[:200])
    kept = 0
    last = 0
    while items := shown_by(campaign, after=last):
        last = max(items)
        found = suggested(campaign, who, items)
        kept += _keep(
            Suggestion(item_id=item, origin_set=made, content=content)
            for item, content in found.items()
        )
    return _kept(made, by, kept)


@transaction.atomic
def remove_suggestions(*, made: SuggestionSet, by: Any) -> None:
    """Take a set away. What people were shown stays on record with their answers."""
    record(
        actor=by,
        action="suggestions.remove",
        target=made,
        workspace=made.campaign.workspace,
        changes={"name": [made.name, ""]},
    )
    made.delete()


def shown_by(
    campaign: Campaign, items: Sequence[int] | None = None, after: int = 0
) -> dict[int, list[int]]:
    """The completions of what is asked: of `items`, or of the next AT_ONCE after an id."""
    rows = askable(campaign)
    if items is not None:
        rows = rows.filter(pk__in=[one for one in items if 0 < one < 2**63])
    else:
        rows = rows.filter(pk__gt=after).order_by("pk")[:AT_ONCE]
    found: dict[int, list[int]] = {}
    for row in rows.prefetch_related("shown"):
        entries: Any = row.shown.all()
        found[row.pk] = sorted(entry.completion_id for entry in entries)
    return found


def _set(campaign: Campaign, by: Any, origin: str, name: str) -> SuggestionSet:
    if campaign.kind not in SUGGESTED:
        raise ValidationError(
            _("There are suggestions for comparisons, rankings and demonstrations only.")
        )
    if not name.strip():
        raise ValidationError({"name": _("Say who or what suggests, in a few words.")})
    return SuggestionSet.objects.create(
        campaign=campaign, origin=origin, name=name.strip()[:200], created_by=by
    )


def _read(
    campaign: Campaign,
    made: SuggestionSet,
    row: Mapping[str, Any],
    items: Mapping[int, Sequence[int]],
    met: set[int],
) -> Suggestion:
    item = row.get("item")
    if type(item) is not int or item not in items:
        raise ValueError(f'"item" is {str(item)[:40]!r}; no item here has this number.')
    if item in met:
        raise ValueError(f"item {item} stands in it twice; one suggestion for each.")
    met.add(item)
    rest = {name: value for name, value in row.items() if name != "item"}
    content = read_suggestion(campaign.kind, rest, items[item])
    return Suggestion(item_id=item, origin_set=made, content=content)


def _keep(fresh: Iterable[Suggestion]) -> int:
    stored = Suggestion.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["item"],
        update_fields=["origin_set", "content"],
    )
    return len(stored)


def _kept(made: SuggestionSet, by: Any, kept: int) -> SuggestionSet:
    """
    Raises:
        ValidationError: there was nothing to keep.
    """
    if not kept:
        raise ValidationError(_("Nothing is suggested for any item of this campaign."))
    record(
        actor=by,
        action="suggestions.add",
        target=made,
        workspace=made.campaign.workspace,
        changes={"suggestions": [0, kept]},
    )
    return made
