"""The page in a real headless Chromium, over the real daemon; text of logs stays text, and nobody else is asked."""

import asyncio
import dataclasses
import os
import re
import time
from pathlib import Path

import pytest

from alogd.alerts.links import signed
from alogd.event import EvidenceLine, Template, TemplateEvidence
from alogd.state.database import Snapshot
from tests.alerts import alert
from tests.browser import browsing, program
from tests.daemon_process import DaemonProcess, log_lines, wait_until
from tests.http_face import serving, until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(program() is None, reason="no Chromium: apt install chromium"),
]
MARKUP = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>{{7*7}}${window.hurt=1}'
FRAMES = 120
SET_MOMENT = """(() => {
  const input = document.querySelector('.form [name=until]');
  input.value = '2031-02-03T04:05';
  input.dispatchEvent(new Event('input', { bubbles: true }));
})()"""
WRITE_MARKUP = """(() => {
  try { document.body.innerHTML = '<img src=x onerror=window.hurt=1>'; } catch { return 'refused'; }
})()"""
ADD_PICTURE = """(() => {
  const picture = document.createElement('img');
  picture.src = 'http://127.0.0.1:1/x';
  document.body.append(picture);
})()"""
WIDTHS = ((1440, 900), (820, 1100), (390, 844))


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A daemon that has read a log in which somebody tries to write a page."""
    directory = tmp_path_factory.mktemp("page")
    (directory / "logs").mkdir()
    lines = log_lines(6000)
    stamp = lines[5200][:15].decode()
    bad = [f"{stamp} host sshd[1]: fatal panic: {MARKUP} number {n}\n".encode() for n in range(5)]
    (directory / "logs" / "a.log").write_bytes(b"".join(lines[:5200] + bad + lines[5200:]))
    running = DaemonProcess(directory).start()
    wait_until(lambda: (running.json("/api/v1/alerts?contains=onerror") or {}).get("alerts"), "the alert of the markup")
    wait_until(lambda: running.json("/api/v1/overview")["streams"][0]["caught_up"], "all to be read")
    yield running
    running.kill()


async def test_it_opens_and_asks_nobody_else(host):
    async with browsing() as page:
        await page.open(host.url)
        await page.until("document.querySelector('h1')?.innerText.length > 8")
        await page.until("document.getElementById('live').dataset.state === 'live'")
        await page.until("document.querySelectorAll('.stream svg.chart path').length")
        await page.until("document.querySelectorAll('.newest .alert-row').length")
        assert "host" in await page.run("document.querySelector('.stream h3').innerText")
        for view, sign in (
            ("alerts", ".alert-row"),
            ("silences", "h2"),
            ("templates", ".template-row"),
            ("health", ".cell"),
        ):
            await page.run(f"location.hash = '#/{view}'")
            await page.until(f"document.querySelectorAll('.view.{view} {sign}').length")
            assert await page.run("document.querySelector('nav [aria-current]').getAttribute('href')") == f"#/{view}"
        assert {url.split("/")[2] for url in page.requests if url.startswith("http")} == {f"127.0.0.1:{host.port}"}
        assert page.complaints == []


async def test_text_of_logs_stays_text(host):
    async with browsing() as page:
        found = host.json("/api/v1/alerts?contains=onerror")["alerts"][0]
        await page.open(f"{host.url}/#/alerts/{found['id']}")
        await page.until("document.querySelector('.detail .lines')?.innerText.includes('onerror')")
        for view in ("alerts", "templates", "health", ""):
            await page.run(f"location.hash = '#/{view}'")
            await asyncio.sleep(0.5)
            assert await page.run("document.querySelectorAll('main img, main script, main iframe').length") == 0
        assert await page.run("window.hurt") is None
        assert page.complaints == []
        assert not [url for url in page.requests if url.endswith("/x")]


async def test_markup_put_in_by_hand_would_not_run_either(host):
    """The policy holds even where the page should fail: as when it is tried from its own console."""
    async with browsing() as page:
        await page.open(host.url)
        await page.until("document.querySelector('h1')")
        assert await page.run(WRITE_MARKUP) == "refused"
        await page.run(ADD_PICTURE)
        assert await page.run("fetch('http://127.0.0.1:1/').then(() => 'went', () => 'refused')") == "refused"
        assert await page.run("window.hurt") is None
        assert any("Content Security Policy" in complaint for complaint in page.complaints)


async def test_an_alert_opens_and_closes_by_keyboard(host):
    async with browsing() as page:
        await page.open(f"{host.url}/#/alerts")
        await page.until("document.querySelectorAll('.alert-row').length > 1")
        await page.key("/")
        assert await page.run("document.activeElement.type") == "search"
        for _ in range(5):
            if await page.run("document.activeElement.className") == "alert-row":
                break
            await page.key("Tab")
        first = await page.run("document.activeElement.getAttribute('href')")
        assert first.startswith("#/alerts/")
        await page.key("ArrowDown")
        second = await page.run("document.activeElement.getAttribute('href')")
        assert second != first
        await page.key("Enter")
        await page.until("document.querySelector('.detail h2')")
        assert await page.run("location.hash") == second
        for part in ("Why", "What is unusual", "Lines"):
            assert part in await page.run("document.querySelector('.detail').innerText")
        await page.until("document.querySelector('.detail svg.chart')")
        assert await page.run("document.querySelectorAll('.detail .lines .odd').length") > 0
        await page.key("Escape")
        await page.until("location.hash === '#/alerts'")
        await page.until(f"document.activeElement.getAttribute('href') === '{second}'")  # once the page has heard of it


async def test_an_alert_is_judged_and_the_judgement_undone(host):
    found = next(one["id"] for one in host.json("/api/v1/alerts")["alerts"] if "never seen" in one["title"])
    async with browsing() as page:
        await page.open(f"{host.url}#/alerts/{found}")
        await page.until("document.querySelector('[data-do=expected]')")
        await page.run("document.querySelector('[data-do=expected]').click()")
        await page.until("document.querySelector('[data-do=undo]')")
        assert [one["state"] for one in host.json("/api/v1/feedback")["feedback"]] == ["active"]
        await page.run("document.querySelector('[data-do=undo]').click()")
        await page.until("document.querySelector('[data-do=expected]')")
        assert [one["state"] for one in host.json("/api/v1/feedback")["feedback"]] == ["undone"]
        await page.run("document.querySelector('[data-do=real]').click()")
        await page.until("document.querySelector('[data-do=undo]')")
        assert [one["kind"] for one in host.json("/api/v1/feedback")["feedback"]] == ["expected", "real"]
        assert "Judged to be real" in await page.run("document.querySelector('.detail').innerText")
        await page.run("document.querySelector('[data-do=undo]').click()")
        await page.until("document.querySelector('[data-do=real]')")


async def test_a_pattern_is_silenced_for_a_while_listed_and_undone(host):
    found = host.json("/api/v1/alerts?contains=onerror")["alerts"][0]
    async with browsing() as page:
        await page.open(f"{host.url}#/alerts/{found['id']}")
        await page.until("document.querySelector('[data-do=silence]')")
        await page.run("document.querySelector('[data-do=silence]').focus()")
        await page.key("Enter")
        await page.until("document.activeElement.name === 'scope'")
        await page.run("document.querySelector('.form [name=span][value=\"28800\"]').click()")
        await page.run("document.querySelector('.form [name=why]').focus()")
        await page.type("somebody writes a page")
        await page.key("Enter")
        await page.until("document.querySelector('.said')?.innerText.startsWith('Silenced')")
        (made,) = [one for one in host.json("/api/v1/silences")["silences"] if one["state"] == "active"]
        assert made["matchers"][0] == "stream=host"
        assert made["matchers"][1].startswith("template=~")
        assert (made["alert"], made["by"], made["why"]) == (found["id"], "page", "somebody writes a page")
        assert made["ends"] - made["begins"] == pytest.approx(8 * 3600, abs=60)
        await page.until("document.getElementById('muted').innerText === '1'")
        await page.run("location.hash = '#/silences'")
        await page.until(f"document.querySelector('#mute-{made['id']}[data-mute=active]')")
        assert "somebody writes a page" in await page.run("document.querySelector('.mutes').innerText")
        await page.run(f"document.querySelector('#mute-{made['id']} button').click()")
        await page.until(f"document.querySelector('#mute-{made['id']}[data-mute=undone]')")
        assert {one["state"] for one in host.json("/api/v1/silences")["silences"]} == {"undone"}
        assert page.complaints == []


async def test_an_alert_is_expected_wherever_its_pattern_comes_until_a_moment(host):
    found = host.json("/api/v1/alerts?contains=onerror")["alerts"][0]["id"]
    async with browsing() as page:
        await page.open(f"{host.url}#/alerts/{found}")
        await page.until("document.querySelector('[data-do=expect]')")
        await page.run("document.querySelector('[data-do=silence]').click()")
        await page.run("document.querySelector('[data-do=expect]').click()")  # one form at a time
        assert await page.run("document.querySelectorAll('.form').length") == 1
        await page.run("document.querySelector('.form [name=scope][value=template]').click()")
        await page.run(SET_MOMENT)
        await page.run("document.querySelector('.form .go').click()")
        await page.until("document.querySelector('.said')?.innerText.startsWith('Judged to be expected')")
        assert await page.run("document.querySelector('.form')") is None
        (made,) = [one for one in host.json("/api/v1/feedback")["feedback"] if one["state"] == "active"]
        assert not any(one.startswith(("stream=", "host=")) for one in made["matchers"])
        assert made["ends"] == await page.run("new Date('2031-02-03T04:05').getTime() / 1000")
        await page.run("document.querySelector('[data-do=undo]').click()")
        await page.until("!document.querySelector('.said')")
        assert page.complaints == []


async def test_maintenance_has_no_button_and_may_have_no_end(tmp_path):
    (tmp_path / "logs").mkdir()
    backups = {"name": "backups", "matchers": ["stream=host"], "days": ["sat"], "hours": "02:00-04:00"}
    daemon = DaemonProcess(tmp_path, maintenance=[backups]).start()
    try:
        daemon.wait_ready()
        async with browsing() as page:
            await page.open(f"{daemon.url}/#/silences")
            await page.until("document.querySelector('.mutes li')")
            told = await page.run("document.querySelector('.mutes li').innerText")
            assert "without end · sat 02:00-04:00 UTC · by the configuration" in told
            assert "9999" not in told
            assert await page.run("document.querySelectorAll('.mutes button').length") == 0
    finally:
        daemon.kill()


async def test_a_stream_is_silenced_until_a_moment(host):
    found = host.json("/api/v1/alerts?contains=onerror")["alerts"][0]["id"]
    async with browsing() as page:
        await page.open(f"{host.url}#/alerts/{found}")
        await page.until("document.querySelector('[data-do=silence]')")
        await page.run("document.querySelector('[data-do=silence]').click()")
        await page.run("document.querySelector('.form [name=scope][value=stream]').click()")
        await page.run(SET_MOMENT)
        assert await page.run("document.querySelector('.form [name=span]:checked').value") == "until"
        await page.run("document.querySelector('.form .go').click()")
        await page.until("document.querySelector('[data-do=undo]')")
        (made,) = [one for one in host.json("/api/v1/silences")["silences"] if one["state"] == "active"]
        assert made["matchers"] == ["stream=host"]
        assert made["ends"] == await page.run("new Date('2031-02-03T04:05').getTime() / 1000")
        await page.run("document.querySelector('[data-do=undo]').click()")
        await page.until("!document.querySelector('.said')")


async def test_an_alert_is_acknowledged_and_that_taken_back(tmp_path):
    async with serving(tmp_path) as (daemon, _, port), browsing() as page:
        await page.open(f"http://127.0.0.1:{port}#/alerts/{alert(3).id}")
        await page.until("document.querySelector('[data-do=ack]')")
        await page.run("document.querySelector('[data-do=ack]').click()")
        await page.until("document.querySelector('.said')?.innerText.startsWith('Acknowledged')")
        await page.until("document.querySelector('[aria-current][data-acked=true]')")
        assert [one.by for one in daemon.store.acks.entries] == ["page"]
        await page.run("document.querySelector('[data-do=unack]').click()")
        await page.until("document.querySelector('[aria-current][data-acked=false]')")
        assert [one.undone_by for one in daemon.store.acks.entries] == ["page"]
        assert page.complaints == []


async def test_what_is_being_typed_stays_when_the_alert_grows(tmp_path):
    async with serving(tmp_path) as (daemon, _, port), browsing() as page:
        await page.open(f"http://127.0.0.1:{port}#/alerts/{alert(3).id}")
        await page.until("document.querySelector('[data-do=silence]')")
        await page.run("document.querySelector('[data-do=silence]').click()")
        await page.run("document.querySelector('.form [name=why]').focus()")
        await page.type("half a sen")
        await daemon.store.commit([Snapshot("sshd", 1, alerts=[alert(3, at=50, windows=1234)])])
        await page.until("document.querySelector('.detail').innerText.includes('1,234 odd windows')")
        await page.type("tence")
        assert await page.run("document.activeElement.value") == "half a sentence"


async def test_a_signed_link_asks_first(tmp_path):
    """A browser sends the form of this page as ours, although it tells other pages nothing of where it comes from."""
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery staple")
    options = {"external_url": "https://logs.example", "link_secret_file": str(secret)}
    async with serving(tmp_path, **options) as (daemon, _, port), browsing() as page:
        for action, said in (("ack", "Acknowledged"), ("silence", "Silenced"), ("expected", "Taken for expected")):
            url = signed(f"http://127.0.0.1:{port}", secret.read_text(), alert(3).id, action, time.time())
            await page.open(url)
            await page.until("document.querySelector('.act form button')")
            assert await page.run("document.querySelectorAll('main img:not(.brand img), script').length") == 0
            assert await page.run(CONTRAST) == []
            before = len(daemon.store.acks.entries) + len(daemon.store.mutes.mutes)
            await page.run("document.querySelector('[name=by]').focus()")
            await page.type("ann")
            await page.key("Enter")
            await page.until(f"document.querySelector('h1')?.innerText === '{said}'")
            assert len(daemon.store.acks.entries) + len(daemon.store.mutes.mutes) == before + 1
        by = [daemon.store.acks.entries[0].by, *(one.by for one in daemon.store.mutes.mutes)]
        assert by == ["ann (by link)"] * 3
        await page.run("document.querySelector('.more a').click()")
        await page.until("document.querySelectorAll('.said').length === 3")
        assert page.complaints == []


async def test_filters_and_search_ask_the_daemon(host):
    async with browsing() as page:
        await page.open(f"{host.url}/#/alerts")
        await page.until("document.querySelectorAll('.alert-row').length > 1")
        await page.run("document.querySelector('input[type=search]').focus()")
        await page.type("onerror")
        await page.until("document.querySelector('.summary').innerText === '1 alert'")
        await page.type(" nowhere")
        await page.until("document.querySelector('.empty').innerText.includes('fits')")
        await page.open(f"{host.url}/#/templates")
        await page.until("document.querySelectorAll('.template-row').length > 1")
        await page.run("document.querySelector('input[type=search]').focus()")
        await page.type("PUBLICKEY")
        await page.until("/^1 template$/.test(document.querySelector('.summary').innerText)")
        assert re.search(r"\d\d:\d\d:\d\d", await page.run("document.querySelector('.template-row .seen').innerText"))
        (template,) = host.json("/api/v1/templates?contains=PUBLICKEY")["templates"]
        drawn = "[...document.querySelectorAll('.template-row .bars rect')].map((bar) => bar.className.baseVal)"
        assert await page.run(drawn) == ["some" if lines else "no" for lines in template["trend"]]
        assert f"{sum(template['trend']):,} lines" in await page.run("document.querySelector('.trend').title")


async def test_a_new_alert_appears_by_itself(host):
    async with browsing() as page:
        await page.open(f"{host.url}/#/alerts")
        await page.until("document.getElementById('live').dataset.state === 'live'")
        await page.until("document.querySelectorAll('.alert-row').length")
        before = len(host.json("/api/v1/alerts?limit=1000")["alerts"])
        later = log_lines(9000)[6000:8000]
        stamp = later[1000][:15].decode()
        news = [f"{stamp} host kernel: fatal panic: the reactor {n} melts\n".encode() for n in range(5)]
        _append(host.directory / "logs" / "a.log", b"".join(later[:1000] + news + later[1000:]))
        await page.until("[...document.querySelectorAll('.alert-row')].some(row => row.innerText.includes('reactor'))")
        assert len(host.json("/api/v1/alerts?limit=1000")["alerts"]) > before


def _append(path, data):
    with path.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize(("width", "height"), WIDTHS)
async def test_nothing_is_wider_than_the_screen(host, width, height):
    async with browsing() as page:
        await page.size(width, height)
        found = host.json("/api/v1/alerts?contains=onerror")["alerts"][0]["id"]
        for place in ("", "alerts", f"alerts/{found}", "silences", "templates", "health"):
            await page.open(f"{host.url}/#/{place}")
            await asyncio.sleep(0.7)
            assert await page.run("document.documentElement.scrollWidth <= innerWidth"), place


CONTRAST = """(() => {
  const channel = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const rgba = (text) => { const n = text.match(/[\\d.]+/g).map(Number);
    if (text.startsWith('color(')) return [n[0] * 255, n[1] * 255, n[2] * 255, n[3] ?? 1];
    return [n[0], n[1], n[2], n[3] ?? 1]; };
  const over = (top, under) => [0, 1, 2].map((i) => top[3] * top[i] + (1 - top[3]) * under[i]);
  const behind = (node) => { const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]); };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
    if (node.closest('.away, .skip, noscript, option')) continue;
    const under = behind(node); const ink = over(rgba(getComputedStyle(node).color), under);
    const [high, low] = [light(ink), light(under)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const shown = walker.currentNode.data.slice(0, 40);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${node.tagName}.${node.className} ${shown}`);
  }
  return [...new Set(poor)];
})()"""
UNNAMED = """[...document.querySelectorAll('a, button, input, select, svg[role=img], [role=img], [role=table]')]
  .filter((node) => node.checkVisibility() && !node.closest('dd'))
  .filter((node) => !(node.getAttribute('aria-label') || (node.labels?.[0] ?? node).innerText?.trim()))
  .map((node) => node.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_can_be_read_and_is_named(host, scheme):
    """WCAG AA contrast of every text, a name for everything one can use, one first heading, a language."""
    async with browsing() as page:
        await page.scheme(scheme)
        await page.size(1440, 900)
        found = host.json("/api/v1/alerts?contains=onerror")["alerts"][0]["id"]
        backs = set()
        for place in ("", "alerts", f"alerts/{found}", "silences", "templates", "health"):
            await page.open(f"{host.url}/#/{place}")
            await asyncio.sleep(1.0)
            assert await page.run(CONTRAST) == [], place
            assert await page.run(UNNAMED) == [], place
            assert await page.run("document.querySelectorAll('h1').length") == 1, place
            assert await page.run("document.documentElement.lang") == "en"
            backs.add(await page.run("getComputedStyle(document.body).backgroundColor"))
        assert backs == {"rgb(246, 246, 243)" if scheme == "light" else "rgb(18, 21, 24)"}


SCROLL = """(async () => {
  const box = document.querySelector('.list'), times = []; let last = performance.now();
  for (let n = 0; n < %d; n += 1) {
    box.scrollTop = (box.scrollHeight - box.clientHeight) * n / %d;
    await new Promise(requestAnimationFrame);
    const now = performance.now(); times.push(now - last); last = now;
  }
  return times.sort((a, b) => a - b);
})()"""


@pytest.mark.parametrize(
    ("view", "sign", "most"), [("templates", ".template-row", 10_000), ("alerts", ".alert-row", 1000)]
)
async def test_long_lists_hold_few_rows(tmp_path, view, sign, most, capsys):
    """10,000 templates, 1,000 alerts: whatever the place, only what is seen is in the document."""
    async with serving(tmp_path) as (daemon, _, port), browsing() as page:
        await daemon.store.commit([Snapshot("sshd", 1, alerts=[_long(n) for n in range(1, 1001)])])
        daemon.templates = _many
        await page.open(f"http://127.0.0.1:{port}/#/{view}")
        await page.until(f"document.querySelectorAll('{sign}').length")
        times = await page.run(SCROLL % (FRAMES, FRAMES))
        with capsys.disabled():
            found = (times[FRAMES // 2], times[FRAMES * 95 // 100], times[-1])
            print(f"\n{view}: frame median {found[0]:.1f} ms, 95 % {found[1]:.1f} ms, worst {found[2]:.1f} ms")
        assert await page.run("document.querySelectorAll('.slot').length") < 60
        await page.run("document.querySelector('.list').scrollTop = 1e9")
        await page.until(f"document.querySelectorAll('{sign}').length > 5")
        await page.run(f"document.querySelector('{sign}').focus()")
        await page.key("End")
        await page.until(
            f"[...document.querySelectorAll('{sign}')].some((row) => row.closest('.slot').dataset.index == {most - 1})"
        )
        assert page.complaints == []


async def test_many_alerts_at_once_are_asked_for_together(tmp_path):
    async with serving(tmp_path) as (daemon, _, port), browsing() as page:
        await page.open(f"http://127.0.0.1:{port}/")
        await page.until("document.getElementById('live').dataset.state === 'live'")
        await page.until("document.querySelectorAll('.newest .alert-row').length")
        await asyncio.sleep(0.5)
        before = len([url for url in page.requests if "/alerts?" in url])
        await daemon.store.commit([Snapshot("sshd", 1, alerts=[alert(n, at=90, title="flood") for n in range(40, 80)])])
        await page.until("document.querySelector('.newest .title').innerText === 'flood'")
        await asyncio.sleep(0.5)
        assert len([url for url in page.requests if "/alerts?" in url]) - before <= 2


def _long(number):
    line = EvidenceLine("/var/log/auth.log", number, "x" * 300, True)
    template = TemplateEvidence(f"template {number} <*>", f"{number:016x}", True, 3, 0, 1)
    return alert(number, title=f"incident {number} of many", lines=[line] * 10, templates=[template] * 3)


async def _many(stream):
    return [
        Template(n, f"template <NUM> number {n} of many <*>", f"{n:016x}", n, 10**18, 2 * 10**18) for n in range(10_000)
    ]


async def test_the_lamp_has_the_colour_of_the_worst_level(tmp_path):
    """... of what still fires: the same colour as the level's name in the list beside it."""
    lamp = "getComputedStyle(document.querySelector('.standing .lamp')).backgroundColor"
    badge = "getComputedStyle(document.getElementById('firing')).backgroundColor"
    async with serving(tmp_path) as (daemon, _, port), browsing() as page:
        await page.open(f"http://127.0.0.1:{port}/")
        await page.until("document.querySelector('.standing')")
        known = [alert(n) for n in range(1, 6)]
        for number, level in enumerate(("CRITICAL", "HIGH", "MEDIUM", "LOW")):
            over = [dataclasses.replace(one, status="resolved", updated_ns=one.updated_ns + 1) for one in known]
            known = [alert(10 + number, level=level, at=100 * (number + 1))]
            await daemon.store.commit([Snapshot("sshd", 1, alerts=[*over, *known])])
            await page.until(f"document.querySelector('.standing').dataset.level === '{level}'")
            await page.until(f"document.querySelector('.newest [data-status=firing] .level.{level.lower()}')")
            name = f"getComputedStyle(document.querySelector('.newest .level.{level.lower()}')).color"
            for shown in (lamp, badge):
                assert await page.run(shown) == await page.run(name), level


async def test_a_daemon_that_went_away_is_said(tmp_path):
    async with browsing() as page:
        async with serving(tmp_path) as (_, _, port):
            await page.open(f"http://127.0.0.1:{port}/")
            await page.until("document.getElementById('live').dataset.state === 'live'")
        await page.until("document.getElementById('live').dataset.state === 'away'")
        assert "no answer" in await page.run("document.getElementById('live').innerText")


async def test_without_events_it_asks_every_few_seconds(tmp_path):
    async with serving(tmp_path) as (_, server, port), browsing() as page:
        server._events._listeners.update(object() for _ in range(16))  # nobody else may listen
        await page.open(f"http://127.0.0.1:{port}/")
        await page.until("document.getElementById('live').dataset.state === 'polling'")
        await page.until("document.querySelectorAll('.stream').length")
        await until(lambda: server.gate.refused["too_many_listeners"] > 0)
        server._events._listeners.clear()


async def test_pictures_for_a_person_to_judge(host):
    """Every view at three widths, light and dark, into PAGE_PICTURES (else nothing is kept)."""
    folder = os.environ.get("PAGE_PICTURES")
    found = host.json("/api/v1/alerts?contains=onerror")["alerts"][0]["id"]
    async with browsing() as page:
        for scheme in ("light", "dark") if folder else ("light",):
            await page.scheme(scheme)
            for width, height in WIDTHS if folder else WIDTHS[:1]:
                await page.size(width, height)
                for name, place in {"overview": "", "alert": f"alerts/{found}", "templates": "templates"}.items():
                    await page.open(f"{host.url}/#/{place}")
                    await asyncio.sleep(1.5)
                    picture = await page.picture()
                    assert picture.startswith(b"\x89PNG")
                    if folder:
                        _keep(Path(folder) / f"{name}-{scheme}-{width}.png", picture)


def _keep(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture)
