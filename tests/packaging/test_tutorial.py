"""The pages for authors of plugins, followed to the letter in a clone's environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.clone import Clone
from tests.support.documents import ROOT, Block, blocks
from tests.support.programs import assets


@pytest.mark.parametrize(
    ("page", "told", "passed"),
    [
        ("tutorial", ("Hello? Hello?", "adapter_model.safetensors", "entry_points.txt"), 5),
        ("writing-plugins", ("HELLO THERE", ".json"), 1),
    ],
)
def test_each_step_works_as_printed(
    clone: Clone, tmp_path: Path, page: str, told: tuple[str, ...], passed: int
) -> None:
    prepared = clone.run("make setup")
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    # What pip would download to build the plugins with is in this session's environment.
    before = f". .venv/bin/activate\ncd {tmp_path}\nexport PIP_NO_BUILD_ISOLATION=0\n{variables()}"
    printed = ""
    for block in blocks(ROOT / f"docs/{page}.md"):
        if block.title:
            follow(block, tmp_path)
        elif block.mark == "run as the tutorial":
            done = clone.run(f"{before}\n{block.text}")
            assert done.returncode == 0, block.text + done.stdout + done.stderr
            printed += done.stdout
    assert [text for text in told if text not in printed] == []
    assert printed.count(" passed") >= passed


def variables() -> str:
    """Return the line that names Kubernetes' programs, where there are some."""
    try:
        return f"export KUBEBUILDER_ASSETS={assets()}"
    except pytest.skip.Exception:
        return ""


def follow(block: Block, folder: Path) -> None:
    """Write the file that a block shows, or change it as the block says."""
    path = folder / block.title
    path.parent.mkdir(parents=True, exist_ok=True)
    if block.language != "diff":
        path.write_text(block.text, encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    for hunk in block.text.split("@@\n"):
        old, new = (
            "".join(line[1:] for line in hunk.splitlines(keepends=True) if line[0] in marks) for marks in (" -", " +")
        )
        assert text.count(old) == 1, f"{block.title}: {old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
