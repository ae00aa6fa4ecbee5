"""The OpenAPI document: what drf-spectacular finds, and what all endpoints share."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for a person"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 200},
    "description": "The same key and body get the same answer for two days.",
}
REFUSALS = {
    "400": "A value is missing or wrong; `errors` names each",
    "401": "No login, or a token that does not work",
    "403": "Your role or the token's scope does not allow it",
    "404": "There is none, or you may not know of it",
    "405": "Another method is meant",
    "415": "The body is not application/json",
    "422": "The Idempotency-Key was used with another request",
    "429": "Too many requests; wait for Retry-After seconds",
}


class Schema(AutoSchema):
    """Tags are the last noun of the address; an endpoint says itself whether it answers a list."""

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self.method == "GET" and getattr(self.view, "is_list", False)

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.split("/") if part and not part.startswith("{")]
        return [parts[-1] if len(parts) > 2 else parts[0]]


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "webapp.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "rondo_… of /account/tokens/"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "webapp.api.authentication.BrowserSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        from django.conf import settings

        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


def add_problems_and_keys(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Every operation can refuse in the same ways; every write takes an Idempotency-Key."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in result["paths"].values():
        for method, operation in operations.items():
            write = method != "get"
            if write:
                operation.setdefault("parameters", []).append(KEY)
            for status, description in REFUSALS.items():
                if write or status not in {"415", "422"}:
                    operation["responses"].setdefault(
                        status, {"description": description, "content": content}
                    )
    return result


def operations(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The document as the docs page shows it: groups of operations with their fields in a table."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {})
            answers = [
                {"status": status, "fields": _fields(schema, _json_schema(answer))}
                for status, answer in operation["responses"].items()
                if status.startswith("2")
            ]
            groups.setdefault(operation["tags"][0], []).append(
                {
                    "id": operation["operationId"],
                    "method": method.upper(),
                    "path": path,
                    "summary": operation.get("summary", ""),
                    "parameters": [
                        {**each, "type": _type(each["schema"]), "enum": each["schema"].get("enum")}
                        for each in operation.get("parameters", [])
                    ],
                    "body": _fields(schema, body.get("application/json", {}).get("schema", {})),
                    "answers": answers,
                }
            )
    return [{"name": name, "operations": rows} for name, rows in groups.items()]


def _json_schema(answer: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = answer.get("content", {}).get("application/json", {})
    return dict(content.get("schema", {}))


def _resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    for each in part.get("allOf", []) or part.get("oneOf", []):
        if "$ref" in each:
            return _resolved(schema, each)
    name = part.get("$ref", "").rpartition("/")[2]
    return schema["components"]["schemas"][name] if name else part


def _fields(schema: dict[str, Any], part: dict[str, Any]) -> list[dict[str, Any]]:
    """One row for each property of the body; a list is described by its item."""
    whole = _resolved(schema, part)
    if "results" in whole.get("properties", {}):  # a page of a list
        whole = _resolved(schema, whole["properties"]["results"]["items"])
    elif whole.get("type") == "array":
        whole = _resolved(schema, whole["items"])
    return [
        {
            "name": name,
            "type": _type(_resolved(schema, each)),
            "required": name in whole.get("required", []),
            "enum": _resolved(schema, each).get("enum"),
            "description": each.get("description", ""),
        }
        for name, each in whole.get("properties", {}).items()
    ]


def _type(part: dict[str, Any]) -> str:
    name = str(part.get("format") or part.get("type") or "object")
    return f"{name} | null" if part.get("nullable") else name
