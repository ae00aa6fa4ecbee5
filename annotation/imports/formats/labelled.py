"""Labelled data sets (sentiment, entailment ...) as instructions, by templates of the person's.

Never recognised by itself: what the fields mean, and what the labels are called, is in no file.
"""

from typing import Any

from annotation.imports.formats.conversations import user_prompt
from annotation.imports.formats.fields import label, record_object
from annotation.imports.formats.format import Format
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import DemonstrationRow, Row

NO_TEMPLATE = "needs a template, such as “{premise} Does it follow that {hypothesis}?”"


def _read(record: Any, reading: Reading) -> list[Row]:
    """Demonstrations: the filled templates, each with its filled target as the answer."""
    recipe = reading.options.recipe
    if not recipe.templates:
        raise Refused(NO_TEMPLATE)
    fields = record_object(record)
    try:
        made = recipe.convert(fields)
    except ValueError as error:
        raise Refused(str(error)) from None
    rows: list[Row] = []
    for name, converted in made:
        metadata = {"template": name} | ({"task": recipe.task} if recipe.task else {})
        prompt = user_prompt(converted.input, source_id=label(fields, "id"), metadata=metadata)
        rows.append(DemonstrationRow(prompt=prompt, text=converted.target))
    return rows


LABELLED = Format("labelled", "Labelled data set with templates", lambda record: "", _read)
