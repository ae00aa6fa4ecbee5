"""Name a model that can be asked, change how it is asked, ask it no more."""

import re
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from training.generate.wording import URIAL_EXAMPLES, URIAL_PREAMBLE
from training.models import EndpointKind, ModelEndpoint, ModelVersion, PromptStyle
from webapp import outbound
from webapp.audit.actions.record import record
from webapp.clean_json import CleanJSONError, check_storable

KEY = re.compile(r"[\x21-\x7e]{1,1000}\Z")
MOST_EXAMPLES = 20
KEEP = None  # as a key: leave the one that is stored


@dataclass(frozen=True)
class EndpointPlan:
    """What a manager says about an endpoint. `key` None keeps the stored one; "" removes it."""

    base_url: str = ""
    version: ModelVersion | None = None
    model: str = ""
    key: str | None = KEEP
    style: str = PromptStyle.CHAT
    template: str = ""
    preamble: str = ""
    examples: tuple[dict[str, str], ...] = ()
    stop: tuple[str, ...] = ()
    most_tokens: int = 1024
    at_once: int = 4
    seconds: int = 120
    price_in: Decimal = Decimal(0)
    price_out: Decimal = Decimal(0)
    budget: Decimal | None = None
    in_arena: bool = False

    def columns(self) -> dict[str, Any]:
        columns = {
            each.name: getattr(self, each.name) for each in fields(self) if each.name != "key"
        }
        return columns | {"examples": list(self.examples), "stop": list(self.stop)}


@transaction.atomic
def add_endpoint(
    *, workspace: Any, by: Any, name: str, kind: str, plan: EndpointPlan
) -> ModelEndpoint:
    """
    Raises:
        ValidationError: the name is taken, or something in `plan` cannot be.
    """
    name = " ".join(name.split())
    if not name or len(name) > 100:
        raise ValidationError({"name": _("The name has 1 to 100 characters.")})
    if ModelEndpoint.objects.filter(workspace=workspace, name=name).exists():
        raise ValidationError(
            {"name": _("There is already a model named “%s”. Choose another name.") % name}
        )
    if kind not in EndpointKind.values:
        raise ValidationError({"kind": _("Allowed: %s.") % ", ".join(EndpointKind.values)})
    _check(kind, plan, workspace)
    endpoint = ModelEndpoint.objects.create(
        workspace=workspace,
        name=name,
        kind=kind,
        created_by=by,
        key=plan.key or "",
        **_completed(plan),
    )
    record(
        actor=by,
        action="endpoint.add",
        target=endpoint,
        workspace=workspace,
        changes={"name": ["", name], "host": ["", endpoint.host]},
    )
    return endpoint


def endpoint_of_version(*, version: ModelVersion, by: Any) -> ModelEndpoint:
    """The endpoint that asks a registered model; added under the version's name if need be.

    Raises:
        ValidationError: the model is not ready, or its name is taken by something else.
    """
    before = ModelEndpoint.objects.filter(version=version, retired_at__isnull=True).first()
    if before is not None:
        return before
    chat = bool(version.facts.get("chat"))
    style = PromptStyle.CHAT if chat else PromptStyle.TEMPLATE
    return add_endpoint(
        workspace=version.workspace,
        by=by,
        name=str(version),
        kind=EndpointKind.REGISTERED,
        plan=EndpointPlan(version=version, style=style, most_tokens=512),
    )


@transaction.atomic
def change_endpoint(*, endpoint: ModelEndpoint, by: Any, plan: EndpointPlan) -> ModelEndpoint:
    """A change of host without a new key removes the stored one: it was given for the other host.

    Raises:
        ValidationError: something in `plan` cannot be.
    """
    _check(endpoint.kind, plan, endpoint.workspace)
    before = {**{name: getattr(endpoint, name) for name in plan.columns()}, "host": endpoint.host}
    for name, value in _completed(plan).items():
        setattr(endpoint, name, value)
    if plan.key is not KEEP:
        endpoint.key = plan.key
    elif _origin(str(before["base_url"])) != _origin(endpoint.base_url):
        endpoint.key = ""
    endpoint.save()
    after = {**{name: getattr(endpoint, name) for name in plan.columns()}, "host": endpoint.host}
    changes = {
        name: [str(before[name]), str(after[name])] for name in after if before[name] != after[name]
    }
    if plan.key is not KEEP:
        changes["key"] = ["••••", "••••"]
    record(
        actor=by,
        action="endpoint.change",
        target=endpoint,
        workspace=endpoint.workspace,
        changes=changes,
    )
    return endpoint


@transaction.atomic
def retire_endpoint(*, endpoint: ModelEndpoint, by: Any) -> ModelEndpoint:
    """Ask it no more; its key is removed, what it said stays."""
    endpoint.retired_at = timezone.now()
    endpoint.key, endpoint.in_arena = "", False
    endpoint.save(update_fields=["retired_at", "key", "in_arena"])
    record(actor=by, action="endpoint.retire", target=endpoint, workspace=endpoint.workspace)
    return endpoint


@transaction.atomic
def restore_endpoint(*, endpoint: ModelEndpoint, by: Any) -> ModelEndpoint:
    endpoint.retired_at = None
    endpoint.save(update_fields=["retired_at"])
    record(actor=by, action="endpoint.restore", target=endpoint, workspace=endpoint.workspace)
    return endpoint


def _completed(plan: EndpointPlan) -> dict[str, Any]:
    """The columns, with URIAL's preamble and examples where none are given."""
    columns = plan.columns()
    if plan.style == PromptStyle.URIAL and not plan.preamble.strip() and not plan.examples:
        columns |= {"preamble": URIAL_PREAMBLE, "examples": list(URIAL_EXAMPLES)}
    return columns


def _check(kind: str, plan: EndpointPlan, workspace: Any) -> None:
    problems: dict[str, str] = {}
    if kind == EndpointKind.REGISTERED:
        version = plan.version
        if version is None or version.workspace_id != workspace.pk or not version.ready:
            problems["version"] = _("Choose a registered model of this workspace that is ready.")
    if kind == EndpointKind.SERVICE:
        problems |= _wrong_address(plan)
    if kind != EndpointKind.REGISTERED and not plan.model.strip():
        problems["model"] = _("Say which model to ask, as the service or the import names it.")
    if plan.key and not KEY.match(plan.key):
        problems["key"] = _("A key has 1 to 1,000 printable ASCII characters and no spaces.")
    if plan.style not in PromptStyle.values:
        problems["style"] = _("Allowed: %s.") % ", ".join(PromptStyle.values)
    problems |= _wrong_wording(plan) | _wrong_numbers(plan)
    try:
        check_storable([plan.model, plan.template, plan.preamble, *plan.examples, *plan.stop])
    except CleanJSONError as wrong:
        problems["template"] = str(wrong)
    if problems:
        raise ValidationError(problems)


def _wrong_wording(plan: EndpointPlan) -> dict[str, str]:
    problems: dict[str, str] = {}
    if plan.template and plan.template.count("{prompt}") != 1:
        problems["template"] = _("Write {prompt} once, where the question stands.")
    if len(plan.examples) > MOST_EXAMPLES:
        problems["examples"] = _("At most %d examples.") % MOST_EXAMPLES
    if len(plan.stop) > 4:  # what OpenAI's interface takes
        problems["stop"] = _("At most 4 stop texts.")
    return problems


def _wrong_numbers(plan: EndpointPlan) -> dict[str, str]:
    problems: dict[str, str] = {}
    for name, least, most in (("most_tokens", 1, 32_768), ("at_once", 1, 64), ("seconds", 1, 1800)):
        if not least <= getattr(plan, name) <= most:
            problems[name] = _("Allowed: %(least)d to %(most)d.") % {"least": least, "most": most}
    for name in ("price_in", "price_out", "budget"):
        value = getattr(plan, name)
        if value is not None and not 0 <= value < 100_000:
            problems[name] = _("Allowed: 0 to 100,000.")
    return problems


def _wrong_address(plan: EndpointPlan) -> dict[str, str]:
    try:
        outbound.check(plan.base_url.rstrip("/") + "/chat/completions")
    except outbound.OutboundRefused as refused:
        return {"base_url": str(refused)}
    parts = urlsplit(plan.base_url)
    if parts.query:
        return {"base_url": _("The address must not have a question mark; end it with /v1.")}
    if parts.path.rstrip("/").endswith("/completions"):
        return {"base_url": _("Leave out /chat/completions: the address ends with /v1.")}
    return {}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
