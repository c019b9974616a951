"""Starting the generator beside the caller, and getting its result back."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from lab.load.plan import LoadPlan
from lab.load.progress import heard
from lab.load.result import LoadResult

START_DELAY = 1.0
"""Seconds between starting the generator and its first order: its own start-up is not the shop's business."""


class LoadFailed(RuntimeError):
    """The generator ended without a result; ``str()`` carries what it said last."""


@dataclass
class Load:
    """A running generator. ``result`` waits for it; ``stop`` ends it early (there is no result then)."""

    process: asyncio.subprocess.Process
    plan: LoadPlan

    @classmethod
    async def start(cls, plan: LoadPlan) -> "Load":
        """Starts the generator; with ``plan.start_at`` in the future its own start-up costs the schedule nothing."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "lab.load",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ},
        )
        assert process.stdin is not None
        process.stdin.write(plan.to_json())
        process.stdin.close()
        return cls(process, plan)

    async def result(self, progress: Callable[[int, int], None] | None = None) -> LoadResult:
        """Raises LoadFailed. Cancelling it ends the generator. ``progress`` hears the orders sent and the orders to
        send, as often as the plan says."""
        assert self.process.stdout is not None
        try:
            output, errors, _ = await asyncio.gather(
                self.process.stdout.read(), self._listen(progress), self.process.wait()
            )
        except asyncio.CancelledError:
            await self.stop()
            raise
        if self.process.returncode != 0 or not output:
            said = errors.decode(errors="replace").strip()[-2000:]
            raise LoadFailed(f"the load generator ended with {self.process.returncode}: {said}")
        return LoadResult.from_json(output)

    async def _listen(self, progress: Callable[[int, int], None] | None) -> bytes:
        """What it says on stderr, apart from its progress."""
        assert self.process.stderr is not None
        said = bytearray()
        async for line in self.process.stderr:
            told = heard(line)
            if told is None:
                said += line
            elif progress is not None:
                progress(*told)
        return bytes(said)

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
