"""What a loop brought as a folder of plain files: a page that any forge shows, its pictures, and
every figure as JSON. No server, no script, no style sheet is needed to read it."""

import json
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.domain.proportions import Share
from training.curves import points
from training.demo.picture import Line, line_chart
from training.models import Round
from training.rounds.story import Chapter, Story, Told, story_of

PAGE, FIGURES = "README.md", "figures.json"
PROXY, KL = "objective/scores", "objective/kl"


def export_story(found: Round, folder: Path) -> list[Path]:
    """Write the loop of this round into `folder`, made where it is missing; the files written."""
    story = story_of(found)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = _pictures(story)
    files = {name: text for name, (_title, text) in pictures.items()}
    files[FIGURES] = json.dumps(_figures(story), indent=1, ensure_ascii=False) + "\n"
    files[PAGE] = _page(story, {name: title for name, (title, _text) in pictures.items()})
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in sorted(files)]


# ---- the page


def _page(story: Story, pictures: dict[str, str]) -> str:
    parts = [
        f"# {_('What the rounds brought')}",
        _("Written by `manage.py demo --export` on %(date)s; the model that everything began with")
        % {"date": timezone.now().strftime("%d %B %Y")}
        + f" is **{_plain(story.base)}**.",
    ]
    if story.is_simulated:
        parts.append(
            _(
                "**Nobody judged anything here.** A simulated annotator did, by the rule in "
                "`annotation/domain/simulated_annotator.py`; its judgements say what the rule "
                "prefers, not what people would have thought."
            )
        )
    parts += [f"## {_('The models')}", _models(story), f"## {_('In short')}", _in_short(story)]
    parts += [f"## {_('The rounds')}", _rounds(story), f"## {_('Over the rounds')}"]
    parts += [f"![{title}]({name})" for name, title in pictures.items()]
    parts.append(
        _(
            "Wins are votes of one source (%(source)s) between the model and %(base)s, over all "
            "rounds; a tie, or both bad, is half a win. Intervals are Wilson's, 95 %%: one that "
            "holds 50 %% shows no difference, whatever the figure. KL is from the model that the "
            "run began from. Every figure is in [%(figures)s](%(figures)s)."
        )
        % {"source": story.source_label, "base": _plain(story.base), "figures": FIGURES}
    )
    return "\n\n".join(parts) + "\n"


def _models(story: Story) -> str:
    heads = [
        _("round"),
        _("model"),
        _("by"),
        _("wins against the first model"),
        _("what that says"),
        _("KL, nats"),
        _("length, characters"),
    ]
    rows = [
        [
            str(chapter.round.number),
            _plain(told.version),
            told.run.method.upper(),
            _share(told.wins),
            told.verdict,
            _number(told.kl, 2),
            _number(told.length, 0),
        ]
        for chapter in story.chapters
        for told in chapter.models
    ]
    return _table(heads, rows)


def _rounds(story: Story) -> str:
    heads = [
        _("round"),
        _("judged"),
        _("compared"),
        _("reward model, held-out pairs"),
        _("minutes"),
        _("training, seconds"),
        _("cost"),
    ]
    rows = [
        [
            str(chapter.round.number),
            _counts(chapter.judged),
            _counts(chapter.compared),
            _share(chapter.accuracy),
            _number(chapter.minutes, 1),
            _number(chapter.training_seconds, 0),
            _number(chapter.cost, 2),
        ]
        for chapter in story.chapters
    ]
    return _table(heads, rows)


def _in_short(story: Story) -> str:
    told = [each for chapter in story.chapters for each in chapter.models if each.wins]
    above = [each for each in told if each.wins and (each.wins.low or 0) > 0.5]
    below = [each for each in told if each.wins and (each.wins.high or 1) < 0.5]
    unclear = len(told) - len(above) - len(below)
    lines = [
        _("- better than the first model, told from chance: %s") % _names(above),
        _("- worse, told from chance: %s") % _names(below),
        _("- no difference shown: %d") % unclear,
    ]
    minutes = [chapter.minutes for chapter in story.chapters if chapter.minutes is not None]
    if minutes:
        lines.append(
            _("- %(rounds)d rounds took %(minutes).0f minutes")
            % {"rounds": len(minutes), "minutes": sum(minutes)}
        )
    return "\n".join(lines)


def _names(told: list[Told]) -> str:
    return ", ".join(_plain(each.version) for each in told) or _("none")


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: object) -> str:
    """A name of somebody's choice, as nothing but text in Markdown."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in str(text))


def _share(found: Share | None) -> str:
    if found is None or found.low is None or found.high is None:
        return "–"
    return f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%}, n = {found.n})"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _counts(by_source: dict[str, int]) -> str:
    return ", ".join(f"{count} {source}" for source, count in sorted(by_source.items())) or "0"


# ---- the figures


def _figures(story: Story) -> dict[str, Any]:
    return {
        "loop": story.name,
        "base": str(story.base),
        "source": story.source,
        "rounds": [_round(chapter) for chapter in story.chapters],
    }


def _round(chapter: Chapter) -> dict[str, Any]:
    return {
        "round": chapter.round.number,
        "judged": chapter.judged,
        "compared": chapter.compared,
        "reward_accuracy": _parts(chapter.accuracy),
        "minutes": chapter.minutes,
        "training_seconds": chapter.training_seconds,
        "cost": chapter.cost,
        "base_length_characters": chapter.base_length,
        "models": [
            {
                "model": str(told.version),
                "method": told.run.method,
                "wins": _parts(told.wins),
                "verdict": told.verdict,
                "kl_nats": told.kl,
                "length_characters": told.length,
                "seconds": told.run.result.get("seconds"),
            }
            for told in chapter.models
        ],
    }


def _parts(found: Share | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}


# ---- the pictures


def _pictures(story: Story) -> dict[str, tuple[str, str]]:
    """File name -> (title, SVG)."""
    x = [float(chapter.round.number) for chapter in story.chapters]
    methods = list(dict.fromkeys(t.run.method for c in story.chapters for t in c.models))
    of = {m: [_of(chapter, m) for chapter in story.chapters] for m in methods}
    lines = {
        "wins.svg": (
            _("Win rate against the first model (with 95 % intervals)"),
            [_with_ranges(m.upper(), [t.wins if t else None for t in of[m]]) for m in methods],
        ),
        "reward-accuracy.svg": (
            _("Reward model: held-out pairs in the annotator's order"),
            [_with_ranges(_("reward model"), [c.accuracy for c in story.chapters])],
        ),
        "kl.svg": (
            _("KL from the model that the run began from, nats an answer"),
            [Line(m.upper(), [t.kl if t else None for t in of[m]]) for m in methods],
        ),
        "length.svg": (
            _("Mean length of an answer, characters"),
            [
                *(Line(m.upper(), [t.length if t else None for t in of[m]]) for m in methods),
                Line(_("first model"), [chapter.base_length for chapter in story.chapters]),
            ],
        ),
    }
    drawn = {
        name: (title, line_chart(title, _("round"), x, known))
        for name, (title, every) in lines.items()
        if (known := [line for line in every if any(v is not None for v in line.values)])
    }
    return drawn | _over_optimisation(story)


def _over_optimisation(story: Story) -> dict[str, tuple[str, str]]:
    """The proxy reward and the KL over the updates of each round's run that follows a reward."""
    runs = [
        (chapter.round.number, told.run)
        for chapter in story.chapters
        for told in chapter.models
        if told.run.method in ("ppo", "reinforce", "rloo")
    ]
    kept = points([run.pk for _number, run in runs], [PROXY, KL])
    drawn = {}
    for name, metric, title in (
        ("proxy-reward.svg", PROXY, _("Proxy reward of the sampled answers, by update")),
        ("kl-by-update.svg", KL, _("KL from the start of the run, nats, by update")),
    ):
        curves = {number: dict(kept.get((run.pk, metric), [])) for number, run in runs}
        steps = sorted({step for curve in curves.values() for step in curve})
        if steps:
            lines = [
                Line(_("round %d") % number, [curve.get(step) for step in steps])
                for number, curve in curves.items()
            ]
            svg = line_chart(title, _("update"), [float(step) for step in steps], lines)
            drawn[name] = (title, svg)
    return drawn


def _of(chapter: Chapter, method: str) -> Told | None:
    return next((told for told in chapter.models if told.run.method == method), None)


def _with_ranges(label: str, shares: list[Share | None]) -> Line:
    ranges = [
        (each.low, each.high) if each and each.low is not None and each.high is not None else None
        for each in shares
    ]
    return Line(label, [each.value if each else None for each in shares], ranges)
