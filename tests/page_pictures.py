"""Takes the pictures of docs/page.md anew, over a running `alogd demo`: `python -m tests.page_pictures [FOLDER]`.

They are taken when something has gone wrong in two streams at once, so that they show what a person would look at the
page for.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.browser import Browser, browsing
from tests.daemon_process import ROOT, wait_until

SECONDS = 75
UNFOLD = "document.querySelector('[data-fold][aria-expanded=false]')?.click()"
# The demo's folder has another name each time, and tells nothing.
SHORTEN = """document.querySelectorAll('.lines figcaption code').forEach((name) => {
  name.textContent = name.textContent.replace(/.*[/]/, '.../');
})"""
DRAWN = 2.5  # seconds a page is given


def main() -> None:
    """Run the demo, take the pictures, stop it."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    command = [sys.executable, "-u", "-m", "alogd", "demo", "--no-color", "--seconds", str(SECONDS)]
    demo = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        url = _address(demo)
        wait_until(lambda: _root(url), "an incident of two streams", 2 * SECONDS)
        asyncio.run(_take(url, _root(url), folder))
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate()


def _address(demo: subprocess.Popen[str]) -> str:
    """Where the demo's daemon serves: as its configuration, in the folder it names, has it."""
    assert demo.stdout is not None
    named = next(filter(None, (re.search(r" in (\S+) \(seed", line) for line in demo.stdout)))
    config = Path(named[1]) / "alogd.yaml"
    wait_until(config.exists, "the demo's configuration")
    found = re.search(r'listen: "([^"]+)"', config.read_text())
    assert found is not None
    return f"http://{found[1]}"


def _asked(url: str, path: str) -> Any:
    with urllib.request.urlopen(f"{url}/api/v1/{path}", timeout=10) as answer:
        return json.load(answer)


def _root(url: str) -> str:
    """The newest alert that tells of others, "" as long as there is none."""
    try:
        alerts = _asked(url, "alerts?limit=100&brief=true")["alerts"]
    except OSError:  # it does not serve yet
        return ""
    return next((one["id"] for one in alerts if one["also_in"]), "")


async def _take(url: str, alert: str, folder: Path) -> None:
    async with browsing() as page:
        shots = {
            "page-overview.png": await _shot(page, "light", (1280, 800), f"{url}/"),
            "page-alert.png": await _shot(page, "dark", (1280, 1400), f"{url}/#/alerts/{alert}"),
            "page-narrow.png": await _shot(page, "light", (390, 844), f"{url}/"),
        }
    for name, picture in shots.items():
        _keep(folder / name, picture)


def _keep(file: Path, picture: bytes) -> None:
    """As few bytes as pngquant makes of it, where there is one."""
    if shutil.which("pngquant"):
        picture = subprocess.run(["pngquant", "64", "-"], input=picture, stdout=subprocess.PIPE, check=True).stdout
    file.write_bytes(picture)


async def _shot(page: Browser, scheme: str, size: tuple[int, int], url: str) -> bytes:
    await page.scheme(scheme)
    await page.size(*size)
    await page.open(url)
    await page.until("document.getElementById('live')?.dataset.state === 'live'")
    await asyncio.sleep(DRAWN)
    await page.run(SHORTEN)
    await page.run(UNFOLD)
    return await page.picture()


if __name__ == "__main__":
    main()
