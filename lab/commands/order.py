"""``shop order``: place one order, and watch it on its way."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from lab.commands.chosen import Compose, chosen_shop
from lab.console import console, fail, plain_errors, print_json, step
from lab.watching.journey import follow, place
from lab.watching.products import product_id
from lab.watching.timeline import show_journey


def order(
    product: Annotated[str, typer.Argument(help="The product's number or name.")],
    quantity: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many pieces.")] = 1,
    compose: Compose = "",
    watch: Annotated[bool, typer.Option("--watch", help="Show every step with its milliseconds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Place one order. Exit code 0: it is confirmed (with --watch: accepted); 1: refused, rejected or not settled.

    Example: `shop order MASK --quantity 2 --watch`
    """
    with plain_errors():
        layout = chosen_shop(compose)
        number = asyncio.run(product_id(layout, product))
        if watch:
            journey = asyncio.run(follow(layout, number, quantity))
            status, answer = journey.status, journey.order
            if as_json:
                print_json(asdict(journey))
            else:
                show_journey(journey, console)
        else:
            status, answer, sent, answered = asyncio.run(place(layout, number, quantity, wait=10))
            if as_json:
                print_json({"status": status, "milliseconds": round((answered - sent) * 1000, 1), "answer": answer})
            elif status < 300:
                price = f"{answer['amount'] / 100:,.2f}"
                console.print(f"{answer['quantity']} x {answer['productName']} for {price}: {_state(answer)}")
                console.print(f"[dim]{answer['id']}, answered {status} after {(answered - sent) * 1000:.1f} ms[/dim]")
    if status >= 300:
        raise fail(f"{status} {answer.get('title', '')}: {answer.get('detail', '')}")
    if not watch and answer.get("status") not in ("confirmed", None):
        step("it is on its way; `shop status` shows what it waits for")
        raise typer.Exit(1)


def _state(answer: dict[str, object]) -> str:
    colour = "green" if answer["status"] == "confirmed" else "yellow"
    return f"[{colour}]{answer['status']}[/{colour}]"
