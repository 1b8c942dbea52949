"""What the documents say about installing works in a new clone, as pasted, with third-party packages already there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from tests.packaging.conftest import Clone
from tests.support.documents import DOCUMENTS, ROOT, name, script

MARK = "run in a clone"
README = ROOT / "README.md"
INSTALL = re.compile(r"pip install dist/\*\.whl '([^']+)'")
EXTRAS = {match for document in DOCUMENTS for match in INSTALL.findall(document.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("document", [document for document in DOCUMENTS if script(document, MARK)], ids=name)
def test_marked_blocks_run_as_pasted(document: Path, clone: Clone) -> None:
    done = clone.run(script(document, MARK) + "\ncommand -v llmwright")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"{clone.home}/llmwright/bin/llmwright"


def test_the_shown_extras_install_from_the_wheels(clone: Clone, tmp_path: Path) -> None:
    assert {"llmwright[kubernetes]", "llmwright[local]"} <= EXTRAS
    script = f"""
        test -d dist || make wheels
        {sys.executable} -m venv {tmp_path}/venv
        {tmp_path}/venv/bin/pip install -q dist/*.whl {" ".join(f"'{extra}'" for extra in sorted(EXTRAS))}
        {tmp_path}/venv/bin/llmwright plugins list
    """
    done = clone.run(script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "llmwright-provisioner-karpenter" in done.stdout
