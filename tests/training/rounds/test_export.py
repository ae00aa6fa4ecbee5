"""A loop as plain files: what the product says of it, and pictures that hold its figures."""

import json
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.core.management import CommandError, call_command

from annotation.models import Comparison
from tests.cast import mia
from tests.training.rounds.test_story import a_loop
from training.demo import export as exports
from training.demo.export import export_story
from training.demo.picture import Line, line_chart
from training.models import Round, TrainingRun
from training.rounds.actions.start_round import start_next

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def told(db: None) -> Round:
    found = a_loop()
    ppo = found.runs.get(run__method="ppo").run
    TrainingRun.objects.filter(pk=ppo.pk).update(result={"metrics": {"objective/kl": 1.5}})
    Comparison.objects.filter(assignment__campaign=found.comparison).update(source="simulated")
    return found


@pytest.mark.heavy
def test_the_page_has_every_model_and_says_whose_votes_they_are(
    told: Round, tmp_path: Path
) -> None:
    written = export_story(told, tmp_path / "demo")
    names = {path.name for path in written}
    assert {"README.md", "figures.json", "wins.svg", "kl.svg", "length.svg"} <= names
    page = (tmp_path / "demo" / "README.md").read_text()
    assert "**Nobody judged anything here.**" in page
    assert "| 1 | tuned-dpo v1 | DPO |" in page
    assert "| 1 | tuned v1 | PPO |" in page
    assert "no difference shown | 1.50 |" in page
    for name in names - {"README.md"}:
        assert f"({name})" in page
    figures = json.loads((tmp_path / "demo" / "figures.json").read_text())
    assert figures["source"] == "simulated"
    ppo = next(m for m in figures["rounds"][0]["models"] if m["method"] == "ppo")
    assert ppo["kl_nats"] == 1.5
    assert ppo["wins"]["low"] < ppo["wins"]["value"] < ppo["wins"]["high"]


@pytest.mark.heavy
def test_of_people_nothing_is_called_simulated_and_a_new_round_is_told_as_far_as_it_came(
    told: Round, tmp_path: Path
) -> None:
    Comparison.objects.update(source="human")
    start_next(found=told, by=mia(told.workspace))
    export_story(told, tmp_path)
    page = (tmp_path / "README.md").read_text()
    assert "Nobody judged" not in page
    assert "| 2 | 0 | 0 | – | – | 0 | 0.00 |" in page
    assert ElementTree.parse(tmp_path / "wins.svg")


@pytest.mark.django_db
def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.management.commands import demo

    (tmp_path / "file").write_text("")
    monkeypatch.setattr(exports, "story_of", lambda found: None)
    with pytest.raises(CommandError, match="cannot be written"):
        demo.Command()._export(None, tmp_path / "file")  # type: ignore[arg-type]
    with pytest.raises(CommandError, match="--rounds is 9"):
        call_command("demo", rounds=9)


def test_a_picture_has_its_values_at_their_heights_and_nothing_outside() -> None:
    """Three values a step apart lie on one straight line, the interval around its own value."""
    line = Line("a <b>", [0.2, 0.4, 0.6], [(0.1, 0.3), None, (0.5, 0.7)])
    drawn = ElementTree.fromstring(line_chart("Wins & losses", "round", [1.0, 2.0, 3.0], [line]))
    [path] = drawn.findall(f"{SVG}polyline")
    points = [tuple(map(float, each.split(","))) for each in path.attrib["points"].split()]
    (x1, y1), (x2, y2), (x3, y3) = points
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)
    assert y1 > y3  # more is higher
    ranges = [e for e in drawn.findall(f"{SVG}line") if "range" in e.attrib["class"]]
    assert len(ranges) == 2
    middle = (float(ranges[0].attrib["y1"]) + float(ranges[0].attrib["y2"])) / 2
    assert middle == pytest.approx(y1, abs=0.2)
    assert "a <b>" in [text.text for text in drawn.findall(f"{SVG}text")]


@pytest.mark.parametrize(
    ("x", "values"), [([], []), ([1.0], [0.5]), ([1.0, 2.0], [None, None]), ([1.0, 2.0], [3, 3])]
)
def test_a_picture_of_next_to_nothing_is_a_picture(
    x: list[float], values: list[float | None]
) -> None:
    drawn = ElementTree.fromstring(line_chart("Wins", "round", x, [Line("DPO", values)]))
    assert drawn.findall(f"{SVG}text")


def test_names_of_lines_that_end_at_one_height_do_not_cover_one_another() -> None:
    lines = [Line(f"line {n}", [1.0, 1.0]) for n in range(4)]
    drawn = ElementTree.fromstring(line_chart("Wins", "round", [1.0, 2.0], lines))
    heights = sorted(
        float(t.attrib["y"]) for t in drawn.findall(f"{SVG}text") if "line" in (t.text or "")
    )
    assert all(b - a >= 16 for a, b in pairwise(heights))
