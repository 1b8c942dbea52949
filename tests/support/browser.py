"""A real browser, Chromium without a window, driven by its own protocol (Chrome DevTools)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.support.waiting import wait_until

KEYS = {"Enter": 13, "Tab": 9, "Escape": 27}
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--mute-audio")


class Tab:
    """One tab. ``faults`` are the errors of its pages: exceptions, and what their policy forbade."""

    def __init__(self, loop: asyncio.AbstractEventLoop, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.faults: list[str] = []
        self.asked: list[str] = []
        self.answers: dict[str, tuple[int, str, str]] = {}
        """Answers that stand for the server's, by the path: status, content type, body."""
        self._loop, self._socket = loop, socket
        self._number = 0

    def send(self, method: str, **parameters: Any) -> Any:
        """Return the result of a command."""
        return self._loop.run_until_complete(asyncio.wait_for(self._send(method, parameters), 60))

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is read."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Fetch.enable", patterns=[{"urlPattern": "*"}])
        self.send("Page.navigate", url=url)
        wait_until(lambda: self.value("document.readyState") == "complete", f"{url} is read")

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self, identifier: str) -> str:
        """Return the text of an element by its id."""
        return str(self.value(f"document.getElementById({identifier!r}).innerText"))

    def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        wait_until(lambda: self.value(expression), expression)

    def write(self, text: str) -> None:
        """Write into the element that has the focus."""
        self.send("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press a key."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    def picture(self, path: Path) -> None:
        """Write what is seen as a PNG."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    async def _send(self, method: str, parameters: Mapping[str, Any]) -> Any:
        number = await self._post(method, parameters)
        while True:
            message = json.loads(await self._socket.receive_str())
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            await self._note(message.get("method", ""), message.get("params", {}))

    async def _post(self, method: str, parameters: Mapping[str, Any]) -> int:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        return self._number

    async def _note(self, event: str, about: Mapping[str, Any]) -> None:
        if event == "Fetch.requestPaused":
            await self._answer(about["requestId"], about["request"]["url"])
        elif event == "Network.requestWillBeSent":
            self.asked.append(about["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.faults.append(str(about["exceptionDetails"]))
        elif event == "Log.entryAdded" and about["entry"]["source"] in ("security", "javascript"):
            self.faults.append(about["entry"]["text"])

    async def _answer(self, identifier: str, url: str) -> None:
        """Let a request pass, or answer it. Nobody waits for the outcome: the page may have gone on."""
        instead = next((answer for path, answer in self.answers.items() if url.endswith(path)), None)
        if instead is None:
            await self._post("Fetch.continueRequest", {"requestId": identifier})
            return
        status, kind, body = instead
        headers = [{"name": "Content-Type", "value": kind}]
        encoded = base64.b64encode(body.encode()).decode()
        fulfilled = {"requestId": identifier, "responseCode": status, "responseHeaders": headers, "body": encoded}
        await self._post("Fetch.fulfillRequest", fulfilled)


class Browser:
    """A browser with a profile of its own."""

    def __init__(self, program: str, folder: Path, *flags: str) -> None:
        self._loop = asyncio.new_event_loop()
        folder.mkdir(exist_ok=True)
        port = folder / "DevToolsActivePort"
        command = [program, *FLAGS, *flags, f"--user-data-dir={folder}", "--remote-debugging-port=0", "about:blank"]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)})
        wait_until(lambda: port.exists() and port.read_text().strip(), "Chromium listens")
        self._address = f"127.0.0.1:{port.read_text().split()[0]}"
        self._session = self._loop.run_until_complete(self._opened())

    async def _opened(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    def tab(self, *, dark: bool = False) -> Tab:
        """Return a new tab."""
        return self._loop.run_until_complete(self._tab(dark=dark))

    async def _tab(self, *, dark: bool) -> Tab:
        async with self._session.put(f"http://{self._address}/json/new?about:blank") as answer:
            about = await answer.json(content_type=None)
        socket = await self._session.ws_connect(about["webSocketDebuggerUrl"], max_msg_size=0)
        tab = Tab(self._loop, socket)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await tab._send("Emulation.setEmulatedMedia", {"features": scheme})
        return tab

    def close(self) -> None:
        self._loop.run_until_complete(self._session.close())
        self._loop.close()
        self._process.terminate()
        self._process.wait(60)


@contextlib.contextmanager
def running_browser(folder: Path, *flags: str) -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed (make programs)")
    made = Browser(program, folder, *flags)
    try:
        yield made
    finally:
        made.close()
