"""Make the README's picture: ``python -m tests.support.quickstart_picture docs/images/quickstart.svg``.

It runs the quick start on a terminal of its own, as `make quickstart` does, and draws what stands there at the end.
"""

from __future__ import annotations

import fcntl
import html
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
COMMAND = "make quickstart"
WIDTH = 112
END = "serving until Ctrl-C"
PLACE = "/home/you/llmwright"
"""Where the clone lies in the picture."""
CHARACTER = 12.2
"""How wide rich draws a character."""
_CONTROL = re.compile(r"(\r?\n|\r|\x1b\[\d*A|\x1b\[2K|\x1b\[\?25[lh])")
_FONT = re.compile(r"\s*@font-face \{.*?\n    \}", re.DOTALL)
_DRAWN = re.compile(r'<text class="\S+-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', re.DOTALL)


def main(path: Path) -> None:
    shutil.rmtree(ROOT / "examples/quickstart-adapter", ignore_errors=True)
    with tempfile.TemporaryDirectory() as home:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "LLMWRIGHT_"))}
        environment = {**kept, "HOME": home, "TERM": "xterm-256color", "OMP_WAIT_POLICY": "PASSIVE"}
        output = on_a_terminal(["run", "examples/quickstart.yaml"], environment)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(f"$ {COMMAND}", highlight=False)
    for line in screen(output.replace(str(ROOT), PLACE)):
        console.print(Text.from_ansi(line), highlight=False)
    # A picture asks nobody for a font.
    path.write_text(_FONT.sub("", console.export_svg(title=COMMAND)), encoding="utf-8")


def on_a_terminal(arguments: list[str], environment: Mapping[str, str]) -> str:
    """Return what ``llmwright ARGUMENTS`` writes on a terminal until it serves; then it is ended."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 80, WIDTH, 0, 0))
    command = [sys.executable, "-m", "llmwright", *arguments]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env=environment, start_new_session=True
    )
    os.close(slave)
    output = b""
    while True:
        try:
            output += os.read(master, 65536)
        except OSError:
            # The terminal's other end is closed: the process has ended.
            break
        if END.encode() in output and process.poll() is None:
            process.terminate()
    process.wait()
    os.close(master)
    text = output.decode()
    assert END in text, text
    return text.partition(END)[0] + END


def screen(output: str) -> list[str]:
    """Return the lines that stand on a terminal after ``output``, with their colours, as rich moves about on it."""
    lines, row = [""], 0
    for part in _CONTROL.split(output):
        if part in ("\n", "\r\n"):
            row += 1
            lines += [""] * (row == len(lines))
        elif part.endswith("A") and _CONTROL.fullmatch(part):
            row -= int(part[2:-1] or 1)
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not _CONTROL.fullmatch(part):
            lines[row] += part
    return lines


def drawn_lines(picture: str) -> list[str]:
    """Return the lines of text that a picture shows."""
    rows: dict[float, str] = defaultdict(str)
    for x, y, content in _DRAWN.findall(picture):
        # Blanks alone are not drawn.
        rows[float(y)] = rows[float(y)].ljust(round(float(x) / CHARACTER)) + html.unescape(content).rstrip("\n")
    return [line.replace("\xa0", " ").rstrip() for line in rows.values()]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
