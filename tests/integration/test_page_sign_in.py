"""Signing in on the page, in a real headless Chromium: by keyboard, once a tab, with the token and nothing else."""

import json
from contextlib import asynccontextmanager

import pytest

from tests.alerts import alert
from tests.browser import browsing, program
from tests.http_face import ask, serving
from tests.integration.test_page import CONTRAST, UNNAMED

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(program() is None, reason="no Chromium: apt install chromium"),
]
TOKEN = "g\u00fcltig <b>&'\" \U0001f511"
ASKED = "document.querySelector('dialog.sign-in[open]')"
KEPT = "JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])"
NOTHING = '[{},{},""]'


@asynccontextmanager
async def guarded(tmp_path):
    """A daemon that wants a token, and a page on which one of its alerts is opened."""
    file = tmp_path / "to<k>en"
    file.write_text(f"{TOKEN}\n")
    async with serving(tmp_path, token_file=str(file)) as (daemon, _, port), browsing() as page:
        await page.open(f"http://127.0.0.1:{port}#/alerts/{alert(3).id}")
        await page.until("document.querySelector('[data-do=ack]')")
        yield daemon, page, file


async def test_whoever_changes_something_is_asked_for_the_token_once(tmp_path):
    async with guarded(tmp_path) as (daemon, page, file):
        assert await page.run("document.getElementById('sign-out').checkVisibility()") is False
        await page.run("document.querySelector('[data-do=ack]').focus()")
        await page.key("Enter")
        await page.until(ASKED)
        assert str(file) in await page.run(f"{ASKED}.innerText")
        assert await page.run("document.activeElement.type") == "password"
        assert await page.run(UNNAMED) == []
        await page.type("wrong")
        await page.key("Enter")
        await page.until(f"{ASKED}?.innerText.includes('does not take that token')")
        assert await page.run(KEPT) == NOTHING
        assert not daemon.store.acks.entries
        await page.type(TOKEN)
        await page.key("Enter")
        await page.until("document.querySelector('.said')?.innerText.startsWith('Acknowledged')")
        assert not await page.run(ASKED)
        await page.run("document.querySelector('[data-do=unack]').click()")
        await page.until("document.querySelector('[data-do=ack]')")  # not asked again
        assert [one.undone_by for one in daemon.store.acks.entries] == ["page"]
        assert [told for told in page.complaints if "401" not in told] == []


async def test_signing_out_forgets_it_and_another_tab_never_had_it(tmp_path):
    async with guarded(tmp_path) as (daemon, page, _):
        await page.run("document.querySelector('[data-do=real]').click()")
        await page.until(ASKED)
        await page.type(TOKEN)
        await page.key("Enter")
        await page.until("document.querySelector('.said')?.innerText.startsWith('Judged to be real')")
        storage = await page.run("JSON.stringify([Object.values(sessionStorage), {...localStorage}, document.cookie])")
        assert json.loads(storage) == [[TOKEN], {}, ""]
        await page.run("window.before = true; location.reload()")
        await page.until("!window.before && document.querySelector('[data-do=undo]')")
        await page.run("document.getElementById('sign-out').focus()")
        await page.key("Enter")
        await page.until("!document.getElementById('sign-out').checkVisibility()")
        assert await page.run(KEPT) == NOTHING
        await page.run("document.querySelector('[data-do=undo]').click()")
        await page.until(ASKED)
        assert [one.undone for one in daemon.store.mutes.mutes] == [None]


async def test_escape_leaves_it_undone_and_says_so(tmp_path):
    async with guarded(tmp_path) as (daemon, page, _):
        await page.run("document.querySelector('[data-do=expected]').focus()")
        await page.key("Enter")
        await page.until(ASKED)
        await page.key("Escape")
        await page.until("document.querySelector('.problem')?.innerText === 'Not done: you did not sign in'")
        assert not await page.run(ASKED)
        assert await page.run("location.hash") == f"#/alerts/{alert(3).id}"  # Escape closed the dialog alone
        assert await page.run("document.activeElement.dataset.do") == "expected"
        assert not daemon.store.mutes.mutes


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_dialog_can_be_read_on_a_narrow_screen(tmp_path, scheme):
    async with guarded(tmp_path) as (_, page, _):
        await page.scheme(scheme)
        await page.size(320, 640)
        await page.run("document.querySelector('[data-do=ack]').click()")
        await page.until(ASKED)
        assert await page.run(CONTRAST) == []
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")
        assert await page.run(f"{ASKED}.getBoundingClientRect().right <= innerWidth")


async def test_where_no_token_would_help_none_is_asked_for(tmp_path):
    headers = {"X_Forwarded_For": "203.0.113.9", "Content_Length": "0"}
    async with serving(tmp_path) as (_, _, port):
        status, told, said = await ask(port, "/-/reload", "POST", **headers)
        assert (status, told["WWW-Authenticate"]) == (401, "Bearer")
        assert said == b"only this daemon's own host may change anything: it has no http.token_file\n"
