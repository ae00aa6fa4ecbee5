"""The house rules, held by walking the syntax tree of every module: who may import whom, and what
nobody writes. Each rule has a control: a line that breaks it is noticed."""

import ast
import functools
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("webapp", "annotation", "training")
HEAVY = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "bitsandbytes", "vllm")
NETWORK = ("requests", "httpx", "httpx2", "urllib3", "aiohttp", "urllib.request", "http.client")
PICKLES = ("pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle")
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
SELECTING = {
    "filter",
    "exclude",
    "get",
    "order_by",
    "values",
    "values_list",
    "annotate",
    "aggregate",
}
FROM_OUTSIDE = {"request", "GET", "POST", "query_params", "data"}
# Servers of this machine, on sockets that Rondo itself opened.
OWN_SERVERS = ("webapp/services/", "webapp/outbound.py")

Rule = Callable[[str, ast.Module], Iterator[str]]


def modules(*tops: str) -> list[Path]:
    return [path for top in tops for path in sorted((ROOT / top).rglob("*.py"))]


def imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every module that is imported, anywhere in the file; `from a import b` gives a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module, node.lineno
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def is_within(name: str, rooms: tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(room + ".") for room in rooms)


# ---- fences: (which files, what they never import, why)
FENCES: list[tuple[str, tuple[str, ...], str]] = [
    (r"webapp/(?!settings\.py|urls\.py)", ("annotation", "training"), "both apps stand on webapp"),
    (r"annotation/", ("training",), "annotation knows nothing of weights"),
    (r"(webapp|annotation)/", HEAVY, "torch never loads in the web process"),
    (r"training/(?!algorithms/|trainers/)", HEAVY, "torch never loads in the web process"),
    (
        r"annotation/(domain|imports/formats)",
        ("django", "celery", "rest_framework", "webapp", "annotation.models"),
        "pure: bytes and numbers in, rows and numbers out",
    ),
    (
        r"training/trainers/",
        ("django", "celery", "annotation", "webapp", "training.models", "training.actions"),
        "a trainer runs from a shell on a run directory",
    ),
    (
        r"\w+(/\w+)?/models(/|\.py)",
        ("ACTIONS", "QUERIES", "VIEWS", "API", "FORMS", "TASKS"),
        "domain <- models <- queries",
    ),
    (
        r"\w+(/\w+)?/queries\.py",
        ("ACTIONS", "VIEWS", "API", "TASKS"),
        "models <- queries <- actions",
    ),
    (
        r"\w+(/\w+)?/actions/",
        ("VIEWS", "API", "FORMS", "TASKS", "django.shortcuts", "django.http", *NETWORK),
        "queries <- actions <- views",
    ),
    (r"\w+(/\w+)?/views(/|\.py)", ("API", "TASKS"), "views, api and tasks never import each other"),
    (r"\w+(/\w+)?/api\.py", ("VIEWS", "TASKS"), "views, api and tasks never import each other"),
    (r"\w+(/\w+)?/tasks\.py", ("VIEWS", "API"), "views, api and tasks never import each other"),
]


@functools.cache
def own_rooms(names: tuple[str, ...]) -> tuple[str, ...]:
    """Capitals stand for rooms of any app of ours: VIEWS is annotation.views, and so on."""
    apps = {str(p.parent.relative_to(ROOT)).replace("/", ".") for p in modules_named("apps.py")}
    found: set[str] = set()
    for name in names:
        rooms = {f"{app}.{name.lower()}" for app in apps} - apps  # webapp.api is an app
        found |= rooms if name.isupper() else {name}
    return tuple(found)


def modules_named(name: str) -> list[Path]:
    return [path for path in modules(*APPS) if path.name == name]


def broken_fences(path: str, tree: ast.Module) -> Iterator[str]:
    for pattern, forbidden, reason in FENCES:
        if re.match(pattern, path):
            rooms = own_rooms(forbidden)
            for name, line in imported(tree):
                if is_within(name, rooms):
                    yield f"{path}:{line} imports {name} ({reason})"


def broken_algorithms(path: str, tree: ast.Module) -> Iterator[str]:
    """training/algorithms: tensors in, tensors out; the standard library, torch and itself."""
    if path.startswith("training/algorithms/"):
        for name, line in imported(tree):
            top = name.split(".")[0]
            if top not in {*sys.stdlib_module_names, "torch"} and not is_within(
                name, ("training.algorithms",)
            ):
                yield f"{path}:{line} imports {name} (algorithms know torch alone)"


# ---- what nobody writes
def other_doors(path: str, tree: ast.Module) -> Iterator[str]:
    """Outgoing HTTP goes through webapp/outbound.py."""
    if path.startswith(OWN_SERVERS):
        return
    for name, line in imported(tree):
        if is_within(name, NETWORK):
            yield f"{path}:{line} imports {name}; call webapp.outbound.fetch"
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "socket"
            and node.attr in {"socket", "create_connection", "getaddrinfo", "gethostbyname"}
        ):
            yield f"{path}:{node.lineno} uses socket.{node.attr}; call webapp.outbound.fetch"


def pickles(path: str, tree: ast.Module) -> Iterator[str]:
    for name, line in imported(tree):
        if is_within(name, PICKLES):
            yield f"{path}:{line} imports {name}: whoever wrote the file would run code here"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.load":
            yield f"{path}:{node.lineno} uses torch.load; weights are safetensors"
        if (
            isinstance(node, ast.keyword)
            and node.arg in {"trust_remote_code", "allow_pickle"}
            and ast.unparse(node.value) != "False"
        ):
            yield f"{path}:{node.value.lineno} says {node.arg}={ast.unparse(node.value)}"


def other_hints(path: str, tree: ast.Module) -> Iterator[str]:
    """Jobs are rows; the one place that sends a message to the broker is webapp/jobs/hints.py."""
    if path == "webapp/jobs/hints.py":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"delay", "apply_async", "send_task"}:
            yield f"{path}:{node.lineno} calls .{node.attr}; call webapp.jobs.enqueue"


def selections_from_outside(path: str, tree: ast.Module) -> Iterator[str]:
    """filter(**request.GET) lets a stranger ask for anybody's password hash, letter by letter."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr not in SELECTING:
            continue
        spread = [k.value for k in node.keywords if k.arg is None]
        spread += [a.value for a in node.args if isinstance(a, ast.Starred)]
        for value in spread:
            for inner in ast.walk(value):
                name = getattr(inner, "id", getattr(inner, "attr", ""))
                if name in FROM_OUTSIDE:
                    yield f"{path}:{node.lineno} spreads {name} into {node.func.attr}()"


NAMED_BY_DJANGO = {"webapp/database/base.py"}  # where it looks for a database's wrapper


def empty_names(path: str, tree: ast.Module) -> Iterator[str]:
    if Path(path).stem in EMPTY_NAMES and path not in NAMED_BY_DJANGO:
        yield f"{path}: a helper has a noun; put it in that noun's file"


RULES: list[Rule] = [
    broken_fences,
    broken_algorithms,
    other_doors,
    pickles,
    other_hints,
    selections_from_outside,
    empty_names,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_rules_hold(rule: Rule) -> None:
    broken: list[str] = []
    for path in modules(*APPS):
        name = path.relative_to(ROOT).as_posix()
        broken += rule(name, ast.parse(path.read_text()))
    assert not broken, "\n".join(sorted(set(broken)))


BREAKING = [
    (broken_fences, "webapp/jobs/work.py", "from annotation.models import Prompt"),
    (broken_fences, "annotation/queries.py", "def f():\n    import training.models"),
    (broken_fences, "annotation/domain/ratings.py", "from django.db import models"),
    (broken_fences, "training/actions/launch.py", "import torch.nn"),
    (broken_fences, "training/trainers/sft.py", "from training.models import TrainingRun"),
    (broken_fences, "annotation/models/prompt.py", "from annotation.actions import submit"),
    (broken_fences, "annotation/actions/submit.py", "from annotation.forms import Form"),
    (broken_fences, "webapp/jobs/views.py", "from webapp.jobs import api"),
    (broken_algorithms, "training/algorithms/ppo.py", "import numpy"),
    (other_doors, "annotation/actions/judge.py", "import requests"),
    (other_doors, "annotation/actions/judge.py", "import socket\nsocket.create_connection"),
    (pickles, "training/trainers/sft.py", "import torch\ntorch.load('x')"),
    (pickles, "training/trainers/sft.py", "load(x, trust_remote_code=True)"),
    (other_hints, "annotation/actions/judge.py", "task.delay(1)"),
    (selections_from_outside, "annotation/views.py", "q.filter(**request.GET.dict())"),
    (selections_from_outside, "annotation/views.py", "q.order_by(*request.GET.getlist('by'))"),
    (empty_names, "annotation/utils.py", ""),
]


@pytest.mark.parametrize(("rule", "path", "source"), BREAKING)
def test_a_broken_rule_is_noticed(rule: Rule, path: str, source: str) -> None:
    assert list(rule(path, ast.parse(source)))


# ---- templates
IN_TEMPLATES = {
    r"\|\s*safe\b": "|safe: what a person wrote would become script",
    r"{%\s*autoescape\s+off": "autoescape off: what a person wrote would become script",
    r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>": "a script inside the page (CSP)",
    r"<style\b": "a style inside the page (CSP)",
    r"\sstyle\s*=": "a style attribute (CSP)",
    r"\son[a-z]+\s*=\s*[\"']": "a handler attribute (CSP)",
    r"\bhx-on\b": "hx-on is script (CSP)",
    r"(?:href|src)=[\"']https?://(?!www\.w3\.org)": "something from another host",
}


def broken_template(text: str) -> list[str]:
    without_comments = re.sub(r"{#.*?#}|{% comment.*?endcomment %}", "", text, flags=re.S)
    return [why for what, why in IN_TEMPLATES.items() if re.search(what, without_comments)]


def test_templates_have_no_script_style_or_unescaped_text() -> None:
    broken = {
        str(path.relative_to(ROOT)): found
        for path in sorted((ROOT / "templates").rglob("*.html"))
        if (found := broken_template(path.read_text()))
    }
    assert not broken


@pytest.mark.parametrize(
    "text",
    [
        "{{ name|safe }}",
        "{% autoescape off %}",
        "<script>x()</script>",
        '<p style="color: red">',
        '<b onclick="x()">',
        '<script src="https://cdn.example.org/x.js"></script>',
    ],
)
def test_a_broken_template_is_noticed(text: str) -> None:
    assert broken_template(text)
    assert not broken_template('<script src="{% static "js/page.js" %}" defer></script>{{ name }}')


# ---- what loads what
def test_every_module_can_be_imported() -> None:
    """Trainers and algorithms apart: the test below loads them without Django."""
    for path in modules(*APPS):
        name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        if is_within(name, ("training.trainers", "training.algorithms")) or "__main__" in name:
            continue
        importlib.import_module(name.removesuffix(".__init__"))


def loaded_by(code: str) -> set[str]:
    code = f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def test_the_web_process_does_not_load_torch() -> None:
    serve = "import webapp.wsgi\nfrom django.urls import get_resolver\nget_resolver().url_patterns"
    loaded = loaded_by(serve)
    assert "django" in loaded
    assert not loaded & {*HEAVY, "pandas", "sklearn", "pyarrow"}


def test_a_worker_loads_neither_torch_nor_arrays_before_a_job_needs_them() -> None:
    loaded = loaded_by("import django, webapp.celery\ndjango.setup()\nimport webapp.jobs.worker")
    assert "celery" in loaded
    assert not loaded & {*HEAVY, "pandas", "pyarrow", "scipy", "numpy"}


@pytest.mark.heavy
def test_the_trainers_do_not_load_django() -> None:
    names = [
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for path in modules("training/trainers", "training/algorithms")
        if path.stem not in {"__main__", "__init__"}
    ]
    loaded = loaded_by("\n".join(f"import {name}" for name in names))
    assert not loaded & {"django", "celery", "webapp", "annotation", "psycopg"}


# ---- documents
def links(text: str) -> Iterator[str]:
    without_code = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def broken_links(path: Path) -> Iterator[str]:
    for link in links(path.read_text()):
        file, _, anchor = link.partition("#")
        target = (path.parent / file) if file else path
        if not target.exists():
            yield f"{path.name}: {link}"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            yield f"{path.name}: {link} (no such heading)"


def test_every_link_in_the_documents_leads_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert not [broken for path in documents for broken in broken_links(path)]


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n[a](#a-title) [b](#nowhere) [c](gone.md) [d](https://example.org)")
    assert list(broken_links(page)) == ["page.md: #nowhere (no such heading)", "page.md: gone.md"]
