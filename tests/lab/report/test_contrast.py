"""Colours can be told from what they lie on, in both schemes: WCAG 2.2 AA."""

import re
from importlib.resources import files

import pytest

PALETTE = (files("lab.report") / "palette.css").read_text("utf-8")
WORDS = {
    **{f"w{n}": ("paper", "card") for n in range(10)},
    **dict.fromkeys(("ink", "soft", "link"), ("paper", "card")),
    "shade-ink": ("paper", "shade"),
    "bad": ("paper",),
}
"""Colours of text, and what the text lies on."""
ON_COLOUR = {"paper": ("bad", "shade-edge")}
"""Text inside the boxes of circuit breakers."""
SHAPES = {
    "rule": ("paper", "card"),
    "shade-edge": ("paper", "shade"),
    **{f"w{n}": ("paper", "shade") for n in range(10)},
}
"""Lines and bars that carry meaning."""


def schemes() -> dict[str, dict[str, str]]:
    light, _, dark = PALETTE.partition("@media (prefers-color-scheme: dark)")
    found = {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", text)) for name, text in (("light", light), ("dark", dark))
    }
    assert found["light"].keys() == found["dark"].keys()
    return found


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", schemes())
def test_text_can_be_read(scheme: str) -> None:
    colours = schemes()[scheme]
    pairs = [(name, under) for group in (WORDS, ON_COLOUR) for name, places in group.items() for under in places]
    weak = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert {pair: found for pair, found in weak.items() if found < 4.5} == {}


@pytest.mark.parametrize("scheme", schemes())
def test_lines_and_bars_can_be_seen(scheme: str) -> None:
    colours = schemes()[scheme]
    pairs = [(name, under) for name, places in SHAPES.items() for under in places]
    weak = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert {pair: found for pair, found in weak.items() if found < 3} == {}


def test_no_two_wirings_share_a_dash_pattern() -> None:
    dashes = [re.search(rf"\.w{n} {{ [^}}]*?(?:--dash: ([\d ]+))? }}", PALETTE) for n in range(10)]
    assert len({found[1] for found in dashes if found}) == 10, "colours are not all that tells lines apart"
