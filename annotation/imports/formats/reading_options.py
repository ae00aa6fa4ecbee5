"""What the person importing may decide, and what one record's reader reports back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from annotation.domain.conversion.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Options:
    """Overrides of one import. Every map goes from the file's word to ours.

    source, licence: of the whole file; a row that carries its own keeps it. columns: our field to
    the file's column (formats `table` and those that name their fields in `Format.columns`).
    roles: to one of `rows.ROLES`. labels: to one of `rows.CHOICES`, for verdicts. html: texts are
    HTML and become Markdown (ShareGPT's HTML variant is recognised without it).
    rank_best: "lowest" or "highest", for rankings whose source does not declare it.
    languages: to BCP 47, before the names that are known anyway. recipe: how labelled data become
    instructions (format `labelled`).
    """

    source: str = ""
    licence: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    html: bool | None = None
    rank_best: str = ""
    judged_by: str = ""
    languages: Mapping[str, str] = field(default_factory=dict)
    recipe: Recipe = field(default_factory=Recipe)
    html_bytes: int = 2 * 1024 * 1024


@dataclass(slots=True)
class Reading:
    """One file being read: its options and variant, and the fixes made to the current record."""

    options: Options
    variant: str = ""
    fixes: list[str] = field(default_factory=list)

    def fixed(self, what: str) -> None:
        """Note a change to the record, once."""
        if what not in self.fixes:
            self.fixes.append(what)
