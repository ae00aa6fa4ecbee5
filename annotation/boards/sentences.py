"""What the numbers estimate, of whom, and with which reservations: in words, above the figures."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.boards.definition import Definition


def estimand_sentences(
    chosen: str, definition: Definition, sources: dict[str, Any], description: str
) -> list[str]:
    """The question, the people and prompts behind it, and how the intervals were made."""
    found = [description] if description else []
    found.append(question_sentence(definition))
    found.append(_("Counted: %s.") % chosen)
    for source, figures in sources.items():
        found.append(_who(source, figures["ratings"]))
    found.append(_interval(definition))
    if definition.weights == "pairs":
        found.append(_("Each pair of models weighs alike, however often it was shown."))
    if definition.weights == "probability":
        found.append(
            _("Votes are weighted by one over the probability with which their pair was drawn.")
        )
    if definition.position:
        found.append(_("The advantage of being shown first is estimated and taken out."))
    if definition.prior_sd:
        found.append(
            _("A prior with a standard deviation of %s logits pulls every rating to the middle.")
            % f"{definition.prior_sd:g}"
        )
    return found


def question_sentence(definition: Definition) -> str:
    """What a rating on this board is an estimate of."""
    ties = {
        "half": _("ties count half for each side"),
        "davidson": _("ties have a probability of their own (Davidson)"),
        "rao_kupper": _("ties have a probability of their own (Rao and Kupper)"),
    }[definition.ties]
    scale = (
        _("%(model)s fixed at %(rating)s")
        % {"model": definition.anchor, "rating": f"{definition.anchor_rating:g}"}
        if definition.anchor
        else _("the mean of the board at 1000")
    )
    return _(
        "Bradley-Terry strength against a uniformly drawn opponent of this board, 400 points for "
        "odds of 10 to 1, %(scale)s; %(ties)s."
    ) % {"scale": scale, "ties": ties}


def _who(source: str, figures: dict[str, Any]) -> str:
    if not figures.get("votes"):
        return {
            "human": _("No vote of a person counts here."),
            "judge": _("No vote of a judge counts here."),
            "simulated": _("No simulated vote counts here."),
        }[source]
    people = figures["annotators"]
    whom = {
        "human": ngettext("%d person", "%d people", people),
        "judge": ngettext("%d judge", "%d judges", people),
        "simulated": ngettext("%d simulated annotator", "%d simulated annotators", people),
    }[source] % people
    if figures.get("unknown_annotators"):
        whom = (
            _("%(known)s and votes that name nobody") % {"known": whom}
            if people
            else _("votes that name nobody")
        )
    return _("%(votes)s votes on %(prompts)s prompts by %(whom)s.") % {
        "votes": f"{figures['votes']:,}",
        "prompts": f"{figures['prompts']:,}",
        "whom": whom,
    }


def _interval(definition: Definition) -> str:
    level = f"{100 * definition.level:g}"
    how = {
        "clustered": _(
            "Intervals hold %s %% and are clustered by annotator and prompt (of judges: by "
            "prompt); rank intervals come from sets that hold all at once."
        ),
        "sandwich": _(
            "Intervals hold %s %% only if every vote is independent of the others (sandwich)."
        ),
        "fisher": _(
            "Intervals hold %s %% only if votes are independent and there are no ties (Fisher)."
        ),
        "bootstrap": _(
            "Intervals hold %s %% only if every vote is independent of the others (bootstrap)."
        ),
    }[definition.interval]
    return how % level
