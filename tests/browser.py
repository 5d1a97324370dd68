"""A real headless Chromium, driven through its DevTools protocol with nothing but a web socket."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DEADLINE = 30.0  # seconds; long, since it only matters when something is wrong
ESCAPES = {"Enter": "\r"}


def program() -> str | None:
    """The first browser there is."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Browser:
    """One page in it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self.requests: list[str] = []  # URLs asked for
        self.complaints: list[str] = []  # errors, warnings of the console, breaches of the policy
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                waiting = self._waiting.pop(told["id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(told)
                continue
            self._note(told["method"], told["params"])

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Log.entryAdded" and told["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"].get("exception", {}).get("description")))
        elif method == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning", "assert"}:
            self.complaints.append(str(told["args"]))

    async def call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        waiting = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        async with asyncio.timeout(DEADLINE):
            answer = await waiting
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    async def run(self, script: str) -> Any:
        """The value of an expression in the page, awaited where it is a promise."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait for an expression to become true. Fails when it does not in time."""
        for _ in range(int(DEADLINE / 0.05)):
            if await self.run(f"!!({script})"):
                return
            await asyncio.sleep(0.05)
        shown = await self.run("document.body.innerText")
        raise AssertionError(f"waited {DEADLINE:g} s for {script}\n{shown[:2000]}\n{self.complaints}")

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)
        there = f"location.href.startsWith({json.dumps(url.partition('#')[0])})"
        await self.until(f"{there} && document.readyState !== 'loading'")

    async def size(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    async def scheme(self, name: str) -> None:
        """light or dark."""
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    async def key(self, name: str) -> None:
        """Press a key as a person does."""
        text = ESCAPES.get(name, name if len(name) == 1 else "")
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "End": 35, "Home": 36}
        known = {"key": name, "windowsVirtualKeyCode": codes.get(name, 0)} | ({"text": text} if text else {})
        await self.call("Input.dispatchKeyEvent", type="keyDown", **known)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=codes.get(name, 0))

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def picture(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])

    async def close(self) -> None:
        self._reading.cancel()
        await self._socket.close()


@asynccontextmanager
async def browsing():
    """A browser with a fresh profile, which knows nobody but this host."""
    name = program()
    assert name is not None
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        command = [name, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += [f"--user-data-dir={profile}", "--remote-debugging-port=0", "--hide-scrollbars", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        process = _started([*command, "about:blank"])
        try:
            port = await _port(Path(profile) / "DevToolsActivePort", lambda: process.poll() is None)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    pages = [page for page in await answer.json() if page["type"] == "page"]
                socket = await session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=2**26)
                page = Browser(socket)
                for domain in ("Page", "Runtime", "Network", "Log"):
                    await page.call(f"{domain}.enable")
                yield page
                await page.close()
        finally:
            _ended(process)


async def _port(file: Path, lives: Callable[[], bool]) -> int:
    for _ in range(int(DEADLINE / 0.05)):
        if (port := _said(file)) is not None:
            return port
        assert lives(), "the browser ended at once"
        await asyncio.sleep(0.05)
    raise AssertionError("the browser does not say its port")


def _said(file: Path) -> int | None:
    """The port in the file's first line, once it is whole."""
    text = file.read_text() if file.exists() else ""
    return int(text.split()[0]) if "\n" in text else None


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
