"""Make the picture of the page for the documentation: ``python -m tests.support.page_picture docs/images/page.png``."""

from __future__ import annotations

import hashlib
import struct
import sys
import tempfile
import zlib
from pathlib import Path

from tests.support.browser import running_browser
from tests.support.hf_server import running_server

from llmwright.catalogue.catalogue import Catalogue
from llmwright.plugins.registry import Registry
from llmwright.testing.adapters import write_adapter

QUESTIONS = ("Who are you?", "What can you do?")
PAGE = Path(__file__).parents[2] / "plugins/runtime_hf/src/llmwright_runtime_hf/serve/http/page.html"
END = 12
"""Bytes of a PNG's last part, which is empty."""


def mark() -> bytes:
    """Return a text of a PNG, which no program draws: the digest of the page that the picture shows."""
    text = b"tEXtPage\0" + hashlib.sha256(PAGE.read_bytes()).hexdigest().encode()
    return struct.pack(">I", len(text) - len(b"tEXt")) + text + struct.pack(">I", zlib.crc32(text))


def main(path: Path) -> None:
    preset = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).preset("demo")
    assert preset.architecture is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        adapter = write_adapter(folder / "night-watch", preset.architecture, 0.001)
        flags = ("--model", preset.source.removeprefix("file://"), "--served-model-name", "demo")
        with (
            running_server(folder / "log", *flags, "--adapter", f"night-watch={adapter}") as server,
            running_browser(folder / "browser", "--window-size=1000,760", "--hide-scrollbars") as browser,
        ):
            server.wait_until_ready()
            tab = browser.tab()
            tab.open(f"{server.url}/")
            tab.until("document.getElementById('model').innerText === 'demo'")
            tab.value("document.getElementById('name').value = 'demo'")
            for number, question in enumerate(QUESTIONS, 1):
                tab.value("document.getElementById('question').focus()")
                tab.write(question)
                tab.press("Enter")
                done = f"document.querySelectorAll('.assistant:not([aria-busy])').length === {number}"
                tab.until(done)
            tab.until("/^[1-9]/.test(document.getElementById('rate').innerText)")
            tab.picture(path)
    picture = path.read_bytes()
    path.write_bytes(picture[:-END] + mark() + picture[-END:])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
