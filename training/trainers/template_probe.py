"""Renders a chat template under limits: a program of its own, started by `template_check`.

Reads the template as a JSON text from its input. Exit code 0: it rendered; 2: it did not, and the
output says why; anything else: the limits ended it.
"""

import json
import resource
import sys
from typing import Any

from jinja2 import nodes, pass_eval_context
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

CPU_SECONDS = 3
MEMORY_BYTES = 512 * 1024 * 1024
MAX_RENDERED = 1024 * 1024

USER = {"role": "user", "content": "Is this on?"}
ANSWER = {"role": "assistant", "content": "It is."}
CHATS = (
    [USER],
    [{"role": "system", "content": "Be brief."}, USER, ANSWER, USER],
)
TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "tools": None,
    "documents": None,
}


class GenerationMarks(Extension):
    """Understands `{% generation %}`, by which a template marks what the assistant says."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    @pass_eval_context
    def _body(self, context: nodes.EvalContext, caller: Any) -> str:
        return str(caller())


def template_environment() -> ImmutableSandboxedEnvironment:
    """An environment that reads templates as transformers does."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationMarks, loopcontrols]
    )
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: "2026-01-01"
    return environment


def _raise(message: str) -> None:
    raise TemplateError(message)


def _render_all(text: str) -> str | None:
    template = template_environment().from_string(text)
    for chat in CHATS:
        for prompting in (False, True):
            size = 0
            try:
                chat_variables = {"messages": chat, "add_generation_prompt": prompting}
                for part in template.generate(**chat_variables, **TOKENS):
                    size += len(part)
                    if size > MAX_RENDERED:
                        return f"writes more than {MAX_RENDERED} characters for a short chat"
            except TemplateError:
                continue  # many templates refuse chats of a shape that they do not know
    return None


def main() -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        reason = _render_all(json.loads(sys.stdin.buffer.read()))
    except Exception as error:
        reason = f"fails on a short chat ({type(error).__name__}: {str(error)[:200]})"
    if reason:
        print(reason)
    return 2 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
