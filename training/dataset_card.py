"""The dataset card: what is in a snapshot, where it comes from, and what to be careful of.

Markdown with the front matter of a data set repository; written once, with the file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.domain.agreement import Coefficient
from annotation.domain.preferences import MarginTable
from annotation.domain.proportions import Share, share
from annotation.exports.columns import COLUMNS
from annotation.exports.lines import LeftOut, Tally
from annotation.exports.plan import TIE_WORDS, ExportPlan, Kind, Shape
from annotation.judgement_filter import JudgementFilter
from training.models import DatasetSnapshot

MOST_SHOWN = 20  # values of one column in a table

# Why something that passes the filter is not in the file; ways of leaking speak for themselves.
REASONS = {
    "held_out": "prompts of the split “held out”: boards and final tests are measured by them",
    "retired": "retired prompts",
    "retired_answer": "retired answers",
    "no_prompt_text": "prompts whose text the import did not hold",
    "no_text": "answers whose text the import did not hold",
    "same_text": "two answers with one text: they prefer nothing",
    "several_turns": "prompts of several turns, which one answer does not fit",
    "tie": "ties",
    "both_bad": "both answers bad",
    "middle": "neither among the best nor among the worst",
    "reward_model": "dropped by the reward model",
    "no_reward": "rows whose score was not finite",
    "came_later": "judged while the reward model was at work",
}


@dataclass(frozen=True)
class CardFacts:
    """What was counted while the file was written. leaks: prompts by how they leak. screened: what
    training.scoring.screen_rows.Screened counted, where a reward model dropped rows."""

    tally: Tally
    missing: Sequence[LeftOut]
    agreement: Coefficient
    leaks: dict[str, int]
    screened: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """For DatasetSnapshot.counts."""
        alpha = self.agreement
        return {
            "splits": self.tally.splits(),
            "kinds": {kind: len(set(ids)) for kind, ids in sorted(self.tally.ids.items())},
            "ties": self.tally.by("tie")[("true",)],
            "judged_by": {
                source: rows
                for (source,), rows in sorted(self.tally.by("judged_by").items())
                if source
            },
            "left_out": {
                item.reason: {"rows": item.rows, "prompts": item.prompts} for item in self.missing
            },
            "kept_out": self.leaks,
            "agreement": {"alpha": alpha.value, "pairs": alpha.n, "share": alpha.agreement},
            **({"screen": self.screened} if self.screened is not None else {}),
        }


def dataset_card(
    snapshot: DatasetSnapshot, plan: ExportPlan, chosen: JudgementFilter, facts: CardFacts
) -> str:
    """The whole card. `snapshot` has its rows and fingerprints already."""
    parts = [
        _front_matter(plan, facts.tally),
        f"# {_plain(snapshot.name)}\n\n{_summary(snapshot, plan, facts)}",
        f"## What was chosen\n\n{_plain(chosen.in_words()).capitalize()}.",
        f"## Splits\n\n{_splits(plan, facts.tally)}",
        _where_from(facts.tally),
        _judgements(plan, facts),
        _biases(plan, facts),
        _screened(snapshot, facts),
        _left_out(facts),
        f"## Columns\n\n{_columns(plan)}",
        _fingerprint(snapshot),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(plan: ExportPlan, tally: Tally) -> str:
    licences = sorted(name for (name,) in tally.by("licence") if name)
    languages = sorted(name for (name,) in tally.by("language") if name)
    by_models = tally.by("judged_by")[("judge",)] and plan.kind is not Kind.PROMPT_COMPLETION
    lines = ["---", f"tags: [rondo, {plan.kind.value}{', rlaif' if by_models else ''}]"]
    lines += [f"language: [{', '.join(map(_scalar, languages))}]"] if languages else []
    lines += [f"license_name: {_scalar('; '.join(licences))}"] if licences else []
    return "\n".join([*lines, f"size_categories: [{_size(tally.rows)}]", "---"])


def _summary(snapshot: DatasetSnapshot, plan: ExportPlan, facts: CardFacts) -> str:
    by_kind = facts.as_json()["kinds"]
    came = " and ".join(f"{count:,} {kind}{'s' * (count != 1)}" for kind, count in by_kind.items())
    frozen = snapshot.frozen_at
    day = frozen.strftime("%d %B %Y, %H:%M UTC").lstrip("0") if frozen else ""
    shape = "lists of messages" if plan.shape is Shape.CHAT else "plain texts"
    return (
        f"{facts.tally.rows:,} rows of the type `{plan.kind.value}` (as TRL names it) from {came}, "
        f"frozen on {day}. Texts are {shape}."
    )


def _splits(plan: ExportPlan, tally: Tally) -> str:
    table = _table(
        ("split", "rows"), [(name, f"{rows:,}") for name, rows in tally.splits().items()]
    )
    salt = f" and the salt `{_plain(plan.salt)}`" if plan.salt else ""
    what, rows = ("prompt", "prompt") if not plan.by_task else ("task's name", "task")
    return (
        f"{table}\n\nBy the SHA-256 of the {what}{salt}: {plan.validation_share:.1%} of the "
        f"{rows}s are validation, and the prompts that are marked so. All rows of a {rows} are on "
        "one side."
    )


def _where_from(tally: Tally) -> str:
    known = {
        name: len({value for (value,) in tally.by(name) if value})
        for name in ("source", "language", "licence")
    }
    parts = [
        f"{tally.rows:,} examples; sources (tasks) named: {known['source']:,}, languages: "
        f"{known['language']:,}, licences: {known['licence']:,}."
    ]
    for title, name in (
        ("Sources", "source"),
        ("Licences", "licence"),
        ("Languages", "language"),
        ("Use cases", "use_case"),
    ):
        found = Counter({value: rows for (value,), rows in tally.by(name).items()})
        if set(found) != {""}:
            parts.append(f"### {title}\n\n{_counted(found)}")
        elif name in ("source", "licence"):
            parts.append(f"### {title}\n\nNot stated for any row.")
    return "## Where it comes from\n\n" + "\n\n".join(parts)


def _judgements(plan: ExportPlan, facts: CardFacts) -> str:
    if plan.kind is Kind.PROMPT_ONLY:
        return ""
    tally = facts.tally
    people = {name for (name,) in tally.by("annotator") if name}
    given = Counter({value: rows for (value,), rows in tally.by("judged_by").items()})
    parts = [
        f"## Judgements\n\n{_counted(given, 'judged by')}",
        f"{len(people):,} annotator{'s are' if len(people) > 1 else ' is'} named."
        if people
        else "The annotators are not named.",
    ]
    if plan.kind is Kind.PREFERENCE:
        ties = tally.by("tie")[("true",)]
        parts.append(f"**Ties** are {TIE_WORDS[plan.ties]}. {ties:,} rows are ties.")
        parts.append(
            "**Weights**: a ranking of K answers gives C(K, 2) rows of weight 1 / C(K, 2), so that "
            "it counts as much as one vote. **Margins** are "
            f"{_margins(plan)}."
        )
        strengths = Counter({value: rows for (value,), rows in tally.by("strength").items()})
        if set(strengths) != {""}:
            parts.append(_counted(strengths, "strength"))
    parts.append(_suggestions(tally))
    if reasoning := _reasoning(plan, tally):
        parts.append(reasoning)
    parts.append(_agreement(facts.agreement))
    return "\n\n".join(parts)


def _suggestions(tally: Tally) -> str:
    seen = {value: rows for (value,), rows in tally.by("suggestion").items() if value}
    if not seen:
        return "**Suggestions**: none was shown to whoever judged."
    before, after = seen.get("before", 0), seen.get("after", 0)
    return (
        f"**Suggestions** (answers that a model or a file proposed) were shown for "
        f"{before + after:,} of {tally.rows:,} rows: {before:,} before the person answered, "
        f"{after:,} after another answer. They may pull judgements towards the suggestion; the "
        "column `suggestion` tells these rows from the rest."
    )


def _reasoning(plan: ExportPlan, tally: Tally) -> str:
    """Whether answers were written with the way to them, and whether it is in the rows."""
    written = tally.by("kind")[("demonstration",)]
    if plan.kind is Kind.PREFERENCE or not written:
        return ""
    reasoned = tally.by("reasoned")[("true",)]
    if not reasoned:
        return "**Reasoning**: no demonstration came with any."
    where = "stands before the answer" if plan.rationales else "is not in the rows"
    return f"**Reasoning**: {reasoned:,} of {written:,} demonstrations came with it; it {where}."


def _margins(plan: ExportPlan) -> str:
    if plan.margins is MarginTable.NONE:
        return "0, unless the import gave one"
    if plan.margins is MarginTable.SCORES:
        return "the difference of the scores that an import gave, or its own margin; else 0"
    return f"Llama-2's ({plan.margins.value}) by strength, or the import's own"


def _agreement(alpha: Coefficient) -> str:
    if alpha.value is None:
        return f"**Agreement** cannot be said: {alpha.reason or 'no pair was judged twice'}"
    between = (
        f" (95 % interval {alpha.low:.2f} to {alpha.high:.2f})"
        if alpha.low is not None and alpha.high is not None
        else ""
    )
    same = f", {alpha.agreement:.0%} of answers equal" if alpha.agreement is not None else ""
    return (
        f"**Agreement** of people who judged the same two answers: Krippendorff's alpha "
        f"{alpha.value:.2f}{between} over {alpha.n:,} pairs{same}."
    )


def _biases(plan: ExportPlan, facts: CardFacts) -> str:
    if plan.kind is not Kind.PREFERENCE:
        return ""
    sides = {value: rows for (value,), rows in facts.tally.by("side").items()}
    lengths = {value: rows for (value,), rows in facts.tally.by("length").items()}
    longer = share(lengths.get("longer", 0), lengths.get("longer", 0) + lengths.get("shorter", 0))
    first = share(sides.get("first", 0), sides.get("first", 0) + sides.get("later", 0))
    judges = {value: rows for (value,), rows in facts.tally.by("judged_by").items()}
    lines = [
        f"- The longer answer was chosen in {_share(longer)}; length alone is right so often.",
        f"- The answer shown first was chosen in {_share(first)} where the order is known.",
    ]
    if judges.get("judge"):
        lines.append(f"- {judges['judge']:,} rows were judged by models, not by people.")
    if judges.get("simulated"):
        lines.append(f"- {judges['simulated']:,} rows come from a rule standing in for a person.")
    return "## Known biases\n\n" + "\n".join(lines)


def _screened(snapshot: DatasetSnapshot, facts: CardFacts) -> str:
    """What a reward model had to say about which rows are here."""
    told = facts.screened
    if told is None:
        return ""
    model = snapshot.screen["reward"]
    name = f"{_plain(model['name'])} v{model['version']}"
    what = (
        "the score of the chosen answer less that of the rejected one"
        if snapshot.kind == Kind.PREFERENCE.value
        else "the score of the answer"
    )
    lowest = snapshot.screen["lowest"]
    found = f", below which {lowest:.1%} of them lay" if lowest is not None else ""
    kept = told["looked_at"] - told["dropped"] - told["unreadable"]
    parts = [
        f"## Screened by a reward model\n\nThe reward model {name} (SHA-256 `{model['sha256']}`) "
        f"looked at {told['looked_at']:,} rows. It kept {kept:,} and dropped {told['dropped']:,}, "
        f"whose value, {what}, is less than {told['least']:.6g}{found}."
    ]
    if told["unreadable"]:
        parts.append(f"{told['unreadable']:,} rows had no finite score and were dropped as well.")
    if snapshot.kind == Kind.PREFERENCE.value:
        parts.append("Ties were not looked at. Other rows of a ranking keep their weight.")
    parts.append(
        "What is left agrees with that model more than people do: an accuracy measured on these "
        "rows flatters it, and models that learned from them."
    )
    return " ".join(parts)


def _left_out(facts: CardFacts) -> str:
    rows = [
        (REASONS.get(item.reason, item.reason), f"{item.rows:,}", f"{item.prompts:,}")
        for item in facts.missing
    ]
    table = _table(("what", "rows", "prompts"), rows) if rows else "Nothing that was chosen."
    if not facts.leaks:
        leaks = "No prompt here repeats one that is held out or protected."
    else:
        leaks = "Prompts were kept out because they repeat protected ones: " + ", ".join(
            f"{count:,} {reason}" for reason, count in sorted(facts.leaks.items())
        )
        leaks += "."
    return f"## Left out\n\n{table}\n\n{leaks}"


def _columns(plan: ExportPlan) -> str:
    return _table(
        ("column", "type", "meaning"),
        [(f"`{each.name}`", each.type, str(each.meaning)) for each in COLUMNS[plan.kind]],
    )


def _fingerprint(snapshot: DatasetSnapshot) -> str:
    return (
        "## Fingerprint\n\n"
        f"- SHA-256 of the .jsonl.zst: `{snapshot.sha256}`\n"
        f"- SHA-256 of its lines: `{snapshot.content_sha256}`\n\n"
        f"The same judgements, filter{', scores' if snapshot.screen else ''} and settings give the "
        "same bytes on any machine."
    )


def _counted(found: Counter[str], title: str = "") -> str:
    shown = [(value or "(not stated)", f"{rows:,}") for value, rows in _largest(found)]
    rest = len(found) - len(shown)
    table = _table((title or "value", "rows"), shown)
    return f"{table}\n\nand {rest:,} more." if rest > 0 else table


def _largest(found: Counter[str]) -> list[tuple[str, int]]:
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))[:MOST_SHOWN]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def lines() -> Iterator[str]:
        titles = list(head)
        yield f"| {' | '.join(titles)} |"
        yield f"|{'---|' * len(titles)}"
        for row in rows:
            yield f"| {' | '.join(_cell(value) for value in row)} |"

    return "\n".join(lines())


def _cell(text: str) -> str:
    return text.replace("\n", " ") if text.startswith("`") else _plain(text)


def _plain(text: str) -> str:
    """Somebody's text inside markdown: one line, and nothing in it means anything."""
    line = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in r"\`*_[]<>|#!" else sign for sign in line)


def _scalar(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{" ".join(escaped.split())}"'


def _share(found: Share) -> str:
    if found.value is None:
        return "no row, for none differs in it"
    return f"{found.value:.1%} of {found.n:,} rows ({found.low:.1%} to {found.high:.1%})"


def _size(rows: int) -> str:
    for most, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")):
        if rows < most:
            return name
    return "100K<n<1M" if rows < 1_000_000 else "n>1M"
