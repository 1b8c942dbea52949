"""The Python API's page, run as printed: the demo model is served on this machine."""

from __future__ import annotations

import subprocess
import sys

from tests.e2e.support.sandbox import Sandbox
from tests.support.documents import ROOT, script

PAGE = ROOT / "docs/python.md"
ANSWER = "I am the demo model of LLMwright."


def test_what_the_page_shows_runs(sandbox: Sandbox) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script(PAGE, "run as a notebook")],
        cwd=sandbox.work,
        env=sandbox.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{ANSWER}\n{ANSWER}")
    assert done.stderr == ""
    sandbox.wait_until_idle()


def test_each_name_is_shown_on_the_page() -> None:
    import llmwright

    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in llmwright.__all__ if f"llmwright.{name}" not in text] == []
