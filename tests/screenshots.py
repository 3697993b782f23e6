"""Makes the README's pictures of the page: `python -m tests.screenshots STORE`, after the two jobs that it names.

VAEJOB_HOME=/tmp/pictures vaeworker &
VAEJOB_HOME=/tmp/pictures vaejob sample --n 200 --seed 7 --job-id samples --watch
vaecore cars --n 40 --seed 3 /tmp/cars; echo "no picture" > /tmp/cars/notes.txt
VAEJOB_HOME=/tmp/pictures vaejob reconstruct /tmp/cars --job-id reconstructions --watch
python -m tests.screenshots /tmp/pictures/store
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from tests.browser import opened_tab, running_browser

PICTURES = Path(__file__).parents[1] / "deploy" / "pictures"


def main(store: Path) -> None:
    jobs = store.resolve() / "jobs"
    with running_browser() as browser:
        take(browser, jobs / "reconstructions", "page-light.png", "light")
        take(browser, jobs / "samples", "page-dark.png", "dark")
        take(browser, jobs / "reconstructions", "page-slider.png", "dark", clicked=2)


def take(browser: Browser, job: Path, name: str, scheme: str, clicked: int | None = None) -> None:
    """One picture; clicked: the position of the cell whose image is shown large."""
    with opened_tab(browser, color_scheme=scheme, viewport={"width": 1280, "height": 860}) as tab:
        tab.open((job / "index.html").as_uri())
        if clicked is not None:
            tab.cell(clicked).click()
        tab.page.wait_for_timeout(1000)
        with Image.open(io.BytesIO(tab.page.screenshot())) as image:
            image.convert("RGB").save(PICTURES / name, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
