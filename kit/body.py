"""Reading a request's JSON body strictly: what JSON leaves open (RFC 8259, section 4 and 6) is refused, not guessed."""

import json
from typing import Any, NoReturn, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from kit.problems import Problem

M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], raw: bytes) -> M:
    """The body as ``model``. Raises Problem: 400 for what is no JSON object in UTF-8, for a name that is given twice
    and for NaN or Infinity; 422 (RequestValidationError) for values that do not fit."""
    try:
        return model.model_validate(json_object(raw))
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from error


def json_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in ``raw``. Raises Problem (400)."""
    try:
        value = _DECODER.decode(raw.decode())
    except UnicodeDecodeError as error:
        raise _broken(f"byte {error.start} is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise _broken(str(error)[:200]) from error
    if not isinstance(value, dict):
        raise Problem(400, "not-an-object", "The body is not a JSON object", "send one JSON object, {...}")
    return value


def _broken(detail: str) -> Problem:
    return Problem(400, "broken-json", "The body is not JSON", detail)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            detail = f"{name[:100]!r} is given more than once"
            raise Problem(400, "duplicate-field", "A field is given twice", detail)
        fields[name] = value
    return fields


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_not_json)
