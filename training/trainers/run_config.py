"""`run.json`: everything a run needs to know, resolved before it starts.

Read with `read_config`, which refuses what it does not understand and lists every problem at once.
Paths are absolute or relative to the run directory. A sha256 may be left empty: it is then computed
at the start, written to `inputs.json`, and must be the same whenever the run is resumed.
"""

import difflib
import hashlib
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from training.trainers.outcome import BadInput
from training.trainers.settings import (
    LEARNING_RATES,
    METHOD_DEFAULTS,
    SETTINGS,
    LoraSettings,
    TrainingSettings,
)

Method = Literal[
    "sft",
    "pretrain",
    "reward",
    "dpo",
    "kto",
    "ppo",
    "reinforce",
    "rloo",
    "raft",
    "best_of_n",
]
Role = Literal["train", "validation", "prompts", "demonstrations", "ptx"]
Kind = Literal["prompt_only", "prompt_completion", "preference", "unpaired", "text"]

MAX_CONFIG_BYTES = 4 * 1024 * 1024


class ModelSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model folder (safetensors), and the adapter on top of it, if any."""

    path: Annotated[str, Meta(min_length=1, description="Folder of the model.")]
    sha256: Annotated[str, Meta(description="Fingerprint of the folder; empty: not checked.")] = ""
    adapter: Annotated[
        str | None, Meta(description="Folder of a LoRA adapter, merged in when it is loaded.")
    ] = None
    adapter_sha256: Annotated[str, Meta(description="Of the adapter; empty: not checked.")] = ""


class DataSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen file of examples: JSON Lines, plain or compressed (.gz, .zst)."""

    role: Annotated[Role, Meta(description="What the file is used for.")]
    path: Annotated[str, Meta(min_length=1, description="The file.")]
    kind: Annotated[Kind, Meta(description="Type of its rows, by TRL's names.")]
    sha256: Annotated[str, Meta(description="Of the file's bytes; empty: not checked.")] = ""


class RunConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run. `settings` has the type that `SETTINGS[method]` names."""

    method: Annotated[Method, Meta(description="What to do.")]
    model: Annotated[ModelSource, Meta(description="The model that is trained or sampled.")]
    data: Annotated[list[DataSource], Meta(description="The files of examples.")]
    seed: Annotated[int, Meta(ge=0, lt=2**32, description="Seed of every random choice.")] = 0
    reference: Annotated[
        ModelSource | None,
        Meta(description="The frozen model of the KL or of DPO; not given: the model itself."),
    ] = None
    reward_model: Annotated[
        ModelSource | None, Meta(description="The model that scores answers.")
    ] = None
    value_model: Annotated[
        ModelSource | None,
        Meta(description="The value model's first weights; not given: settings.value_init."),
    ] = None
    lora: Annotated[LoraSettings | None, Meta(description="Train adapters; null: all weights.")] = (
        None
    )
    quantization: Annotated[
        Literal["none", "nf4"],
        Meta(description="Keep the frozen base in 4-bit NF4 (QLoRA). Needs lora."),
    ] = "none"
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        Meta(description="Arithmetic of the passes; auto: bf16 where a GPU has it, else fp32."),
    ] = "auto"
    device: Annotated[Literal["auto", "cpu", "cuda"], Meta(description="Where to compute.")] = (
        "auto"
    )
    deterministic: Annotated[
        bool, Meta(description="Only use kernels that repeat exactly; slower on a GPU.")
    ] = False
    training: Annotated[TrainingSettings, Meta(description="The optimiser's settings.")] = (
        TrainingSettings()
    )
    settings: Annotated[Any, Meta(description="The method's own settings.")] = None
    human_ceiling: (
        Annotated[
            float,
            Meta(ge=0, le=1, description="Agreement among people, shown beside the accuracy."),
        ]
        | None
    ) = None
    trackers: Annotated[
        list[Literal["tensorboard", "trackio", "mlflow", "wandb"]],
        Meta(description="Where metrics go besides events.jsonl; each is an optional package."),
    ] = []

    def sources(self, role: Role) -> list[DataSource]:
        """The data files of one role, in the order given."""
        return [source for source in self.data if source.role == role]


# What a method reads: role -> (kinds it understands, required).
_TEXTS = ("prompt_completion",)
NEEDS: dict[str, dict[str, tuple[tuple[str, ...], bool]]] = {
    "sft": {"train": (_TEXTS, True), "validation": (_TEXTS, False)},
    "pretrain": {"train": (("text",), True), "validation": (("text",), False)},
    "reward": {
        "train": (("preference",), True),
        "validation": (("preference",), False),
        "demonstrations": (_TEXTS, False),
    },
    "dpo": {"train": (("preference",), True), "validation": (("preference",), False)},
    "kto": {"train": (("unpaired",), True), "validation": (("unpaired",), False)},
    "ppo": {
        "prompts": (("prompt_only",), True),
        "validation": (("prompt_only",), False),
        "ptx": (("text", "prompt_completion"), False),
    },
    "reinforce": {
        "prompts": (("prompt_only",), True),
        "validation": (("prompt_only",), False),
    },
    "rloo": {"prompts": (("prompt_only",), True), "validation": (("prompt_only",), False)},
    "raft": {"prompts": (("prompt_only",), True), "validation": (("prompt_only",), False)},
    "best_of_n": {"prompts": (("prompt_only",), True)},
}
NEEDS_REWARD_MODEL = ("ppo", "reinforce", "rloo", "raft", "best_of_n")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, for a form or for the documentation."""

    name: str  # dotted, as in run.json: training.learning_rate
    type: str  # number, whole number, yes or no, text, choice, list, object
    default: Any
    allowed: str  # a phrase: "a number above 0 and at most 1"
    help: str
    source: str
    low: float | None = None
    high: float | None = None
    choices: list[str] = []


def read_config(path: Path) -> RunConfig:
    """The run described by the file `path`. Raises BadInput with every problem found."""
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise BadInput(
                f"{path.name} has {path.stat().st_size} bytes; at most {MAX_CONFIG_BYTES} are "
                "read. Put data into files of their own."
            )
        given = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(
            f"There is no {path.name} in {path.parent}. Write one; docs/training.md shows how."
        ) from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput(f"{path.name} is not JSON: {error}.") from error
    return parse_config(given)


def parse_config(given: Any) -> RunConfig:
    """A RunConfig from decoded JSON, with the method's own defaults filled in.

    Raises BadInput listing every unknown key, wrong type, value out of range and missing input.
    """
    problems: list[str] = []
    if not isinstance(given, dict):
        raise BadInput(f"run.json holds {_shown(given)}; it must be an object with named settings.")
    method = given.get("method")
    given = _with_method_defaults(given, method)
    own = given.pop("settings", {})
    config = _read_struct(RunConfig, given, "", problems)
    settings_type = SETTINGS.get(method) if isinstance(method, str) else None
    settings = _read_struct(settings_type, own, "settings", problems) if settings_type else None
    if config is not None and settings is not None:
        config = msgspec.structs.replace(config, settings=settings)
        problems += _conflicts(config)
    if problems or config is None:
        raise BadInput(problems)
    return config


def config_sha256(config: RunConfig) -> str:
    """Fingerprint of the resolved settings: two runs with the same one do the same work."""
    return hashlib.sha256(msgspec.json.encode(config, order="sorted")).hexdigest()


def describe(method: str) -> list[Setting]:
    """Every setting of a method with its default, range, meaning and source."""
    found: list[Setting] = []
    for prefix, struct in (
        ("training", TrainingSettings),
        ("lora", LoraSettings),
        ("settings", SETTINGS[method]),
    ):
        overrides = METHOD_DEFAULTS.get(method, {}).get(prefix, {})
        for field in msgspec.structs.fields(struct):
            plain, meta = _split(get_type_hints(struct, include_extras=True)[field.encode_name])
            default = field.default
            if default is msgspec.NODEFAULT:
                default = field.default_factory() if callable(field.default_factory) else None
            if field.name == "learning_rate":
                default = LEARNING_RATES[method][0]
            low = meta.ge if meta.ge is not None else meta.gt
            high = meta.le if meta.le is not None else meta.lt
            found.append(
                Setting(
                    name=f"{prefix}.{field.name}",
                    type=_type_name(plain),
                    default=overrides.get(field.name, default),
                    allowed=_allowed(plain, meta),
                    help=meta.description or "",
                    source=(meta.extra or {}).get("source", ""),
                    low=None if low is None else float(low),
                    high=None if high is None else float(high),
                    choices=_choices(plain),
                )
            )
    return found


def _with_method_defaults(given: dict[str, Any], method: Any) -> dict[str, Any]:
    given = dict(given)
    if not isinstance(method, str) or method not in SETTINGS:
        return given
    for part, defaults in METHOD_DEFAULTS.get(method, {}).items():
        if isinstance(given.get(part, {}), dict):
            given[part] = {**defaults, **given.get(part, {})}
    training = given.get("training", {})
    if isinstance(training, dict) and training.get("learning_rate") is None:
        full, adapters = LEARNING_RATES[method]
        rate = full if given.get("lora") is None else adapters
        given["training"] = {**training, "learning_rate": rate}
    return given


def _conflicts(config: RunConfig) -> list[str]:
    """Problems that no single field has."""
    problems = []
    needs = NEEDS[config.method]
    for role, (kinds, required) in needs.items():
        if required and not any(source.role == role for source in config.data):
            problems.append(
                f"data has no file with the role {role!r}, which {config.method} needs. "
                f"Add one of kind {' or '.join(kinds)}."
            )
    for position, source in enumerate(config.data):
        if source.role not in needs:
            problems.append(
                f"data[{position}].role is {source.role!r}, which {config.method} does not read; "
                f"it reads {', '.join(needs)}."
            )
        elif source.kind not in needs[source.role][0]:
            kinds = needs[source.role][0]
            problems.append(
                f"data[{position}].kind is {source.kind!r}; as {source.role}, {config.method} "
                f"reads {' or '.join(kinds)}."
            )
    if config.method in NEEDS_REWARD_MODEL and config.reward_model is None:
        problems.append(
            f"reward_model is not given, and {config.method} needs one. "
            'Name the folder of a reward model: {"path": ...}.'
        )
    if config.quantization == "nf4" and config.lora is None:
        problems.append(
            "quantization is 'nf4' without lora: 4-bit weights cannot be trained themselves. "
            'Add "lora": {} or set quantization to "none".'
        )
    if config.quantization == "nf4" and config.model.adapter is not None:
        problems.append(
            "model.adapter is given with quantization 'nf4': merging into 4 bits loses precision. "
            'Set quantization to "none", or begin from the merged model.'
        )
    training = config.training
    if training.batch_size % min(training.batch_size, training.micro_batch_size):
        problems.append(
            f"training.batch_size is {training.batch_size}, which is no multiple of "
            f"training.micro_batch_size {training.micro_batch_size}. Make it one."
        )
    settings = config.settings
    if getattr(settings, "baseline", "") == "rloo" and settings.samples_per_prompt < 2:
        problems.append(
            "settings.baseline is 'rloo' with settings.samples_per_prompt 1: leave-one-out needs "
            "at least 2 answers for each prompt."
        )
    return problems


def _read_struct(struct: type, given: Any, where: str, problems: list[str]) -> Any:
    """Build `struct` from a dict, collecting problems instead of raising at the first."""
    if not isinstance(given, dict):
        problems.append(
            f"{where or 'run.json'} is {_shown(given)}; it must be an object with named settings."
        )
        return None
    before = len(problems)
    hints = get_type_hints(struct, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for key in given:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known are {', '.join(fields)}."
            problems.append(f"{_join(where, key)} is not a setting.{hint}")
    values = {}
    for name, field in fields.items():
        if name in given:
            values[name] = _read_value(hints[name], given[name], _join(where, name), problems)
        elif field.required:
            plain, meta = _split(hints[name])
            problems.append(
                f"{_join(where, name)} is missing; it must be {_allowed(plain, meta)}. "
                f"{meta.description or ''}".rstrip()
            )
    return struct(**values) if len(problems) == before else None


def _read_value(hint: Any, given: Any, where: str, problems: list[str]) -> Any:
    plain, meta = _split(hint)
    options = _options(plain)
    struct = next((option for option in options if _is_struct(option)), None)
    if struct is not None and not (given is None and type(None) in options):
        return _read_struct(struct, given, where, problems)
    if get_origin(plain) is list and _is_struct(get_args(plain)[0]) and isinstance(given, list):
        return [
            _read_struct(get_args(plain)[0], item, f"{where}[{position}]", problems)
            for position, item in enumerate(given)
        ]
    try:
        return msgspec.convert(given, hint)
    except msgspec.ValidationError:
        problems.append(
            f"{where} is {_shown(given)}; it must be {_allowed(plain, meta)}. "
            f"{meta.description or ''}".rstrip()
        )
        return None


def _split(hint: Any) -> tuple[Any, Meta]:
    """An annotated type's plain type and its Meta."""
    if get_origin(hint) is Annotated:
        plain, *metas = get_args(hint)
        return plain, next((meta for meta in metas if isinstance(meta, Meta)), Meta())
    if type(None) in _options(hint):  # limits stand at the number, inside the "or null"
        plain, meta = _split(next(o for o in _options(hint) if o is not type(None)))
        return plain | None, meta
    return hint, Meta()


def _options(plain: Any) -> tuple[Any, ...]:
    return get_args(plain) if get_origin(plain) in (Union, types.UnionType) else (plain,)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _choices(plain: Any) -> list[str]:
    return [
        str(choice)
        for option in _options(plain)
        if get_origin(option) is Literal
        for choice in get_args(option)
    ]


_TYPE_NAMES = {int: "whole number", float: "number", bool: "yes or no", str: "text"}


def _type_name(plain: Any) -> str:
    option = next(o for o in _options(plain) if o is not type(None))
    if get_origin(option) is list:
        return "list"
    return "choice" if get_origin(option) is Literal else _TYPE_NAMES.get(option, "object")


def _allowed(plain: Any, meta: Meta) -> str:
    return " or ".join(_allowed_option(option, meta) for option in _options(plain))


def _allowed_option(option: Any, meta: Meta) -> str:
    if option is type(None):
        return "null"
    if get_origin(option) is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(option))
    if get_origin(option) is list:
        inner = get_args(option)[0]
        most = f" (at most {meta.max_length})" if meta.max_length is not None else ""
        names = {str: "texts"}.get(inner, "objects")
        choices = _choices(inner)
        return f"a list{most} of {', '.join(choices) if choices else names}"
    if option is bool:
        return "true or false"
    if option in (int, float):
        noun = "a whole number" if option is int else "a number"
        bounds = [
            f"{words} {bound:g}"
            for words, bound in (
                ("of at least", meta.ge),
                ("above", meta.gt),
                ("at most", meta.le),
                ("below", meta.lt),
            )
            if bound is not None
        ]
        return " ".join([noun, " and ".join(bounds)]).strip()
    return "a text that is not empty" if option is str else "an object"


def _shown(given: Any) -> str:
    text = msgspec.json.encode(given).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."


def _join(where: str, name: Any) -> str:
    return f"{where}.{name}" if where else str(name)
