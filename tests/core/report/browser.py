"""Headless Chromium over its debugging pipe: what a page asks for, and what its console says."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
"""The browser goes to no network either, whatever it wants there for itself."""
PATIENCE = 120.0


def find() -> str:
    """Return the browser; skips the test where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    return found


@dataclass
class Visit:
    """The results of opening a page.

    ``requests`` are all but the page itself and what it carries; ``console`` is all that it said.
    ``width`` is what the page takes in a window of 1300 px, ``narrow`` in one of 390, as a phone's.
    """

    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    height: int = 0
    width: int = 0
    narrow: int = 0


class Browser:
    """Speaks the DevTools protocol: JSON messages that end in a zero byte."""

    def __init__(self, writing: int, reading: int) -> None:
        self._writing, self._reading = writing, reading
        self._number, self._rest = 0, b""
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def wait(self, method: str) -> None:
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reading], [], [], PATIENCE)
            assert ready, "the browser does not answer"
            part = os.read(self._reading, 1 << 20)
            assert part, "the browser ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@contextmanager
def opened(folder: Path) -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    # The browser reads from descriptor 3 and writes to 4; a shell puts them there.
    script = f'exec "$@" 3<&{to_read} 4>&{from_write}'
    command = [find(), *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", *command],
        pass_fds=(to_read, from_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    try:
        yield Browser(to_write, from_read)
    finally:
        process.terminate()
        process.wait(30)
        os.close(to_write)
        os.close(from_read)


def visit(
    browser: Browser, page: Path, *, dark: bool = False, picture: Path | None = None
) -> Visit:
    """Open a page in a new tab, wait until it is loaded, and tell what it asked for and said."""
    target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
    attached = browser.ask("Target.attachToTarget", targetId=target, flatten=True)
    session = attached["sessionId"]
    for domain in ("Network", "Runtime", "Log", "Page"):
        browser.ask(f"{domain}.enable", session)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.ask("Emulation.setEmulatedMedia", session, features=[scheme])
    size = {"width": 1300, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.ask("Emulation.setDeviceMetricsOverride", session, **size)
    browser.events.clear()
    browser.ask("Page.navigate", session, url=page.as_uri())
    browser.wait("Page.loadEventFired")
    metrics = browser.ask("Page.getLayoutMetrics", session)["cssContentSize"]
    if picture is not None:
        shown = browser.ask(
            "Page.captureScreenshot", session, captureBeyondViewport=True, format="png"
        )
        picture.write_bytes(base64.b64decode(shown["data"]))
    browser.ask("Emulation.setDeviceMetricsOverride", session, **{**size, "width": 390})
    narrow = browser.ask("Page.getLayoutMetrics", session)["cssContentSize"]["width"]
    result = _told(browser.events, page.as_uri())
    result.narrow = round(narrow)
    result.width, result.height = round(metrics["width"]), round(metrics["height"])
    browser.ask("Target.closeTarget", targetId=target)
    return result


def _told(events: list[dict[str, Any]], own: str) -> Visit:
    result = Visit()
    for event in events:
        params = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if url != own and not url.startswith("data:"):
                result.requests.append(url)
        elif event.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            result.console.append(json.dumps(params.get("args") or params))
        elif event.get("method") == "Log.entryAdded":
            result.console.append(params["entry"]["text"])
    return result
