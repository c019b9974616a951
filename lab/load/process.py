"""Starting the generator beside the caller, and getting its result back."""

import asyncio
import os
import sys
from dataclasses import dataclass

from lab.load.plan import LoadPlan
from lab.load.result import LoadResult


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

    async def result(self) -> LoadResult:
        """Raises LoadFailed. Cancelling it ends the generator."""
        try:
            output, errors = await self.process.communicate()
        except asyncio.CancelledError:
            await self.stop()
            raise
        if self.process.returncode != 0 or not output:
            said = errors.decode(errors="replace").strip()[-2000:]
            raise LoadFailed(f"the load generator ended with {self.process.returncode}: {said}")
        return LoadResult.from_json(output)

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
