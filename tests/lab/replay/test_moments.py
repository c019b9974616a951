"""The grammar of moments, without a broker, and what they are in real topics."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.kafka import Kafka
from events.topics import BROKER_TIME, Topic, declare
from lab.replay.errors import BeyondEnd, NotAMoment
from lab.replay.moments import Edge, Moment, parse
from lab.replay.topic import TopicReader

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=BERLIN)

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=zones)  # noqa: DTZ001
topics = st.from_regex(r"[a-z][a-z0-9._-]{0,20}", fullmatch=True)
partitions = st.none() | st.integers(0, 999)
offsets = st.dictionaries(st.tuples(topics, partitions), st.integers(0, 10**18 - 1), min_size=1, max_size=5)


@given(instants)
def test_every_time_with_a_zone_means_itself(instant: datetime) -> None:
    assert parse(instant.isoformat()) == Moment(time=instant)
    assert parse(f" {instant.isoformat(sep=' ')} ") == Moment(time=instant)


@given(st.one_of(instants.map(lambda at: Moment(time=at)), offsets.map(lambda o: Moment(numbers=numbers(o)))))
def test_what_a_moment_is_written_as_means_the_same_again(moment: Moment) -> None:
    assert parse(str(moment)) == moment


@given(st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)))  # noqa: DTZ001
def test_a_time_without_a_zone_is_local(naive: datetime) -> None:
    assert parse(naive.isoformat(), now=NOW).time == naive.replace(tzinfo=BERLIN, fold=0)
    assert parse(naive.isoformat()).time == naive.replace(fold=0).astimezone()


@given(st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from("smhdw")), min_size=1, max_size=3))
def test_ages_count_back_from_now(parts: list[tuple[int, str]]) -> None:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    text = "".join(f"{count}{unit}" for count, unit in parts)
    ago = timedelta(seconds=sum(count * seconds[unit] for count, unit in parts))
    assert parse(text, now=NOW) == parse(f"{text} ago", now=NOW) == Moment(time=NOW - ago)


@given(offsets)
def test_offsets_can_be_pasted_as_they_are_shown(found: dict[tuple[str, int | None], int]) -> None:
    shown = ", ".join(f"{topic}={o}" if n is None else f"{topic}[{n}]@{o}" for (topic, n), o in found.items())
    assert parse(shown) == Moment(numbers=numbers(found))


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_refused_with_an_example_of_what_is_right(text: str) -> None:
    try:
        moment = parse(text, now=NOW)
    except NotAMoment as error:
        said = str(error)
    else:
        assert parse(str(moment)) == moment
        return
    assert repr(text) in said
    assert "2026-11-23T10:42" in said


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=BERLIN)),
        ("10:42", datetime(2026, 11, 23, 10, 42, tzinfo=BERLIN)),
        ("9:05:07.123", datetime(2026, 11, 23, 9, 5, 7, 123000, tzinfo=BERLIN)),
        ("23:30Z", datetime(2026, 11, 23, 23, 30, tzinfo=UTC)),
        ("2026-07-01T10:42", datetime(2026, 7, 1, 8, 42, tzinfo=UTC)),
        ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_times_as_people_write_them(text: str, means: datetime) -> None:
    found = parse(text, now=NOW).time
    assert found is not None
    assert found.astimezone(UTC) == means.astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("25:00", "hour must be in 0..23"),
        ("2026-13-01", "month must be in 1..12"),
        ("yesterday", "neither a date nor a time"),
        ("1500", "neither a date nor a time"),
        ("orders:x=3", "'orders:x=3' is not TOPIC:PARTITION=OFFSET"),
        ("orders=-3", "is not TOPIC:PARTITION=OFFSET"),
        ("orders:0=1,orders:0=2", "'orders:0=2': that one has an offset already"),
        ("999999w", "before the year 1"),
        ("", "neither a date nor a time"),
    ],
)
def test_what_is_wrong_is_said(text: str, wrong: str) -> None:
    with pytest.raises(NotAMoment) as caught:
        parse(text, now=NOW)
    assert wrong in str(caught.value)


def numbers(found: dict[tuple[str, int | None], int]) -> tuple[tuple[str, int | None, int], ...]:
    return tuple((topic, partition, offset) for (topic, partition), offset in found.items())


async def test_a_time_is_the_first_record_that_was_appended_then_or_later(kafka: Kafka, producer: Any) -> None:
    await declare(kafka, [Topic("orders", BROKER_TIME)], partitions=3, say=lambda line: None)
    topic = kafka.topic("orders")
    appended = []
    for number in range(5):
        sent = await producer.send_and_wait(topic, str(number).encode(), partition=0, timestamp_ms=1)
        appended.append(datetime.fromtimestamp(sent.timestamp / 1000, UTC))
        async with TopicReader(kafka, ["orders"]) as reader:  # some milliseconds pass
            await reader.ends()
    await producer.send_and_wait(topic, b"5", partition=1)
    assert len(set(appended)) == 5
    millisecond = timedelta(milliseconds=1)
    assert await found(kafka, appended[2].isoformat()) == [2, 0, 0]
    assert await found(kafka, (appended[2] + timedelta(microseconds=1)).isoformat()) == [3, 0, 0]
    assert await found(kafka, (appended[4] + millisecond).isoformat()) == [5, 0, 0]
    assert await found(kafka, "9999-01-01") == [5, 1, 0], "the end, where nothing is that late"
    assert await found(kafka, "1969-07-20") == [0, 0, 0]
    assert await found(kafka, "1d") == [0, 0, 0]


async def test_offsets_are_of_the_partitions_they_name(kafka: Kafka, producer: Any) -> None:
    await declare(kafka, [Topic("orders"), Topic("stock")], partitions=2, say=lambda line: None)
    for number in range(3):
        await producer.send_and_wait(kafka.topic("orders"), str(number).encode(), partition=1)
    both = ("orders", "stock")
    assert await found(kafka, "beginning", both) == [0, 0, 0, 0]
    assert await found(kafka, "now", both) == [0, 3, 0, 0]
    assert await found(kafka, "orders:1=2", both) == [0, 2, 0, 0]
    assert await found(kafka, "orders:1=2,stock=0", both, otherwise="end") == [0, 2, 0, 0]
    assert await found(kafka, "orders=0,orders:1=3", both) == [0, 3, 0, 0], "what names the partition wins"
    with pytest.raises(BeyondEnd, match=r"orders\[1\] ends at offset 3, there is no 4 yet"):
        await found(kafka, "orders:1=4", both)
    with pytest.raises(NotAMoment, match="products is not among the topics here"):
        await found(kafka, "products:0=1", both)
    with pytest.raises(NotAMoment, match="orders has 2 partitions"):
        await found(kafka, "orders:2=1", both)


async def found(
    kafka: Kafka, text: str, topics: tuple[str, ...] = ("orders",), otherwise: Edge = "beginning"
) -> list[int]:
    async with TopicReader(kafka, topics) as reader:
        offsets = await parse(text).offsets(reader, otherwise=otherwise)
        return [offsets[place] for place in reader.places()]
