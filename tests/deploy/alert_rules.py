"""The alert rules as they are deployed, and what they select."""

from collections.abc import Iterator
from typing import Any

import promql_parser
import yaml

from tests.deploy.rendering import ROOT


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def selectors(expression: Any) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Every selector in an expression: the metrics it may be about, and its matchers by label."""
    if isinstance(expression, promql_parser.VectorSelector):
        matchers = {each.name: each.value for each in expression.matchers.matchers}
        names = [expression.name] if expression.name else matchers.pop("__name__").split("|")
        yield names, matchers
    for part in ("vector_selector", "lhs", "rhs", "expr", "param"):
        inner = getattr(expression, part, None)
        if inner is not None:
            yield from selectors(inner)
    for inner in getattr(expression, "args", None) or ():
        yield from selectors(inner)
