"""What OpenAPI documents say of routes that are the same in several services."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

_MEMBERS = {name: {"type": "string"} for name in ("type", "title", "detail")} | {"status": {"type": "integer"}}
_PROBLEM = {"type": "object", "properties": _MEMBERS, "required": list(_MEMBERS)}


def problems(meanings: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route: a problem (RFC 9457) for each status, and what it means."""
    content = {"application/problem+json": {"schema": _PROBLEM}}
    return {status: {"description": meaning, "content": content} for status, meaning in meanings.items()}


def takes(model: type[BaseModel], example: Mapping[str, Any]) -> dict[str, Any]:
    """``openapi_extra`` of a route that reads its body itself."""
    content = {"application/json": {"schema": model.model_json_schema(), "examples": {"one": {"value": example}}}}
    return {"requestBody": {"required": True, "content": content}}
