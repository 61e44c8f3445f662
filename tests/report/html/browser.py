"""Chromium without a window and without the network, and a page in it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from tests.services import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Debian's Chromium; skip the test where it is not installed."""
    if not CHROMIUM.exists():
        missing(f"{CHROMIUM} is not there; install Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@dataclass
class OpenReport:
    """A report in a browser.

    Attributes:
        page: The page.
        messages: What it wrote to the console, and errors of its code.
    """

    page: Page
    messages: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of elements."""
        return self.page.locator(selector).all_inner_texts()

    def count(self, selector: str) -> int:
        """Count elements."""
        return self.page.locator(selector).count()

    def run(self, script: str) -> Any:  # noqa: ANN401 - any JSON
        """Evaluate an expression in the page."""
        return self.page.evaluate(script)

    def open_event(self, event_id: str) -> None:
        """Open an event as a click on its link does."""
        self.page.evaluate("id => { location.hash = `event=${encodeURIComponent(id)}` }", event_id)
        self.page.wait_for_selector("#event h2")
        self.page.wait_for_function(
            "id => document.title && document.querySelector("
            "'#event h2').textContent.startsWith(id)",
            arg=event_id,
        )

    def heap_bytes(self) -> int:
        """Return the bytes of JavaScript's heap."""
        usage = self.page.context.new_cdp_session(self.page).send("Runtime.getHeapUsage")
        return int(usage["usedSize"])


@contextmanager
def open_report(
    browser: Browser,
    path: Path,
    *,
    event: str = "",
    width: int = 1280,
    dark: bool = False,
) -> Iterator[OpenReport]:
    """Open a report from disk, wait until it is drawn, and check that it writes no message.

    Args:
        browser: The browser.
        path: The file of the report.
        event: A part of the address after ``#``.
        width: Width of the window in pixels.
        dark: Whether the reader prefers dark pages.
    """
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        offline=True,
    )
    report = OpenReport(context.new_page())
    report.page.on("console", lambda message: report.messages.append(message.text))
    report.page.on("pageerror", lambda error: report.messages.append(str(error)))
    report.page.goto(path.resolve().as_uri() + (f"#{event}" if event else ""))
    report.page.wait_for_selector("html[data-ready=yes]")
    try:
        yield report
        assert report.messages == []
    finally:
        context.close()
