"""Looking back: the model at any moment is what the live one said then."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from events.log_bounds import log_bounds
from events.merged_model import MergedModel
from lab.replay.errors import NotAMoment, ReplayError
from lab.replay.moments import Moment, parse
from lab.replay.past import Then, Versions, look_back
from orders_svc.read_models import MODELS
from orders_svc.read_models.order_history import MODEL as HISTORY
from orders_svc.read_models.product_copy import MODEL as PRODUCTS
from orders_svc.read_models.sales import MODEL as SALES
from tests.events.stand import admin, product, read
from tests.lab.replay.following import Following, Rows, sums
from tests.lab.replay.journeys import journeys, sold, told

ALL = ("products", "orders", "stock", "deliveries")


@dataclass
class Step:
    """What was true after a step, and both ways to name the moment: a time, and the offsets of all topics."""

    time: datetime
    offsets: str
    truth: dict[str, Rows]

    def offsets_of(self, model: MergedModel) -> Moment:
        return parse(",".join(part for part in self.offsets.split(",") if part.partition(":")[0] in model.topics))


class Recorder:
    def __init__(self, following: Following, *models: MergedModel) -> None:
        self.steps: list[Step] = []
        self._following = following
        self._models = models

    async def step(self, *envelopes: Any) -> Step:
        """Publishes, lets the live models follow, and writes down what they say."""
        await self._following.publish(*envelopes)
        truth: dict[str, Rows] = {}
        for model in self._models:
            await self._following.project(model)
            truth |= await self._following.tables(model)
        found = [record for topic in ALL for record in await read(self._following.kafka, topic)]
        bounds = await log_bounds(self._following.kafka, ALL)
        ends = {(topic.rpartition(".")[2], partition): bound.end for (topic, partition), bound in bounds.items()}
        last = max(record.timestamp for record in found)
        after = datetime.fromtimestamp(last / 1000, UTC) + timedelta(milliseconds=1)
        offsets = ",".join(f"{topic}:{partition}={end}" for (topic, partition), end in sorted(ends.items()))
        self.steps.append(Step(after, offsets, truth))
        return self.steps[-1]


async def back(following: Following, model: MergedModel, until: Moment, **options: Any) -> Then:
    return await look_back(model, following.kafka, following.url, until=until, **options)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: str(model.name))
async def test_at_every_moment_a_model_is_what_it_was(following: Following, model: MergedModel) -> None:
    recorder, events = Recorder(following, model), told(journeys(20))
    await recorder.step(*events[:1], product(1, 1))
    await recorder.step(*events[1:50], product(1, 2), product(2, 1), product(3, 1, stock=0))
    await recorder.step(*events[50:], product(1, 3), product(2, 2), product(2, 4), product(2, 3))
    await recorder.step(*events[:40], product(1, 2), product(3, 1))  # late duplicates
    *_, before, complete, live = (step.truth for step in recorder.steps)
    assert before != complete == live
    for step in recorder.steps:
        for until in (Moment(time=step.time), step.offsets_of(model)):
            then = await back(following, model, until)
            told_then = await following.tables(model, "_then")
            assert told_then == step.truth, until
            assert then.complete
            assert then.tables == {f"{name}_then": len(rows) for name, rows in told_then.items()}
    assert await following.tables(model) == live, "the live one is untouched"


async def test_before_everything_there_was_nothing(following: Following) -> None:
    recorder = Recorder(following, *MODELS.values())
    await recorder.step(*told(journeys(3)), product(1, 1))
    for model in MODELS.values():
        for until in (parse("beginning"), parse("1w")):
            then = await back(following, model, until)
            assert set(then.tables.values()) == {0}
            assert (then.counts.read, then.complete) == (0, True)


async def test_between_two_moments_it_is_what_those_events_say_alone(following: Following) -> None:
    recorder = Recorder(following, SALES)
    for first in (1, 6, 11):
        await recorder.step(*told(journeys(5, first=first)))
    one, two, _ = recorder.steps
    await back(following, SALES, Moment(time=two.time), since=Moment(time=one.time))
    assert sums((await following.tables(SALES, "_then"))["sales"]) == sold(journeys(5, first=6))
    await back(following, SALES, two.offsets_of(SALES), since=one.offsets_of(SALES))
    assert sums((await following.tables(SALES, "_then"))["sales"]) == sold(journeys(5, first=6))
    with pytest.raises(NotAMoment, match="later than the one to read until"):
        await back(following, SALES, Moment(time=one.time), since=Moment(time=two.time))
    assert sums((await following.tables(SALES, "_then"))["sales"]) == sold(journeys(5, first=6)), "the last look stays"


async def test_the_past_as_a_file(following: Following, tmp_path: Path) -> None:
    recorder = Recorder(following, *MODELS.values())
    step = await recorder.step(*told(journeys(10)), product(2, 1), product(1, 1, stock=3))
    await recorder.step(*told(journeys(10, first=11)), product(1, 2))
    until = Moment(time=step.time)

    await back(following, SALES, until, file=tmp_path / "sales.csv")
    header, *lines = (tmp_path / "sales.csv").read_text().splitlines()
    assert header == "product_id,day,orders,units,revenue"
    assert lines == [",".join(map(str, row)) for row in step.truth["sales"]]

    (tmp_path / "copy.jsonl").write_text("what was there before\n" * 1000)
    await back(following, PRODUCTS, until, file=tmp_path / "copy.jsonl")
    copies = [json.loads(line) for line in (tmp_path / "copy.jsonl").read_text().splitlines()]
    assert [(copy["product_id"], copy["version"], copy["stock"]) for copy in copies] == [(1, 1, 3), (2, 1, 10)]

    await back(following, HISTORY, until, file=tmp_path / "history.jsonl")
    orders = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [(o["order_id"], o["status"]) for o in orders] == [
        (str(row[0]), row[2]) for row in step.truth["history_orders"]
    ]
    assert await following.leftovers() == [], "no table is left where a file was asked for"
    with pytest.raises(ReplayError, match=r"a file ends in \.csv or \.jsonl"):
        await back(following, SALES, until, file=tmp_path / "sales.xlsx")


async def test_where_the_beginning_was_deleted_the_model_is_not_whole_and_it_is_said(following: Following) -> None:
    recorder = Recorder(following, SALES)
    step = await recorder.step(*told(journeys(10)))
    begun = TopicPartition(following.kafka.topic("orders"), 0)
    async with admin(following.kafka) as client:
        await client.delete_records({begun: RecordsToDelete(before_offset=2)})
    then = await back(following, SALES, Moment(time=step.time))
    assert then.begun == [f"{begun.topic}[0]"]
    assert not then.complete


@pytest.mark.parametrize(
    ("before", "since", "gap"),
    [
        ((1, 2), (3,), None),
        ((1, 2), (), None),
        ((1, 2), (4, 3), None),  # in another order, but all there
        ((2,), (4,), (2, 4)),
        ((), (1, 2), None),
        ((), (2,), (0, 2)),
        ((3, 1), (2, 1, 4), None),  # late duplicates on both sides
        ((3, 1), (2, 5), (3, 5)),
    ],
)
def test_what_is_missing_is_known_by_the_versions(
    before: tuple[int, ...], since: tuple[int, ...], gap: tuple[int, int] | None
) -> None:
    versions = Versions({("products", 0): len(before)})
    for offset, version in enumerate((*before, *since)):
        headers = (("ce_sequence", str(version).encode()),)
        record: Any = SimpleNamespace(topic="products", partition=0, offset=offset, key=b"1", headers=headers)
        versions.saw(record)
    assert versions.gaps() == ({} if gap is None else {"1": gap})
