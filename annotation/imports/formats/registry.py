"""Every format by name, in the order in which a record is held against them."""

from annotation.imports.formats.alpaca_eval import (
    ALPACA_EVAL_ANNOTATIONS,
    ALPACA_EVAL_OUTPUTS,
    LLMBAR,
)
from annotation.imports.formats.argilla import ARGILLA
from annotation.imports.formats.format import Format
from annotation.imports.formats.instructions import (
    ALPACA,
    DOLLY,
    SELF_INSTRUCT_GENERATIONS,
    SELF_INSTRUCT_SEEDS,
)
from annotation.imports.formats.label_studio import LABEL_STUDIO
from annotation.imports.formats.labelled import LABELLED
from annotation.imports.formats.llama_factory import LLAMA_FACTORY_KTO, LLAMA_FACTORY_PREFERENCE
from annotation.imports.formats.lmarena import LMARENA_BATTLES, LMARENA_RAW
from annotation.imports.formats.mt_bench import (
    MT_BENCH_ANSWERS,
    MT_BENCH_JUDGMENTS,
    MT_BENCH_QUESTIONS,
)
from annotation.imports.formats.natural_instructions import SUPER_NATURAL_INSTRUCTIONS
from annotation.imports.formats.oasst import OASST_MESSAGES, OASST_TREES
from annotation.imports.formats.openai import OPENAI_DPO, OPENAI_MESSAGES
from annotation.imports.formats.pandalm import PANDALM
from annotation.imports.formats.sharegpt import SHAREGPT
from annotation.imports.formats.table import TABLE
from annotation.imports.formats.trl import (
    HH_RLHF,
    TRL_PREFERENCE,
    TRL_PROMPT_COMPLETION,
    TRL_PROMPT_ONLY,
    TRL_UNPAIRED,
)
from annotation.imports.formats.ultrafeedback import ULTRAFEEDBACK
from annotation.imports.formats.wildchat import WILDCHAT

# The particular before the general: a preference file also looks like a conversation, and a
# judgement file like a table. The table is last, for it takes anything with a mapping.
FORMATS: tuple[Format, ...] = (
    LABEL_STUDIO,
    ARGILLA,
    OASST_TREES,
    OASST_MESSAGES,
    WILDCHAT,
    LMARENA_RAW,
    LMARENA_BATTLES,
    MT_BENCH_JUDGMENTS,
    MT_BENCH_ANSWERS,
    MT_BENCH_QUESTIONS,
    ALPACA_EVAL_ANNOTATIONS,
    LLMBAR,
    PANDALM,
    ULTRAFEEDBACK,
    SUPER_NATURAL_INSTRUCTIONS,
    OPENAI_DPO,
    LLAMA_FACTORY_PREFERENCE,
    LLAMA_FACTORY_KTO,
    HH_RLHF,
    TRL_PREFERENCE,
    TRL_UNPAIRED,
    SELF_INSTRUCT_SEEDS,
    SELF_INSTRUCT_GENERATIONS,
    TRL_PROMPT_COMPLETION,
    ALPACA_EVAL_OUTPUTS,
    DOLLY,
    ALPACA,
    OPENAI_MESSAGES,
    SHAREGPT,
    TABLE,
    TRL_PROMPT_ONLY,
    LABELLED,
)
BY_NAME = {found.name: found for found in FORMATS}


def format_named(name: str) -> Format:
    """The format of that name. Raises ValueError naming all of them."""
    if name not in BY_NAME:
        raise ValueError(f"{name!r} is no format. There are {', '.join(sorted(BY_NAME))}.")
    return BY_NAME[name]
