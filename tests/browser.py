"""Chromium without a window, driven over its DevTools protocol."""

import asyncio
import json
import re
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.once_per_run import folder_of_run, once_per_run, start_for_run

CHROMIUM = shutil.which("chromium")
WITHIN_S = 30.0
_POLL_S = 0.05
_LISTENS = re.compile(r"DevTools listening on (\S+)\n")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
    "--remote-debugging-port=0",
)


_UNTIL = """
new Promise((resolve) => {
  const began = Date.now();
  const look = () => {
    const came = Boolean(%s);
    if (came || Date.now() - began > %d) resolve(came);
    else setTimeout(look, 50);
  };
  look();
})
"""


class Tab:
    """One tab.

    `problems` has the page's uncaught exceptions and violations of its content policy; `requests`
    has the URLs that it requested.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._sent = 0
        self._loaded = False
        self._still_frames: set[str] = set()

    async def tell(self, method: str, **params: object) -> dict[str, Any]:
        """Send a command and return its result, noting events that arrive meanwhile."""
        self._sent += 1
        await self._socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            message = await self._next()
            if message.get("id") == self._sent:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result

    async def open(self, url: str) -> None:
        self._loaded = False
        await self.tell("Page.navigate", url=url)
        while not self._loaded:
            await self._next()

    async def leads_on(self, act: Awaitable[object]) -> None:
        """Do something that leads to another page, and wait until that has loaded."""
        self._loaded = False
        await act
        while not self._loaded:
            await self._next()

    async def frame_leads_on(self, name: str, expression: str) -> None:
        """Evaluate something that leads a frame to another page, and wait until it has loaded."""
        frame = await self._frame(name)
        self._still_frames.discard(frame)
        await self.in_frame(name, expression)
        while frame not in self._still_frames:
            await self._next()

    async def in_frame(self, name: str, expression: str) -> Any:
        """Like `evaluate`, but in the page's frame of that name, whatever its origin."""
        world = await self.tell("Page.createIsolatedWorld", frameId=await self._frame(name))
        return await self.evaluate(expression, contextId=world["executionContextId"])

    async def _frame(self, name: str) -> str:
        frames = (await self.tell("Page.getFrameTree"))["frameTree"]["childFrames"]
        return next(str(each["frame"]["id"]) for each in frames if each["frame"]["name"] == name)

    async def until(self, condition: str, within_s: float = WITHIN_S) -> None:
        """Wait until a JavaScript expression is true."""
        came = await self.evaluate(_UNTIL % (condition, round(within_s * 1000)))
        assert came, f"{condition} did not become true; the page says:\n{await self.text()}"

    async def text(self) -> str:
        return str(await self.evaluate("document.body.innerText"))

    async def evaluate(self, expression: str, **where: object) -> Any:
        answer = await self.tell(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            **where,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def press(self, key: str) -> None:
        text = {"Enter": "\r", " ": " "}.get(key, "")
        code = {"Enter": 13, " ": 32, "Tab": 9}.get(key, 0)
        for kind in ("keyDown", "keyUp"):
            await self.tell(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )

    async def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            await self.tell(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        await self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.tell("Emulation.setEmulatedMedia", features=[scheme])

    async def _next(self) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN_S):
            message: dict[str, Any] = json.loads(await self._socket.recv())
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Page.frameStoppedLoading":
                self._still_frames.add(message["params"]["frameId"])
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(message["params"]))
            case "Log.entryAdded" if message["params"]["entry"]["level"] == "error":
                self.problems.append(json.dumps(message["params"]))
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            case _:
                pass
        return message


@asynccontextmanager
async def open_page(url: str) -> AsyncIterator[Tab]:
    """Open `url` in a tab of the run's browser, 1280 × 900, that shares nothing with others."""
    browser_url = await asyncio.to_thread(once_per_run, "chromium", _start_for_run)
    async with connect(browser_url, compression=None, max_size=None) as socket:
        browser = Tab(socket)
        context = await browser.tell("Target.createBrowserContext", disposeOnDetach=True)
        target = await browser.tell("Target.createTarget", url="about:blank", **context)
        async with _tab(browser_url, target["targetId"]) as tab:
            await tab.tell("Emulation.setFocusEmulationEnabled", enabled=True)
            await tab.open(url)
            yield tab


def _start_for_run() -> str:
    assert CHROMIUM is not None
    log, profile = folder_of_run() / "chromium.log", folder_of_run() / "chromium-profile"
    start_for_run((CHROMIUM, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"), log)
    deadline_s = time.monotonic() + WITHIN_S
    while not (found := _LISTENS.search(log.read_text("utf-8", "replace"))):
        assert time.monotonic() < deadline_s, f"Chromium didn't start:\n{log.read_text()}"
        time.sleep(_POLL_S)
    return found[1]


@asynccontextmanager
async def open_browser(profile: Path, *, options: Sequence[str] = ()) -> AsyncIterator[Tab]:
    """An empty tab, 1280 × 900, in the test's own browser with Chromium's `options`."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, *_OPTIONS, *options, f"--user-data-dir={profile}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            browser_url = await _debugging_url(process)
        async with connect(browser_url, compression=None, max_size=None) as browser:
            targets = await Tab(browser).tell("Target.getTargets")
        target = next(one for one in targets["targetInfos"] if one["type"] == "page")
        async with _tab(browser_url, target["targetId"]) as tab:
            yield tab
    finally:
        process.terminate()
        # Read the rest of its output, so that the pipe closes when Chromium ends.
        await process.communicate()


@asynccontextmanager
async def _tab(browser_url: str, target_id: str) -> AsyncIterator[Tab]:
    url = f"{browser_url.split('/devtools/')[0]}/devtools/page/{target_id}"
    async with connect(url, compression=None, max_size=None) as socket:
        tab = Tab(socket)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await tab.tell(f"{domain}.enable")
        await tab.resize(1280, 900)
        yield tab


async def _debugging_url(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    while line := (await process.stderr.readline()).decode():
        if found := _LISTENS.search(line):
            return found[1]
    raise AssertionError("Chromium ended before it was listening")
