"""Where a coordinator is killed: at each step of its protocol, a round each, told in its environment beforehand."""

from collections.abc import Mapping
from dataclasses import replace

from kit.settings import Wiring
from lab.running.layout import Layout
from orders_svc.placing.tcc.coordinator import POINTS as TCC
from orders_svc.three_phase import CRASH_POINTS as THREE_PHASE
from orders_svc.two_phase import CRASH_POINTS as TWO_PHASE

COMPENSATED = {
    "orders": {"SHOP_CALL_DEADLINE_SECONDS": "0.5", "SHOP_TRY_SECONDS": "0.6"},
    "products": {"SHOP_INJECT_DELAY_JITTER_MS": "1000"},
}
"""What it takes to get a heuristic outcome out of tcc: of ten orders about one has both tries in time, and then a
confirmation that reaches products only after its try has expired. A fixed delay would not do, because a try lives
longer than a call may take. The sweep hears of it when it asks again, some four seconds after the order was placed."""

REJECTED_SHARE = 1 / 6
"""Of the orders of such a round: for a product without stock, so that undoing is among the steps."""

_STEPS: Mapping[str, tuple[str, ...]] = {"tcc": TCC, "2pc": TWO_PHASE, "3pc": THREE_PHASE}
_UNDOING = ("cancel", "abort")
_COMPENSATING = "compensat"
_CRASH_AT = "SHOP_CRASH_AT"


def steps(wiring: Wiring) -> tuple[str, ...]:
    """The steps of the wiring's protocol, one round each; one round without a step for wirings that have no protocol
    (there orders is killed in the midst of the load)."""
    return _STEPS.get(wiring, ("",))


def armed(layout: Layout, step: str, *, orders_before: float) -> Layout:
    """The layout whose coordinator dies at ``step`` once about ``orders_before`` orders have been placed, and at a step
    of compensation the first time that there is anything to compensate. As it was without a step."""
    if not step:
        return layout
    if _COMPENSATING in step:
        return _also(_also(layout, COMPENSATED), {"orders": {_CRASH_AT: f"{step}:1"}})
    undoing = any(word in step for word in _UNDOING)
    times = orders_before * (REJECTED_SHARE if undoing else 1 - REJECTED_SHARE)
    return _also(layout, {"orders": {_CRASH_AT: f"{step}:{max(round(times), 1)}"}})


def surviving(layout: Layout) -> Layout:
    """The same, except that no process is told to die: how a coordinator is started again."""
    return replace(
        layout,
        told={
            service: {name: value for name, value in told.items() if name != _CRASH_AT}
            for service, told in layout.told.items()
        },
    )


def _also(layout: Layout, more: Mapping[str, Mapping[str, str]]) -> Layout:
    told = {service: {**layout.told.get(service, {}), **more.get(service, {})} for service in {*layout.told, *more}}
    return replace(layout, told=told)
