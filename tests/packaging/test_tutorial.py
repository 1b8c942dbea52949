"""The tutorial for authors of plugins, followed to the letter in a clone's environment."""

from __future__ import annotations

from pathlib import Path

from tests.support.clone import Clone
from tests.support.documents import ROOT, blocks, script

TUTORIAL = ROOT / "docs/tutorial.md"


def test_each_step_works_as_printed(clone: Clone, tmp_path: Path) -> None:
    for block in blocks(TUTORIAL):
        if block.title:
            (tmp_path / block.title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.title).write_text(block.text, encoding="utf-8")
    # What pip would download to build the plugin with is in this session's environment.
    before = f"make setup\n. .venv/bin/activate\ncd {tmp_path}\nexport PIP_NO_BUILD_ISOLATION=0"
    done = clone.run(f"{before}\n{script(TUTORIAL, 'run as the tutorial')}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Hello? Hello?" in done.stdout
    assert " passed" in done.stdout
