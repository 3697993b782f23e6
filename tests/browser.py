"""A real Chromium, without a window, and what a page did while it was open."""

from __future__ import annotations

import io
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.fleet import BIN
from tests.servers.process import interruptible

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW_TO_INSTALL = "no Chromium, which these tests drive: apt-get install chromium"
OPTIONS = (
    "--no-sandbox",  # which root may not have
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_S = 30.0


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser with a profile of its own, which is thrown away at the end."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail(HOW_TO_INSTALL, pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """One page in a window of its own. page: Playwright's; whatever went wrong or left the page is kept beside it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.troubles: list[str] = []
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.troubles.append(f"failed: {request.url}"))
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("console", lambda message: self.troubles.append(f"console: {message.text}"))
        page.on("dialog", self._refuse)

    def _refuse(self, dialog: Any) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, url: str) -> None:
        """Goes there, and waits until the first tiles are shown."""
        self.page.goto(url)
        self.wait("tiles", lambda: self.mark("tiles") is not None)

    def mark(self, name: str) -> float | None:
        """Milliseconds from the navigation to a mark of the page's, or None if it has not come to that."""
        found: float | None = self.page.evaluate("name => performance.getEntriesByName(name)[0]?.startTime", name)
        return found

    def processor_ms(self) -> float:
        """Processor time that the page's process has taken so far, decoding and drawing included."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Performance.enable")
        metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
        session.detach()
        return float(metrics["ProcessTime"]) * 1000

    def wait(self, what: str, condition: Callable[[], Any]) -> Any:
        """The first true value of `condition`. The page's own policy forbids Playwright's way, which needs `eval`."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if value := condition():
                return value
            self.page.wait_for_timeout(20)
        raise AssertionError(f"{what} did not come about within {PATIENCE_S:g} s; {self.troubles}")

    def names(self, count: int) -> list[str]:
        """Names of the first cells of the grid, in the order in which they are seen."""
        script = """count => [...document.querySelectorAll('#images .cell')].filter(cell => cell.offsetParent)
            .sort((one, other) => one.dataset.position - other.dataset.position).slice(0, count)
            .map(cell => cell.querySelector('.name').textContent)"""
        found: list[str] = self.page.evaluate(script, count)
        return found

    def cell(self, position: int) -> Locator:
        return self.page.locator(f'li:not([hidden]) > .cell[data-position="{position}"]')

    def style(self, selector: str, name: str) -> str:
        """A computed style of the first element that matches."""
        script = "([selector, name]) => getComputedStyle(document.querySelector(selector)).getPropertyValue(name)"
        return str(self.page.evaluate(script, [selector, name]))


def pixels(shown: Locator) -> NDArray[np.uint8]:
    """What the element looks like: uint8 (H, W, 3)."""
    with Image.open(io.BytesIO(shown.screenshot())) as image:
        return np.array(image.convert("RGB"), dtype=np.uint8)


@contextmanager
def opened_tab(browser: Browser, **options: Any) -> Iterator[Tab]:
    """options: Playwright's for a context, such as `viewport` and `color_scheme`."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
    try:
        yield Tab(context.new_page())
    finally:
        context.close()


@contextmanager
def served(environment: Mapping[str, str], job_id: str) -> Iterator[str]:
    """The address that `vaejob open` gives, while it runs; it has to end with Ctrl-C, quietly."""
    process = subprocess.Popen(
        [BIN / "vaejob", "open", job_id, "--no-browser"],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), process.communicate()
        yield address
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        process.kill()
        process.communicate()
