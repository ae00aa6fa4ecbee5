"""What became of a file, as people and programs read it."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from annotation.domain.conversion.values import as_text
from annotation.imports.formats.labelled import LABELLED
from annotation.imports.formats.reading import Good, Opened
from annotation.imports.formats.refusals import Refusal
from annotation.imports.load import Counts

FIRST_ROWS = 5
MOST_LISTED = 10_000  # refusals held in memory; the rejects file has all of them
KEPT_IN_ROW = 50  # refusals that the import's row keeps for its page
LONGEST_HEAD, MOST_FIELDS, FEW = 2000, 100, 20
SAMPLES = 8  # records shown before and after
SAMPLES_OF_A_FIX = 2
LONGEST_SAMPLE = 6000  # characters of one side


@dataclass
class ImportReport:
    """What became of the file. rows = imported + duplicates + refused_rows.

    refused: the first MOST_LISTED refusals. On a dry run `imported` is what would be imported. When
    the whole import was refused (one bad record under all-or-nothing, or a file that breaks off)
    `stored` is false, `imported` is 0 and `withheld` counts the good records that were kept out
    with it. samples: records that were changed, before and after. personal_data: records by the
    kinds of personal data that were found in them (and masked, where that was asked for). head,
    few_values: of a labelled data set, its first records and the columns with few values: what its
    templates are tried on.
    """

    format: str
    variant: str
    container: str
    compression: str
    recognised: str
    rows: int = 0
    imported: int = 0
    duplicates: int = 0
    fixed: int = 0
    withheld: int = 0
    refused_rows: int = 0
    stored: bool = False
    refused: list[dict[str, Any]] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    fixes: dict[str, int] = field(default_factory=dict)
    personal_data: dict[str, int] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    first_rows: list[Any] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    head: list[dict[str, Any]] = field(default_factory=list)
    few_values: dict[str, list[str]] = field(default_factory=dict)
    broken: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def for_row(self) -> dict[str, Any]:
        """The part that is kept in the import's row; the rejects file has every refusal."""
        return asdict(self) | {"refused": self.refused[:KEPT_IN_ROW]}


def report_of(opened: Opened) -> ImportReport:
    found = opened.detection
    recognised = f"{found.agreeing} of {found.looked_at}" if found is not None else ""
    container = opened.container
    kind = "json" if container.kind == "object" else container.kind
    name = opened.format.name
    columns = [column[:200] for column in opened.columns]
    made = ImportReport(
        name, opened.variant, kind, container.compression, recognised, columns=columns
    )
    if opened.format is LABELLED:
        made.head = [_cut(record) for record in opened.head[:FIRST_ROWS]]
        made.few_values = _few_values(opened.head, columns)
    return made


def _cut(value: Any, longest: int = LONGEST_HEAD) -> Any:
    """The value with its texts, lists and objects cut to what a preview needs."""
    if isinstance(value, str):
        return value[:longest].replace("\0", "")
    if isinstance(value, dict):
        kept = itertools.islice(value.items(), MOST_FIELDS)
        return {str(key)[:200]: _cut(item, longest) for key, item in kept}
    if isinstance(value, list):
        return [_cut(item, longest // 4) for item in value[:20]]
    return value if isinstance(value, (int, float, bool)) else None


def _few_values(records: Sequence[Any], columns: Sequence[str]) -> dict[str, list[str]]:
    """Columns that hold few short values among the first records, as labels do."""
    found = {}
    for column in columns:
        values = [record[column] for record in records if column in record]
        texts = list(dict.fromkeys(map(as_text, values)))
        short = all(len(text) <= 60 for text in texts)
        plain = not any(isinstance(value, (dict, list)) for value in values)
        if plain and short and 0 < len(texts) <= min(FEW, max(1, len(values) - 1)):
            found[column] = sorted(texts)
    return found


def watched(results: Any, report: ImportReport) -> Iterator[Good | Refusal]:
    """Pass every result on; keep the first rows, and some changed records before and after."""
    shown: dict[str, int] = {}
    for result in results:
        if not isinstance(result, Refusal):
            if len(report.first_rows) < FIRST_ROWS:
                report.first_rows += _rows(result)[: FIRST_ROWS - len(report.first_rows)]
            if result.fixes and len(report.samples) < SAMPLES:
                new = [fix for fix in result.fixes if shown.get(fix, 0) < SAMPLES_OF_A_FIX]
                if new and result.rows:
                    report.samples.append(_sample(result))
                    shown |= {fix: shown.get(fix, 0) + 1 for fix in result.fixes}
        yield result


def _rows(good: Good) -> list[dict[str, Any]]:
    return [
        {"kind": type(row).__name__.removesuffix("Row").lower(), **msgspec.to_builtins(row)}
        for row in good.rows
    ]


def _sample(good: Good) -> dict[str, Any]:
    """One record as it stood in the file and as it comes in, each side cut to what a page shows."""
    after = _rows(good)
    for row in after:
        for message in row.get("messages") or row.get("prompt", {}).get("messages", ()):
            message["content"] = message["content"][:LONGEST_SAMPLE]
        if "text" in row:
            row["text"] = row["text"][:LONGEST_SAMPLE]
    before = good.raw[:LONGEST_SAMPLE].decode("utf-8", "replace").replace("\0", "")
    return {"line": good.line, "fixes": list(good.fixes), "before": before, "after": after[:4]}


def fill(report: ImportReport, counts: Counts, *, stored: bool, accepted: bool) -> None:
    """The counts into the report. accepted: nothing kept the whole file out."""
    report.rows = counts.rows
    report.duplicates = counts.duplicates
    report.fixed = counts.fixed
    report.refused_rows = counts.refused
    report.fixes = dict(counts.fixes.most_common())
    report.personal_data = dict(counts.personal.most_common())
    report.reasons = dict(counts.reasons.most_common(50))
    report.stored = stored
    report.imported = counts.imported if accepted else 0
    report.withheld = 0 if accepted else counts.imported
    report.tables = dict(counts.tables) if accepted else {}
    if counts.broken is not None:
        report.broken = str(counts.broken)
