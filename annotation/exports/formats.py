"""The kinds of file an export can be, and how rows become one of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.exports import targets
from annotation.exports.columns import arrow_schema
from annotation.exports.containers import compressed
from annotation.exports.parquet import parquet
from annotation.exports.plan import ExportPlan, Kind, Shape
from annotation.exports.targets import Skipped

ALL = tuple(Kind)


@dataclass(frozen=True)
class FileFormat:
    """name: as in addresses and on the command line. ending: of the file's name."""

    name: str
    label: str | Promise
    ending: str
    content_type: str
    kinds: tuple[Kind, ...] = ALL
    help: str | Promise = ""


_JSONL = "application/x-ndjson"
FORMATS: dict[str, FileFormat] = {
    each.name: each
    for each in (
        FileFormat(
            "jsonl.zst",
            gettext_lazy("JSON Lines, zstd"),
            "jsonl.zst",
            "application/zstd",
            help=gettext_lazy("The frozen file itself."),
        ),
        FileFormat("jsonl.gz", gettext_lazy("JSON Lines, gzip"), "jsonl.gz", "application/gzip"),
        FileFormat("jsonl", gettext_lazy("JSON Lines"), "jsonl", _JSONL),
        FileFormat(
            "parquet",
            "Parquet",
            "parquet",
            "application/vnd.apache.parquet",
            help=gettext_lazy("For pandas, DuckDB, Spark."),
        ),
        FileFormat(
            "openai",
            gettext_lazy("OpenAI fine-tuning"),
            "openai.jsonl",
            _JSONL,
            targets.OPENAI_KINDS,
            gettext_lazy("Chats, or preferences (DPO). Ties are left out."),
        ),
        FileFormat(
            "llama-factory",
            "LLaMA-Factory",
            "llama-factory.zip",
            "application/zip",
            targets.LLAMA_FACTORY_KINDS,
            gettext_lazy("ShareGPT layout with its dataset_info.json. Ties are left out."),
        ),
    )
}


def format_named(name: str, kind: Kind) -> FileFormat:
    """Raises ValidationError: there is none, or it cannot hold this kind of rows."""
    found = FORMATS.get(name)
    if found is None:
        raise ValidationError(
            _("The format is %(name)s. Allowed: %(allowed)s.")
            % {"name": repr(name[:40]), "allowed": ", ".join(FORMATS)}
        )
    if kind not in found.kinds:
        raise ValidationError(
            _("%(format)s files cannot hold rows of the kind %(kind)s, only %(allowed)s.")
            % {
                "format": found.label,
                "kind": kind.value,
                "allowed": ", ".join(each.value for each in found.kinds),
            }
        )
    return found


def format_of_file(name: str) -> str:
    """The format that a file's name asks for.

    Raises:
        ValidationError: its ending is none of ours.
    """
    for each in sorted(FORMATS.values(), key=lambda known: -len(known.ending)):
        if name.lower().endswith(f".{each.ending}"):
            return each.name
    raise ValidationError(
        _("%(name)s has none of the endings %(allowed)s.")
        % {"name": name, "allowed": ", ".join(f".{each.ending}" for each in FORMATS.values())}
    )


@dataclass(frozen=True)
class Rows:
    """Lines to be written: of which plan, and whether messages have more than role and content.

    name: what a data set is called inside a file that names it. skipped: lines that the format
    could not hold, counted while written() is read.
    """

    blocks: Iterable[bytes]
    plan: ExportPlan
    extras: bool = False
    name: str = "rondo"
    skipped: Skipped = field(default_factory=Skipped)

    def written(self, name: str) -> Iterator[bytes]:
        """The bytes of a file of that format.

        Raises:
            ValidationError: see format_named().
        """
        kind = self.plan.kind
        format_named(name, kind)
        if name == "parquet":
            chat = self.plan.shape is Shape.CHAT
            schema = arrow_schema(kind, chat=chat, extras=self.extras)
            return parquet(self.blocks, schema, extras=self.extras)
        if name == "openai":
            return targets.openai(self.blocks, kind, self.skipped)
        if name == "llama-factory":
            return targets.llama_factory(self.blocks, kind, self.name, self.skipped)
        return compressed(self.blocks, name.removeprefix("jsonl").removeprefix("."))
