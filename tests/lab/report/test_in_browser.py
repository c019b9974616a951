"""The page in a real browser: on a phone and on a desk, light and dark, by keyboard, for screen readers, in print."""

from typing import Any, get_args

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.lab.report.conftest import SIZES, Opened, Scheme
from tests.lab.report.documents import capacities, document, old_format

A4 = 688
"""Pixels of a sheet's width between margins of 14 mm."""
LEGIBLE = 8.5
"""Pixels that the smallest letters of a chart have at least."""


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return document(("events", "chain", "chain-breaker", "2pc"), capacity=capacities())


@pytest.mark.parametrize("scheme", get_args(Scheme))
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_that_keeps_people_out(
    opened: Opened, whole: dict[str, Any], size: str, scheme: Scheme
) -> None:
    page = opened(whole, size=size, scheme=scheme)
    _open_details(page)
    found = Axe().run(page)
    assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found.response["violations"]] == []
    assert len(found.response["passes"]) > 20, "it did look"


@pytest.mark.parametrize("width", [320, 360, 414, 768])
def test_the_page_itself_never_scrolls_sideways(opened: Opened, whole: dict[str, Any], width: int) -> None:
    page = opened(whole, size="phone")
    page.set_viewport_size({"width": width, "height": 740})
    _open_details(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_long_names_without_a_space_do_not_make_it_scroll_sideways(opened: Opened) -> None:
    found = document(rounds=1)
    found["conditions"]["commit"] = found["conditions"]["machine"]["cpu"] = "x" * 300
    found["scenarios"]["healthy"]["title"] = "y" * 200
    page = opened(found, size="phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_wide_table_scrolls_in_its_own_box_by_keyboard(opened: Opened, whole: dict[str, Any]) -> None:
    page = opened(whole, size="phone")
    box = page.locator(".wide").first
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    box.focus()
    page.keyboard.press("ArrowRight")
    assert box.evaluate(
        """box => new Promise(done => {
            const until = performance.now() + 20000
            const look = () => box.scrollLeft > 0 || performance.now() > until
                ? done(box.scrollLeft > 0) : requestAnimationFrame(look)
            look()
        })"""
    )


@pytest.mark.parametrize("size", SIZES)
def test_letters_in_pictures_can_be_read_and_stay_inside(opened: Opened, whole: dict[str, Any], size: str) -> None:
    page = opened(whole, size=size)
    measured = page.evaluate(
        """() => [...document.querySelectorAll('svg text')].map(text => {
            const picture = text.ownerSVGElement
            const box = text.getBoundingClientRect(), all = picture.getBoundingClientRect()
            const scale = all.width / picture.viewBox.baseVal.width
            return {
                words: text.textContent,
                size: parseFloat(getComputedStyle(text).fontSize) * scale,
                outside: Math.max(
                    all.left - box.left, box.right - all.right, all.top - box.top, box.bottom - all.bottom),
            }
        })"""
    )
    assert len(measured) > 200
    assert [one for one in measured if one["size"] < LEGIBLE] == []
    assert [one for one in measured if one["outside"] > 1] == []


def test_names_at_the_ends_of_lines_do_not_cover_each_other(opened: Opened, whole: dict[str, Any]) -> None:
    covered = opened(whole).evaluate(
        """() => [...document.querySelectorAll('svg')].flatMap(picture => {
            const boxes = [...picture.querySelectorAll('text.name')].map(one => one.getBoundingClientRect())
            return boxes.flatMap((a, n) => boxes.slice(n + 1).filter(b =>
                a.left < b.right && b.left < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom))
        }).length"""
    )
    assert covered == 0


def test_the_keyboard_skips_to_the_report_and_opens_what_is_folded(opened: Opened) -> None:
    page = opened(document(rounds=1))
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    assert skip.evaluate("link => link === document.activeElement && link.getBoundingClientRect().left >= 0")
    assert skip.evaluate("link => getComputedStyle(link).outlineStyle") == "solid", "the focus can be seen"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    summary = page.locator("summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert summary.evaluate("one => one.parentElement.open")


def test_dark_and_light_are_not_the_same(opened: Opened) -> None:
    colours = {
        scheme: opened(document(rounds=1), scheme=scheme).evaluate(
            "[document.documentElement, document.body].map(one => [getComputedStyle(one).backgroundColor, "
            "getComputedStyle(one).color]).join()"
        )
        for scheme in get_args(Scheme)
    }
    assert len(set(colours.values())) == 2


def test_in_print_everything_is_unfolded_and_nothing_is_cut_off(opened: Opened, whole: dict[str, Any]) -> None:
    page = opened(whole)
    folded = page.locator("details ul, details table, details ol")
    assert folded.first.is_hidden()
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= A4
    assert all(folded.nth(n).bounding_box() for n in range(folded.count()))
    assert page.locator("nav").is_hidden()
    assert len(page.pdf(format="A4")) > 50_000


@pytest.mark.parametrize("name", ["old format", "zero rounds", "one wiring"])
def test_lesser_documents_are_pages_too(opened: Opened, name: str) -> None:
    documents = {
        "old format": old_format(document(rounds=1)),
        "zero rounds": document(rounds=0, stopped={"rounds_done": 0, "rounds_planned": 4}),
        "one wiring": document(("chain",), rounds=1),
    }
    page = opened(documents[name], size="phone")
    assert page.locator("h1").inner_text()
    assert Axe().run(page).response["violations"] == []


def _open_details(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
