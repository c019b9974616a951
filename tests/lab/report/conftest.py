"""A real browser, for pages as people see them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from lab.report.page import write_report

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
SIZES = {"phone": (360, 740), "desktop": (1280, 900)}
Scheme = Literal["light", "dark"]
Opened = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window. Where there is none, tests are skipped, or fail if SHOP_BROWSER is ``required``.

    Of a module, because Playwright has an event loop running in this thread as long as it is there: tests of other
    modules could not run theirs."""
    if not CHROMIUM.exists():
        reason = f"no browser at {CHROMIUM} (Debian: apt-get install chromium fonts-dejavu-core)"
        if os.environ.get("SHOP_BROWSER") == "required":
            pytest.fail(f"SHOP_BROWSER=required, but there is {reason}")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), timeout=60_000)
        try:
            yield started
        finally:
            started.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """``opened(document, size="phone", scheme="dark")``: the report of that document, from disk. Any request beside
    the file's own, and any error that the browser logs, fails the test at its end."""
    contexts, wrong = [], []

    def open_page(document: Any, *, size: str = "desktop", scheme: Scheme = "light") -> Page:
        width, height = SIZES[size]
        path = write_report(document, tmp_path)
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda one: wrong.append(f"asks for {one.url}") if one.url != path.as_uri() else None)
        page.on("console", lambda one: wrong.append(f"logs {one.text}") if one.type == "error" else None)
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
