"""Lines of many processes on one screen: each behind its process's name, in its process's colour."""

from rich.console import Console
from rich.text import Text

_COLOURS = ("cyan", "magenta", "blue", "bright_cyan", "bright_magenta", "bright_blue")
_QUIET = ("kafka", "postgres")


class Prefixes:
    """``line`` is a Supervisor's sink, ``note`` hears what the supervisor says. The backends' own chatter stays in
    their log files. A service's warnings are yellow, its errors red; other lines keep their colours."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._colours: dict[str, str] = {}

    def line(self, name: str, line: str) -> None:
        if name in _QUIET:
            return
        text = Text(f"{name:>12} ", style=self._colour(name))
        text.append("│ ", style="dim")
        text.append_text(_body(line))
        self._console.print(text, soft_wrap=True)

    def note(self, name: str, text: str) -> None:
        self._console.print(Text(f"{name:>12} ▏ {text}", style="yellow"), soft_wrap=True)

    def _colour(self, name: str) -> str:
        return self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])


def _body(line: str) -> Text:
    body = Text.from_ansi(line)
    lowered = body.plain.lower()
    if "[error" in lowered or "[critical" in lowered or lowered.startswith(("error", "critical")):
        body.stylize("red")
    elif "[warning" in lowered or lowered.startswith("warning"):
        body.stylize("yellow")
    return body
