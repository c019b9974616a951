"""Who can reach whom, by the NetworkPolicies of an overlay, read as Kubernetes reads them."""

import ipaddress
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.deploy.rendering import Manifest, of_kind, pods

Edge = tuple[str, str, int]
OPERATORS: Mapping[str, Callable[[str | None, Collection[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
}


@dataclass(frozen=True)
class Peer:
    """A pod of the overlay's namespace, a pod of another one (``namespace``: that one's labels), or an address."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    namespace: Mapping[str, str] | None = None
    address: str | None = None

    @property
    def inside(self) -> bool:
        return self.namespace is None and self.address is None


def peers(manifests: list[Manifest]) -> list[Peer]:
    """All pods that the overlay makes."""
    return [
        Peer(
            pod.owner["metadata"]["name"],
            pod.labels,
            {port["name"]: port["containerPort"] for each in pod.containers for port in each.get("ports", ())},
        )
        for pod in pods(manifests)
    ]


def edges(manifests: list[Manifest], outside: list[Peer], ports: Mapping[str, int]) -> set[Edge]:
    """(from, to, port) for every connection that the policies of both ends allow. ``ports``: what each one serves on;
    who serves nothing is asked by nobody."""
    policies = list(of_kind(manifests, "NetworkPolicy").values())
    everybody = [*peers(manifests), *outside]
    return {
        (source.name, target.name, ports[target.name])
        for source in everybody
        for target in everybody
        if source is not target and (source.inside or target.inside) and target.name in ports
        if _allowed(policies, "Egress", source, target, target, ports[target.name])
        and _allowed(policies, "Ingress", target, source, target, ports[target.name])
    }


def _allowed(policies: list[Manifest], direction: str, subject: Peer, other: Peer, target: Peer, port: int) -> bool:
    """Whether the policies that select ``subject`` let it talk to ``other``. Without such a policy everything goes."""
    if not subject.inside:
        return True
    specs = [each["spec"] for each in policies]
    selecting = [
        spec for spec in specs if direction in spec["policyTypes"] and selects(spec["podSelector"], subject.labels)
    ]
    return not selecting or any(
        _rule_allows(rule, direction, other, target, port)
        for spec in selecting
        for rule in spec.get(direction.lower(), ())
    )


def _rule_allows(rule: Manifest, direction: str, other: Peer, target: Peer, port: int) -> bool:
    sides = rule.get("to" if direction == "Egress" else "from")
    if sides is not None and not any(_is(side, other) for side in sides):
        return False
    return "ports" not in rule or port in _numbers(rule["ports"], target)


def _numbers(ports: list[Manifest], target: Peer) -> Iterator[int]:
    for each in ports:
        number = each["port"]
        if isinstance(number, int):
            yield number
        elif number in target.ports:
            yield target.ports[number]


def _is(side: Manifest, peer: Peer) -> bool:
    if "ipBlock" in side:
        assert set(side["ipBlock"]) == {"cidr"}, "exceptions are not read here"
        block = ipaddress.ip_network(side["ipBlock"]["cidr"])
        return peer.address is not None and ipaddress.ip_address(peer.address) in block
    if peer.address is not None:
        return False
    if "namespaceSelector" in side:
        if peer.namespace is None or not selects(side["namespaceSelector"], peer.namespace):
            return False
    elif peer.namespace is not None:
        return False
    return selects(side.get("podSelector", {}), peer.labels)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """A label selector; an empty one selects everything. Raises KeyError for an operator that is not read here."""
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        OPERATORS[each["operator"]](labels.get(each["key"]), each.get("values", ()))
        for each in selector.get("matchExpressions", ())
    )
