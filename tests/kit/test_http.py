"""What every service's HTTP has in common: guards, problems, health, metrics."""

import asyncio
from collections.abc import AsyncIterator
from time import process_time

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Request

from kit.app import Service, create_app
from kit.body import json_object, parse
from kit.database import Database, DatabaseUnavailable
from kit.problems import Problem
from kit.text import Body, Quantity, Text

SECRET = "what is inside"


class Thing(Body):
    name: Text = "thing"
    quantity: Quantity = 1


def routes() -> APIRouter:
    router = APIRouter()

    @router.post("/things")
    async def make(request: Request) -> dict[str, object]:
        return parse(Thing, await request.body()).model_dump()

    @router.get("/fails/{how}")
    async def fail(how: str) -> None:
        raise {
            "problem": Problem(418, "teapot", "Teapot", "no coffee", headers={"X-Pot": "1"}, cups=2),
            "bug": KeyError(SECRET),
            "bad value": asyncpg.UniqueViolationError(SECRET),
            "restarting": asyncpg.CannotConnectNowError(SECRET),
            "no connection": DatabaseUnavailable(SECRET),
            "refused": ConnectionRefusedError(SECRET),
            "timeout": TimeoutError(SECRET),
        }[how]

    return router


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    reasons = {"stove": "cold"}

    async def stove() -> str | None:
        return reasons.get("stove")

    service = Service(name="kit", title="Kit", database=nowhere, routers=[routes()], checks={"stove": stove})
    transport = httpx.ASGITransport(create_app(service, description="-"), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://kit") as client:
        yield client


@pytest.mark.parametrize("how", ["restarting", "no connection", "refused", "timeout"])
async def test_a_database_that_is_away_is_a_503_to_come_back_to(client: httpx.AsyncClient, how: str) -> None:
    answer = await client.get(f"/fails/{how}")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:problem:unavailable")
    assert answer.headers["retry-after"] == "1"
    assert SECRET not in answer.text


@pytest.mark.parametrize("how", ["bug", "bad value"])
async def test_an_unexpected_error_is_told_without_its_insides(client: httpx.AsyncClient, how: str) -> None:
    answer = await client.get(f"/fails/{how}")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:shop:problem:internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert SECRET not in answer.text


async def test_a_problem_is_told_as_it_was_raised(client: httpx.AsyncClient) -> None:
    answer = await client.get("/fails/problem")
    assert answer.status_code == 418
    assert answer.headers["x-pot"] == "1"
    assert answer.json() == {
        "type": "urn:shop:problem:teapot",
        "title": "Teapot",
        "status": 418,
        "detail": "no coffee",
        "cups": 2,
    }


async def test_a_body_is_limited_however_it_comes(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 1000

    headers = {"Content-Type": "application/json"}
    counted = await client.post("/things", content=b"x" * 65_537, headers=headers)
    chunked = await client.post("/things", content=endless(), headers=headers)
    assert (counted.status_code, chunked.status_code) == (413, 413)


async def test_a_chunked_body_within_the_limit_is_read(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"name": '
        yield b'"cup"}'

    answer = await client.post("/things", content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.json() == {"name": "cup", "quantity": 1}


def test_a_field_given_twice_is_found_in_one_pass_however_many_there_are() -> None:
    names = [*(f"f{n}" for n in range(20_000)), "f19999"]
    raw = "{" + ",".join(f'"{name}":1' for name in names) + "}"
    begin = process_time()
    with pytest.raises(Problem) as refused:
        json_object(raw.encode())
    assert process_time() - begin < 1.0
    assert refused.value.detail == "'f19999' is given more than once"


async def test_json_may_say_its_character_set(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await client.post("/things", content=b"{}", headers=headers)).status_code == 200


async def test_text_is_stripped_of_blanks_and_nothing_else(client: httpx.AsyncClient) -> None:
    assert (await client.post("/things", json={"name": "  naïve ☕ cup "})).json()["name"] == "naïve ☕ cup"


async def test_live_is_about_the_process_and_ready_about_its_work(client: httpx.AsyncClient) -> None:
    live, ready = await client.get("/health/live"), await client.get("/health/ready")
    assert live.status_code == 200
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert ready.json()["reasons"].keys() == {"database", "stove"}
    assert ready.json()["reasons"]["stove"] == "cold"


async def test_requests_are_counted_by_route_never_by_path(client: httpx.AsyncClient) -> None:
    await asyncio.gather(*(client.get(f"/nothing/{n}") for n in range(3)))
    await client.get("/fails/problem")
    metrics = (await client.get("/metrics")).text
    assert 'route="/fails/{how}"' in metrics
    assert 'route="unmatched"' in metrics
    assert "/nothing/" not in metrics
