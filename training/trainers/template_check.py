"""Is a chat template safe to render? A template is a program that came with a model folder.

transformers renders templates in Jinja's immutable sandbox, which bounds what they can reach, but
neither how long they run nor how much they write. So a template is first read (what needs no doubt
is refused), then rendered on two short chats in a process with limits on time and memory.
"""

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import nodes

MAX_TEMPLATE_BYTES = 64 * 1024
MAX_RANGE = 1000
MAX_LOOP_DEPTH = 4
PROBE_SECONDS = 5

# Methods and filters that make a long text out of a number.
_PADDING = ("center", "ljust", "rjust", "zfill", "format", "format_map", "expandtabs", "indent")


class Refused(Exception):
    """One reason not to load; the message is a sentence."""


def check_template(text: str, where: str) -> None:
    """Raise Refused if the chat template `text`, found in the file `where`, may do harm."""
    if len(text) > MAX_TEMPLATE_BYTES:
        raise Refused(
            f"{where} has a chat template of {len(text)} characters; "
            f"{MAX_TEMPLATE_BYTES} are allowed."
        )
    reason = _static_reason(text) or _probe_reason(text)
    if reason:
        raise Refused(f"{where} has a chat template that {reason}.")


def _static_reason(text: str) -> str | None:
    from jinja2.exceptions import TemplateError

    from training.trainers.template_probe import template_environment

    try:
        # Only parsed: compiling folds constants, and 'a' * 10**10 is a constant.
        tree = template_environment().parse(text)
    except (TemplateError, RecursionError) as error:
        return f"is not Jinja ({error})"
    return _tree_reason(tree) or _expression_reason(tree) or _call_reason(tree)


def _tree_reason(tree: "nodes.Template") -> str | None:
    from jinja2 import nodes

    for kind in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends):
        if tree.find(kind) is not None:
            return "reads another file"
    if any(loop.recursive for loop in tree.find_all(nodes.For)):
        return "has a recursive loop"
    if _loop_depth(tree) > MAX_LOOP_DEPTH:
        return f"nests loops deeper than {MAX_LOOP_DEPTH}"
    return None


def _expression_reason(tree: "nodes.Template") -> str | None:
    from jinja2 import nodes

    for operation in (nodes.Mul, nodes.Pow):
        if tree.find(operation) is not None:
            return "multiplies, by which a text can grow without end"
    for remainder in tree.find_all(nodes.Mod):
        if isinstance(remainder.left, nodes.Const) and isinstance(remainder.left.value, str):
            return "formats with %, by which a text can grow without end"
    for attribute in tree.find_all(nodes.Getattr):
        if attribute.attr.startswith("_") or attribute.attr in _PADDING:
            return f"reaches for {attribute.attr!r}"
    for filtered in tree.find_all(nodes.Filter):
        if filtered.name in _PADDING:
            return f"uses the filter {filtered.name!r}"
    return None


def _call_reason(tree: "nodes.Template") -> str | None:
    from jinja2 import nodes

    for call in tree.find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name):
            continue
        if call.node.name in ("lipsum", "cycler"):
            return f"calls {call.node.name}()"
        constants = [a.value for a in call.args if isinstance(a, nodes.Const)]
        if call.node.name == "range" and any(
            isinstance(value, int) and abs(value) > MAX_RANGE for value in constants
        ):
            return f"counts further than {MAX_RANGE}"
    return None


def _loop_depth(node: "nodes.Node") -> int:
    from jinja2 import nodes

    deepest = max((_loop_depth(child) for child in node.iter_child_nodes()), default=0)
    return deepest + isinstance(node, (nodes.For, nodes.Macro))


@lru_cache(maxsize=64)
def _probe_reason(text: str) -> str | None:
    """What goes wrong when the template is rendered under limits, if anything."""
    probe = Path(__file__).with_name("template_probe.py")
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(probe)],
            input=json.dumps(text).encode(),
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired:
        return f"does not end within {PROBE_SECONDS} s on a chat of four lines"
    if done.returncode == 0:
        return None
    if done.returncode == 2:
        return done.stdout.decode(errors="replace").strip()[:300]
    return "takes more time or memory than a chat of four lines can need"
