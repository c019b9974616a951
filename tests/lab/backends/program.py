"""A supervisor of the two embedded servers as a program of its own: `program.py HOME`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from lab.backends import backends_from_environment
from lab.supervision import Home, Interrupted, Supervisor


async def main(home: Home) -> int:
    try:
        async with Supervisor(home, backends_from_environment(home).specs()) as shop:
            await shop.serve()
    except Interrupted as end:
        return end.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Home(Path(sys.argv[1])))))
