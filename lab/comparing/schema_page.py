"""The document's keys for people and for machines: tables of a page, and a JSON Schema."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from lab.comparing.schema import Results

_BLOCK = re.compile(r"^(<!-- keys -->\n).*?^(<!-- /keys -->)", re.MULTILINE | re.DOTALL)


def json_schema() -> str:
    """JSON Schema 2020-12 of what `shop compare` writes."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Results.model_json_schema(by_alias=True),
        "title": "A comparison of the shop's wirings",
    }
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode() + "\n"


def with_keys(page: str) -> str:
    """The page with a table a part of the document between ``<!-- keys -->`` and ``<!-- /keys -->``."""
    return _BLOCK.sub(lambda block: f"{block[1]}{_tables()}{block[2]}", page)


def _tables() -> str:
    schema = Results.model_json_schema(by_alias=True)
    parts, written = {"Results": schema, **schema["$defs"]}, dict[str, str]()
    waiting = ["Results"]
    while waiting:
        name = waiting.pop(0)
        written[name] = f"\n### {name}\n\n{_table(parts[name], parts)}\n"
        mentioned = re.findall(r"#/\$defs/(\w+)", orjson.dumps(parts[name]["properties"]).decode())
        waiting += [part for part in dict.fromkeys(mentioned) if part not in (*written, *waiting)]
    return "".join(written.values()) + "\n"


def _table(part: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    rows = [f"| `{key}` | {_type(value)} | {_meaning(value, parts)} |" for key, value in part["properties"].items()]
    head = "| key | type | meaning |\n|---|---|---|\n"
    return "\n".join([_text(part), "", head + "\n".join(rows)])


def _type(value: Mapping[str, Any]) -> str:
    """In words; parts lead to their table."""
    if "anyOf" in value:
        return " or ".join(_type(one) for one in value["anyOf"])
    kind = str(value.get("type"))
    if kind == "array":
        return f"list of {_type(value['items'])}"
    if kind == "object":
        return f"by name: {_type(value['additionalProperties'])}"
    if name := _named(value):
        return f"[{name}](#{name.lower()})"
    if "const" in value:
        return f'`"{value["const"]}"`'
    return {"integer": "whole number", "string": "text", "boolean": "true or false"}.get(kind, kind)


def _meaning(value: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    """What the key says itself, or else what the part says that it leads to."""
    names = [name for one in (value, *value.get("anyOf", ())) if (name := _named(one))]
    return _text(value) or next((_text(parts[name]) for name in names), "")


def _named(value: Mapping[str, Any]) -> str:
    return str(value.get("$ref", "")).rpartition("/")[2]


def _text(value: Mapping[str, Any]) -> str:
    return str(value.get("description", "")).replace("\n", " ")
