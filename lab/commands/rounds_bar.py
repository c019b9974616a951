"""How far a comparison is: a bar that counts down on a terminal, a line a round elsewhere."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress_bar import ProgressBar
from rich.text import Text

from lab.comparing.time_left import TimeLeft
from lab.console import step


class RoundsBar:
    """``with RoundsBar(console) as bar``: ``bar.begins(text, left)`` for each round. The bar is gone afterwards, the
    lines stay."""

    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), _Share(), _Left())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=1.0, visible=False, left=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begins(self, text: str, left: TimeLeft) -> None:
        step(f"{text}, {left}")
        self._bar.update(self._task, description=escape(text), visible=True, left=left)


class _Share(BarColumn):
    """Filled by time, not by rounds: these take very different times."""

    def render(self, task: Task) -> ProgressBar:
        left: TimeLeft | None = task.fields["left"]
        task.completed = left.share_done() if left else 0.0
        return super().render(task)


class _Left(ProgressColumn):
    """What is left, counted down."""

    def render(self, task: Task) -> Text:
        left: TimeLeft | None = task.fields["left"]
        return Text(str(left) if left else "")
