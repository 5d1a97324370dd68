"""What begins together in several streams is one row of the page, in a real headless Chromium."""

from contextlib import asynccontextmanager

import pytest

from alogd.state.database import Snapshot
from tests.alerts import alert
from tests.browser import browsing, program
from tests.http_face import HOSTILE, serving
from tests.integration.test_page import CONTRAST, UNNAMED
from tests.test_across import DISK, REFUSED, TOO, WITHIN, of, over

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(program() is None, reason="no Chromium: apt install chromium"),
]
DB = of(0xD, "db", 60, "MEDIUM", templates=REFUSED, key="", title="database refuses")
WEB = of(0xE, "web", 120, "CRITICAL", templates=TOO, key="", title="web waits")
API = of(0xA, "api", 150, templates=TOO, key="", title="api waits")
ALONE = of(0xB, "batch", 90, templates=DISK, title="disk is full")
TITLES = "[...document.querySelectorAll('.list .alert-row .title')].map((one) => one.innerText)"
CHOOSE_API = """(() => {
  const streams = document.querySelector('[aria-label=Stream]');
  streams.append(new Option('api', 'api'));
  streams.value = 'api';
  streams.dispatchEvent(new Event('change'));
})()"""


def link(one):
    return f"#/alerts/{one.id}"


@asynccontextmanager
async def three_streams(tmp_path, place, sign):
    """A page over a daemon in which a database took two streams with it, and a third has nothing to do with that."""
    async with serving(tmp_path) as (daemon, _, port), browsing() as page:
        daemon.store.state.across.within_ns = WITHIN
        await daemon.store.commit([Snapshot(one.stream, 1, alerts=[one]) for one in (DB, WEB, API, ALONE)])
        await page.open(f"http://127.0.0.1:{port}{place}")
        await page.until(f"document.querySelector('{sign}')")
        yield daemon, page


async def test_a_group_is_one_row_with_its_root_and_unfolds(tmp_path):
    async with three_streams(tmp_path, "#/alerts", "[data-fold]") as (_, page):
        assert (await page.run(TITLES))[:2] == ["database refuses", "disk is full"]
        row = await page.run(f"document.querySelector('[href=\"{link(DB)}\"]').innerText")
        assert "CRITICAL" in row  # the level of the worst of them
        assert "began in db · also in web, api" in row
        assert await page.run("document.querySelector('.summary').innerText") == "9 alerts, 7 causes"
        await page.run("document.querySelector('[data-fold]').click()")
        await page.until("document.querySelectorAll('[data-under]').length === 2")
        assert (await page.run(TITLES))[:4] == ["database refuses", "web waits", "api waits", "disk is full"]
        assert await page.run("document.querySelector('[data-fold]').getAttribute('aria-expanded')") == "true"
        assert await page.run(UNNAMED) == []
        assert page.complaints == []


async def test_a_group_unfolds_by_keyboard(tmp_path):
    focused = "document.activeElement.hash"
    async with three_streams(tmp_path, "#/alerts", "[data-fold]") as (_, page):
        await page.run(f"document.querySelector('[href=\"{link(DB)}\"]').focus()")
        await page.key("Tab")
        assert await page.run("document.activeElement.dataset.fold") == DB.id
        await page.key("Enter")
        await page.until("document.querySelectorAll('[data-under]').length === 2")
        assert await page.run(focused) == link(DB)
        await page.key("ArrowDown")
        assert await page.run(focused) == link(WEB)
        await page.key("ArrowLeft")
        await page.until("!document.querySelector('[data-under]')")
        assert await page.run(focused) == link(DB)
        await page.key("ArrowRight")
        await page.until("document.querySelectorAll('[data-under]').length === 2")


@pytest.mark.parametrize("chosen", [DB, API])
async def test_an_opened_alert_shows_its_group(tmp_path, chosen):
    parts = "[...document.querySelectorAll('.detail .together li')].map((one) => one.innerText.split(/\\s+/).join(' '))"
    async with three_streams(tmp_path, link(chosen), ".detail .together li") as (_, page):
        root, *others = await page.run(parts)
        assert root.startswith("CRITICAL db database refuses")
        assert root.endswith("began here")
        assert others == ["CRITICAL web web waits", "HIGH api api waits"]
        here = "document.querySelector('.detail .together [aria-current]').innerText"
        assert chosen.title in await page.run(here)
        await page.until(
            f"document.querySelector('.list [aria-current]')?.hash === '{link(chosen)}'"
        )  # also below its root
        for scheme in ("light", "dark"):
            await page.scheme(scheme)
            assert await page.run(CONTRAST) == []
        await page.size(390, 844)
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")


async def test_the_overview_has_one_row_and_what_comes_later_joins_it(tmp_path):
    async with three_streams(tmp_path, "/", ".newest .alert-row") as (daemon, page):
        first = "document.querySelector('.newest .alert-row')"
        await page.until(f"{first}.innerText.includes('also in web, api')")
        await page.until("document.querySelector('.standing').innerText.includes('7 causes in all')")
        await daemon.store.commit([Snapshot("web", 2, alerts=[over(WEB)])])
        await page.until("document.querySelector('.standing h1').innerText === '8 alerts are firing'")
        assert "7 causes in all" in await page.run("document.querySelector('.standing').innerText")
        await page.run("location.hash = '#/alerts'")
        await page.until("document.querySelector('[data-fold]')?.innerText === '+2'")
        late = of(0xC, "queue", 170, templates=TOO, key="", title="queue waits")
        await daemon.store.commit([Snapshot("queue", 1, alerts=[late])])
        await page.until("document.querySelector('[data-fold]').innerText === '+3'")
        assert "also in web, api, queue" in await page.run(f"document.querySelector('[href=\"{link(DB)}\"]').innerText")


async def test_without_its_root_an_alert_stands_alone(tmp_path):
    async with three_streams(tmp_path, "#/alerts", "[data-fold]") as (_, page):
        await page.run(CHOOSE_API)
        await page.until(f"{TITLES}.join() === 'api waits'")
        assert "with another stream" in await page.run("document.querySelector('.list').innerText")
        assert await page.run("document.querySelector('[data-fold]')") is None


async def test_what_reorders_text_is_spelt_out(tmp_path):
    """A name that is shown from right to left could be read as another one."""
    async with serving(tmp_path) as (_, _, port), browsing() as page:
        await page.open(f"http://127.0.0.1:{port}{link(alert(3))}")
        await page.until("document.querySelector('.detail h2')")
        shown = await page.run("document.querySelector('.detail h2').innerText")
        assert shown == HOSTILE.replace("\x1b", "\\u001b").replace("\x07", "\\u0007").replace("\u202e", "\\u202e")
