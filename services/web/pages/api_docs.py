"""`/api/docs`: every service's OpenAPI document on one page, drawn by us, with no script from anywhere."""

import asyncio
from typing import Any

from starlette.responses import Response

from services.web.errors import Away, Refused
from services.web.visits import Visit, page

SERVICES = ("identity", "forum", "events", "notifications", "analytics")
METHODS = ("get", "post", "put", "patch", "delete")


async def show(visit: Visit) -> Response:
    """All documents that can be reached; a service that is away is named as such."""
    documents = await asyncio.gather(*(_document(visit, service) for service in SERVICES))
    return visit.render("api_docs.html", services=list(zip(SERVICES, documents, strict=True)))


async def _document(visit: Visit, service: str) -> dict[str, Any] | None:
    """What the page shows of one service; None while it is away."""
    try:
        document = await visit.ask_openly(service, "GET", "/openapi.json")
    except (Away, Refused):
        return None
    return {
        "title": document["info"]["title"],
        "description": document["info"].get("description", ""),
        "version": document["openapi"],
        "routes": [
            _route(service, document, path, method, operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if method in METHODS
        ],
    }


def _route(
    service: str, document: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {})
    return {
        "method": method.upper(),
        "path": f"/api/{service}{path}",
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": [
            {
                "name": parameter["name"],
                "where": parameter["in"],
                "required": parameter.get("required", False),
                "type": in_words(document, parameter.get("schema", {})),
                "description": parameter.get("description", ""),
            }
            for parameter in operation.get("parameters", [])
        ],
        "bodies": [
            {"media_type": media_type, "fields": fields(document, content.get("schema", {}))}
            for media_type, content in body.items()
        ],
        "answers": [
            {
                "status": status,
                "description": answer.get("description", ""),
                "fields": [
                    field
                    for content in answer.get("content", {}).values()
                    for field in fields(document, content.get("schema", {}))
                ],
            }
            for status, answer in operation.get("responses", {}).items()
        ],
    }


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its `$ref` followed."""
    reference = schema.get("$ref")
    if not reference:
        return schema
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def fields(document: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The top level of an object: name, type in words, whether it must be there."""
    whole = resolved(document, schema)
    required = whole.get("required", [])
    return [
        {
            "name": name,
            "type": in_words(document, field),
            "required": name in required,
            "description": field.get("description", ""),
        }
        for name, field in whole.get("properties", {}).items()
    ]


def in_words(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """A schema's type as a reader says it: `uuid`, `list of string`, `"en" or "nb"`."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema["enum"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(in_words(document, part) for part in schema[several]))
    if schema.get("type") == "array":
        return f"list of {in_words(document, schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "anything")


routes = [page("/api/docs", show)]
