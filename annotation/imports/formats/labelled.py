"""Labelled data sets (sentiment, entailment ...) as instructions, by a template of the person's.

Never recognised by itself: what the fields mean, and what the labels are called, is in no file.
"""

from typing import Any

from annotation.domain.instruction_conversion import Conversion
from annotation.imports.formats.conversations import user_prompt
from annotation.imports.formats.fields import label, record_object
from annotation.imports.formats.format import Format
from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.refusals import Refused
from annotation.imports.formats.rows import DemonstrationRow, Row

NO_TEMPLATE = "needs a template, such as “{premise} Does it follow that {hypothesis}?”"


def _read(record: Any, reading: Reading) -> list[Row]:
    """One demonstration: the filled template, and the filled target as its answer."""
    options = reading.options
    if not options.template:
        raise Refused(NO_TEMPLATE)
    conversion = Conversion(
        options.template,
        options.answers,
        target=options.target,
        label_field=options.label_field,
        with_options=options.with_options,
    )
    fields = record_object(record)
    try:
        made = conversion.convert(fields)
    except ValueError as error:
        raise Refused(str(error)) from None
    if not made.input.strip() or not made.target.strip():
        raise Refused("the filled template or its answer is empty")
    metadata = {"template": options.template}
    prompt = user_prompt(made.input, source_id=label(fields, "id"), metadata=metadata)
    return [DemonstrationRow(prompt=prompt, text=made.target)]


LABELLED = Format("labelled", "Labelled data set with a template", lambda record: "", _read)
