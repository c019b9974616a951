"""A supervisor as a program of its own, to be sent real signals: `program.py HOME SCENARIO`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from lab.supervision import Announcer, Home, Interrupted, ProcessSpec, SupervisionError, Supervisor
from tests.lab.supervision.processes import process


def scenario(home: Home, name: str) -> list[ProcessSpec]:
    never = lambda: False  # noqa: E731
    return {
        "all well": [process(home, "one"), process(home, "two", "has children")],
        "stuck in preparation": [process(home, "one"), process(home, "two", prepare=["sleep", "600"])],
        "stuck in clearing": [process(home, "one"), process(home, "two", clear=never)],
        "stuck in start": [process(home, "one"), process(home, "two", ready=never)],
        "deaf": [process(home, "one"), process(home, "two", "is deaf", stop_grace=600.0)],
        "crashing": [process(home, "one"), process(home, "two", "ends", ready=None)],
        "reluctant": [process(home, "one")],
        "fails": [process(home, "one"), process(home, "two", "ends")],
    }[name]


async def serve_reluctantly(shop: Supervisor) -> None:
    """As a block whose end takes longer than anybody wants to wait."""
    try:
        await shop.serve()
    finally:
        print("ENDING", flush=True)
        await asyncio.sleep(600)


async def main(home: Home, name: str) -> int:
    announcer = Announcer()

    def note(process: str, text: str) -> None:
        print(f"{process}: {text}", flush=True)

    try:
        announcer.progress("starting")
        async with Supervisor(home, scenario(home, name), notes=note) as shop:
            announcer.ready()
            print("READY", flush=True)
            if name == "reluctant":
                await serve_reluctantly(shop)
            await shop.serve()
    except Interrupted as end:
        return end.exit_code
    except SupervisionError as error:
        announcer.failed(str(error))
        print(error, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Home(Path(sys.argv[1])), sys.argv[2])))
