"""What the documents say about installing works in a new clone, as pasted, with third-party packages already there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.clone import Clone
from tests.support.documents import DOCUMENTS, name, script

MARK = "run in a clone"


@pytest.mark.parametrize("document", [document for document in DOCUMENTS if script(document, MARK)], ids=name)
def test_marked_blocks_run_as_pasted(document: Path, clone: Clone) -> None:
    done = clone.run(script(document, MARK) + "\ncommand -v llmwright")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"{clone.home}/llmwright/bin/llmwright"
