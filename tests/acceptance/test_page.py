"""The page of a job in a real browser, opened by double click and through `vaejob open`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, expect

from tests.acceptance.conftest import MakeFleet
from tests.browser import Tab, opened_tab, pixels, running_browser, served
from tests.finished import JobFolder, car, large, reconstructed, sampled
from tests.pictures import write_cars
from vae_core.imaging.encoding import encode_image
from vae_core.jobs.records import ItemError

SCRIPT_KEY = "<script>alert(1)</script>.png"
IMAGE_KEY = "<img src=x onerror=alert(2)>.jpg"
SOURCES = [*(f"cars/car-{index:03d}.jpg" for index in range(12)), SCRIPT_KEY]
ERRORS = [
    ItemError(index=13, source=IMAGE_KEY, code="undecodable", message="broken off </script><script>alert(3)</script>"),
    ItemError(index=14, source="notes.txt", code="not_an_image", message="no image"),
    ItemError(index=15, source="cut.png", code="undecodable", message="image file is truncated"),
]
OPENS_WITHIN_MS = 2000
TRIES = 5
WAYS = ("double click", "vaejob open")
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a store with the finished jobs `samples` and `pairs`."""
    home = tmp_path_factory.mktemp("home")
    sampled(home)
    sampled(home, "shards", shards=True)
    reconstructed(home, SOURCES, ERRORS)
    return home


class Desk:
    """Opens jobs' pages in one browser; each job has at most one `vaejob open`, which has to end quietly at the end."""

    def __init__(self, browser: Browser, servers: ExitStack) -> None:
        self.browser = browser
        self._servers = servers
        self._addresses: dict[tuple[Path, str], str] = {}

    def address_of(self, home: Path, job_id: str, way: str) -> str:
        if way == "double click":
            return (home / "store" / "jobs" / job_id / "index.html").as_uri()
        if (home, job_id) not in self._addresses:
            inherited = {name: value for name, value in os.environ.items() if not name.startswith(("VAEJOB_", "AWS_"))}
            server = served({**inherited, "VAEJOB_HOME": str(home)}, job_id)
            self._addresses[home, job_id] = self._servers.enter_context(server)
        return self._addresses[home, job_id]

    @contextmanager
    def shown(self, home: Path, job_id: str, way: str = WAYS[0], **options: Any) -> Iterator[Tab]:
        """The job's page; by the end nothing has gone wrong, or been asked for outside the job's folder."""
        address = self.address_of(home, job_id, way)
        with opened_tab(self.browser, **options) as tab:
            tab.open(address)
            yield tab
            assert tab.troubles == []
            own = address.removesuffix("index.html")
            assert [url for url in tab.requests if not url.startswith((own, f"blob:{own}", "data:"))] == []


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[Desk]:
    with ExitStack() as servers:
        yield Desk(browser, servers)


def box(tab: Tab) -> Any:
    return tab.page.locator("dialog[open]")


@pytest.mark.parametrize("way", WAYS)
def test_images_are_shown_from_their_atlases_when_the_page_is_opened(desk: Desk, home: Path, way: str) -> None:
    with desk.shown(home, "samples", way) as tab:
        expect(tab.page.locator("h1")).to_have_text("60 sampled images")
        expect(tab.page.locator("#count")).to_have_text("60 images")
        assert tab.names(3) == ["#0", "#1", "#2"]
        for position in (0, 7, 45):  # the last one lies on the second atlas
            tab.cell(position).scroll_into_view_if_needed()
            tab.wait("the tile", lambda position=position: _looks_like(tab, position))
        assert len([url for url in tab.requests if "/sheets/" in url]) == 2
        assert not [url for url in tab.requests if "/images/" in url]


def _looks_like(tab: Tab, position: int) -> bool:
    return _shows(tab.cell(position).locator("canvas"), position)


def _shows(place: Locator, index: int) -> bool:
    """Whether the car of this index is what is seen there."""
    seen = Image.fromarray(pixels(place)).resize((32, 32))
    expected = Image.fromarray(car(index)).resize((32, 32))
    difference = np.abs(np.asarray(seen, dtype=float) - np.asarray(expected, dtype=float))
    return float(difference.mean()) < 12


@pytest.mark.parametrize("way", WAYS)
def test_order_changes_when_sorted_by_psnr_or_outlier_score(desk: Desk, home: Path, way: str) -> None:
    with desk.shown(home, "pairs", way) as tab:
        before = tab.names(13)
        assert before[0] == "car-000.jpg"
        tab.page.select_option("#sort", label="PSNR, worst first")
        worst = tab.names(13)
        tab.page.select_option("#sort", label="PSNR, best first")
        assert tab.names(13) == worst[::-1]
        assert sorted(worst) == sorted(before) != worst
        values = tab.page.locator("li:not([hidden]) .value").all_inner_texts()
        assert all(value.endswith(" dB") for value in values)
    with desk.shown(home, "samples", way) as tab:
        tab.page.select_option("#sort", label="Outlier score, strangest first")
        scores = {index * 7 % 60: f"#{index}" for index in range(60)}
        assert tab.names(5) == [scores[score] for score in (59, 58, 57, 56, 55)]


@pytest.mark.parametrize("way", WAYS)
def test_image_is_shown_in_full_with_its_record_when_its_cell_is_clicked(desk: Desk, home: Path, way: str) -> None:
    with desk.shown(home, "samples", way) as tab:
        tab.cell(4).click()
        expect(box(tab)).to_be_visible()
        expect(tab.page.locator("#box-title")).to_have_text("#4")
        expect(tab.page.locator("#box-place")).to_have_text("5 of 60")
        record = tab.page.locator("#record").inner_text()
        assert "images/00000004.png" in record
        assert (home / "store/jobs/samples/manifest.jsonl").read_text().splitlines()[4].split('"sha256":"')[1][
            :64
        ] in record
        expect(tab.page.locator("#box-quality")).to_have_text("Outlier score 2.80 σ")
        picture = tab.page.locator("#stage img")
        tab.wait("the image", lambda: picture.evaluate("image => image.complete && image.naturalWidth === 128"))
        expect(tab.page.locator("#split")).to_be_hidden()


@pytest.mark.parametrize("way", WAYS)
def test_more_of_the_input_is_shown_when_the_slider_moves(desk: Desk, home: Path, way: str) -> None:
    with desk.shown(home, "pairs", way) as tab:
        tab.cell(11).click()
        stage, split = tab.page.locator("#stage"), tab.page.locator("#split")
        image = tab.page.locator("#stage img")
        tab.wait("the image", lambda: image.evaluate("image => image.complete && image.naturalWidth === 128"))
        assert tab.style("#stage img", "clip-path") == "inset(0px 0px 0px 50%)"
        split.focus()
        for _ in range(10):
            tab.page.keyboard.press("ArrowRight")
        assert tab.style("#stage img", "clip-path") == "inset(0px 0px 0px 60%)"
        expect(tab.page.locator("#box-title")).to_have_text("car-011.jpg")  # the arrows were the slider's
        tab.page.keyboard.press("End")
        whole_input = pixels(stage)
        tab.page.keyboard.press("Home")
        whole_result = pixels(stage)
        # The input has the edges that the reconstruction has lost.
        assert _sharpness(whole_input) > 1.5 * _sharpness(whole_result)
        at = stage.bounding_box()
        assert at is not None
        tab.page.mouse.move(at["x"] + at["width"] * 0.1, at["y"] + 100)
        tab.page.mouse.down()
        tab.page.mouse.move(at["x"] + at["width"] * 0.75, at["y"] + 100, steps=4)
        tab.page.mouse.up()
        assert 70 <= int(split.input_value()) <= 80
        tab.page.keyboard.press("ArrowLeft")  # and now they turn pages again
        expect(tab.page.locator("#box-title")).to_have_text("car-010.jpg")


def _sharpness(image: np.ndarray[Any, Any]) -> float:
    grey = image.astype(float).mean(axis=2)[20:-60, 20:-20]
    return float(np.abs(np.diff(grey, axis=1)).mean())


@pytest.mark.parametrize("way", WAYS)
def test_page_is_worked_by_keyboard_when_there_is_no_mouse(desk: Desk, home: Path, way: str) -> None:
    with desk.shown(home, "samples", way) as tab:
        keyboard = tab.page.keyboard
        tab.page.locator("#size").focus()
        keyboard.press("Tab")
        expect(tab.cell(0)).to_be_focused()
        tops = "[...document.querySelectorAll('#images li')].map(line => line.getBoundingClientRect().top)"
        columns = tab.page.evaluate(f"{{ const tops = {tops}; tops.filter(top => top === tops[0]).length }}")
        keyboard.press("ArrowRight")
        keyboard.press("ArrowDown")
        expect(tab.cell(1 + columns)).to_be_focused()
        keyboard.press("End")
        expect(tab.cell(59)).to_be_focused()
        keyboard.press("Enter")
        expect(box(tab)).to_be_visible()
        expect(tab.page.locator("#next")).to_be_disabled()
        keyboard.press("ArrowLeft")
        expect(tab.page.locator("#box-title")).to_have_text("#58")
        for _ in range(8):  # the focus stays within
            keyboard.press("Tab")
            assert tab.page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            )
        keyboard.press("Escape")
        expect(box(tab)).to_have_count(0)
        expect(tab.cell(58)).to_be_focused()
        keyboard.press("/")
        keyboard.type("00000012")
        tab.wait("one image", lambda: tab.names(5) == ["#12"])
        expect(tab.page.locator("#count")).to_have_text("1 of 60 images match")


@pytest.mark.parametrize("way", WAYS)
def test_nothing_scrolls_sideways_when_the_page_is_as_wide_as_a_phone(desk: Desk, home: Path, way: str) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with desk.shown(home, "pairs", way, **phone) as tab:
        width = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
        assert tab.page.evaluate(width) == 390
        tab.page.locator("summary").tap()
        assert tab.page.evaluate(width) == 390
        tab.cell(3).tap()
        expect(box(tab)).to_be_visible()
        assert tab.page.evaluate("document.querySelector('dialog').scrollWidth") == 390
        tab.page.locator("#next").tap()
        expect(tab.page.locator("#box-title")).to_have_text("car-004.jpg")


@pytest.mark.parametrize(("scheme", "low", "high"), [("dark", 0, 40), ("light", 230, 255)])
def test_page_is_dark_or_light_when_the_system_is(desk: Desk, home: Path, scheme: str, low: int, high: int) -> None:
    with desk.shown(home, "samples", color_scheme=scheme) as tab:
        assert low <= _background(tab) <= high
        for _ in range(1 if scheme == "dark" else 2):  # from `auto` over `light` to `dark`
            tab.page.locator("#theme").click()
        assert not low <= _background(tab) <= high


def _background(tab: Tab) -> float:
    return float(pixels(tab.page.locator("body"))[4, 4].mean())


@pytest.mark.parametrize("way", WAYS)
def test_key_is_shown_as_it_is_when_it_looks_like_a_script(desk: Desk, home: Path, way: str) -> None:
    with desk.shown(home, "pairs", way) as tab:
        tab.cell(12).click()
        expect(tab.page.locator("#record")).to_contain_text(SCRIPT_KEY)
        picture = tab.page.locator("#stage img")
        tab.wait("the image", lambda: picture.evaluate("image => image.complete && image.naturalWidth === 128"))
        tab.page.keyboard.press("Escape")
        expect(tab.page.locator("#error-list")).to_contain_text(IMAGE_KEY)
        expect(tab.page.locator("#error-list")).to_contain_text("</script><script>alert(3)</script>")
        assert tab.page.evaluate("document.scripts.length") == 2  # the data and the page's own
        assert tab.page.locator("#error-list img, #error-list script").count() == 0


@pytest.mark.parametrize("way", WAYS)
def test_errors_are_listed_by_code_when_asked_for(desk: Desk, home: Path, way: str) -> None:
    with desk.shown(home, "pairs", way) as tab:
        lines = tab.page.locator("#error-list li")
        expect(lines).to_have_count(3)
        tab.page.get_by_role("radio", name="Errors").check()
        expect(tab.page.locator("#images")).to_be_hidden()
        expect(lines).to_have_count(3)
        tab.page.get_by_role("button", name="undecodable 2").click()
        expect(lines).to_have_count(2)
        expect(lines.last).to_have_text("cut.pngundecodableimage file is truncated")
        tab.page.get_by_role("button", name="undecodable 2").click()
        expect(lines).to_have_count(3)
        tab.page.get_by_role("radio", name="Images").check()
        expect(tab.page.locator("#errors")).to_be_hidden()
        expect(tab.page.locator("#images")).to_be_visible()
        assert len(tab.names(13)) == 13


@pytest.fixture(scope="module")
def large_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a job of 10,000 images, and one of 10,300."""
    home = tmp_path_factory.mktemp("large")
    large(home, 10_000)
    large(home, 10_300, "larger")
    return home


@pytest.mark.parametrize("way", WAYS)
def test_page_of_10000_images_opens_within_two_seconds(desk: Desk, large_home: Path, way: str) -> None:
    took, worked = [], []
    for _ in range(TRIES):  # other work on this machine may hold the browser up: one undisturbed time is enough
        with desk.shown(large_home, "large", way) as tab:
            took.append(max(tab.mark("tiles") or 0, tab.mark("interactive") or 0))
            worked.append(tab.processor_ms())
        if took[-1] < OPENS_WITHIN_MS:
            return
    # Where others want more than all processors, what the page itself takes of them decides.
    is_busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    assert is_busy and min(worked) < OPENS_WITHIN_MS / 2, f"milliseconds: {took}, of processor time: {worked}"


def test_page_stays_small_and_quick_when_there_are_10000_images(desk: Desk, large_home: Path) -> None:
    with desk.shown(large_home, "large") as tab:
        sort = """order => { const began = performance.now(), sort = document.getElementById('sort');
            sort.value = order; sort.dispatchEvent(new Event('change', { bubbles: true }));
            return performance.now() - began; }"""
        orders = ["outlier down", "outlier up", "index"]
        assert min(tab.page.evaluate(sort, order) for order in orders) < 300
        tab.cell(0).focus()
        tab.page.keyboard.press("End")
        expect(tab.cell(9_999)).to_be_focused()
        assert tab.names(10_000)[-1] == "#9999"
        tab.wait("the last tiles", lambda: pixels(tab.cell(9_999).locator("canvas")).std() > 10)
        tab.page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
        tab.wait("the middle", lambda: any(4_000 < int(name[1:]) < 6_000 for name in tab.names(10_000)))
        assert tab.page.locator("*").count() < 4_000
        expect(tab.page.locator("#count")).to_have_text("10,000 images")


def test_first_10000_are_shown_and_that_is_said_when_there_are_more(desk: Desk, large_home: Path) -> None:
    with desk.shown(large_home, "larger") as tab:
        expect(tab.page.locator("#count")).to_have_text(
            "10,000 images · the page shows the first 10,000 of 10,300; the manifest lists all"
        )
        tab.cell(0).focus()
        tab.page.keyboard.press("End")
        expect(tab.cell(9_999)).to_be_focused()


def test_images_themselves_are_shown_when_a_sheet_is_missing(browser: Browser, tmp_path: Path) -> None:
    folder = sampled(tmp_path, count=4)
    folder.store.delete([folder.keys.sheets + "00000.webp"])
    with opened_tab(browser) as tab:
        tab.open(folder.page.as_uri())
        tab.wait("the image", lambda: _looks_like(tab, 2))


def test_tile_is_shown_with_a_word_when_the_image_is_missing(browser: Browser, tmp_path: Path) -> None:
    folder = sampled(tmp_path, count=4)
    folder.store.delete([folder.keys.images + "00000001.png"])
    with opened_tab(browser) as tab:
        tab.open(folder.page.as_uri() + "#1")
        expect(tab.page.locator("#box-title")).to_have_text("#1")  # the address names the image
        expect(tab.page.locator("#box-notice")).to_contain_text("could not be loaded")
        assert pixels(tab.page.locator("#stage canvas.after")).std() > 10


def test_image_is_read_out_of_its_shard_when_the_page_comes_from_a_server(desk: Desk, home: Path) -> None:
    with desk.shown(home, "shards", "vaejob open") as tab:
        tab.cell(45).scroll_into_view_if_needed()
        tab.cell(45).click()
        picture = tab.page.locator("#stage img")
        tab.wait("the image", lambda: picture.evaluate("image => image.complete && image.naturalWidth === 128"))
        assert _shows(picture, 45)
        assert "shards/00001.tar: 00000045.png" in tab.page.locator("#record").inner_text()
        link = tab.page.locator("#record a")
        assert link.get_attribute("download") == "00000045.png"
        with tab.page.expect_download() as download:
            link.click()
        assert download.value.path().read_bytes() == encode_image(car(45), "png")
        tab.page.keyboard.press("ArrowRight")
        tab.wait("the next image", lambda: picture.is_visible() and _shows(picture, 46))
        assert tab.page.locator("#box-notice").inner_text() == ""
        tab.page.keyboard.press("Escape")


def test_tile_is_shown_with_a_word_when_a_page_from_a_folder_cannot_look_into_a_shard(
    browser: Browser, home: Path
) -> None:
    with opened_tab(browser) as tab:
        tab.open((home / "store/jobs/shards/index.html").as_uri() + "#7")
        expect(tab.page.locator("#box-title")).to_have_text("#7")
        expect(tab.page.locator("#box-notice")).to_contain_text("cannot read inside a shard")
        assert pixels(tab.page.locator("#stage canvas.after")).std() > 10


def test_images_are_read_out_of_their_shard_when_its_sheet_is_missing(browser: Browser, tmp_path: Path) -> None:
    folder = sampled(tmp_path, count=4, shards=True)
    folder.store.delete([folder.keys.sheets + "00000.webp"])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("VAEJOB_", "AWS_"))}
    with served({**inherited, "VAEJOB_HOME": str(tmp_path)}, "samples") as address, opened_tab(browser) as tab:
        tab.open(address)
        tab.wait("the image", lambda: _looks_like(tab, 2))


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_animation_runs_unless_less_motion_is_wanted(browser: Browser, tmp_path: Path, motion: Any) -> None:
    folder = JobFolder(tmp_path, "frames", sampled(tmp_path, count=4).job.spec, 0)
    frames = [Image.fromarray(car(index)) for index in range(4)]
    for name in ("animation.webp", "animation.gif"):
        path = tmp_path / name
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=80, loop=0)
        folder.put(name, path.read_bytes())
    folder.end(extras=["animation.webp"], with_grid=False)
    with opened_tab(browser, reduced_motion=motion) as tab:
        tab.page.goto(folder.page.as_uri())
        film = tab.page.locator("#film")
        if motion == "reduce":
            expect(film).to_be_hidden()
            tab.page.locator("#play").click()
        tab.wait("the film", lambda: film.evaluate("image => image.complete && image.naturalWidth === 128"))
        expect(film).to_be_visible()
        assert tab.page.get_by_role("link", name="GIF").get_attribute("href") == "animation.gif"
        assert tab.troubles == []


def test_page_of_a_job_that_workers_did_is_shown_when_it_is_opened(browser: Browser, make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    pictures = fleet.folder / "pictures"
    write_cars(pictures, 6)
    fleet.start_worker()
    fleet.vaejob("reconstruct", str(pictures), "--part-size", "4", "--job-id", "real", "--watch")
    with served(fleet.environment, "latest") as address, opened_tab(browser) as tab:
        tab.open(address)
        expect(tab.page.locator("h1")).to_have_text("6 reconstructions")
        assert tab.names(6) == [f"car-{index:03d}.png" for index in range(6)]
        tab.cell(5).click()
        picture = tab.page.locator("#stage img")
        tab.wait("the image", lambda: picture.evaluate("image => image.complete && image.naturalWidth > 0"))
        assert tab.troubles == []
