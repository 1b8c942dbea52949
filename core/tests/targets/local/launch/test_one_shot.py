"""A process that is run to its end while somebody waits for what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from core.tests.targets.local.support.launches import python

from llmwright.errors import TargetError
from llmwright.targets.local.launch.context import LaunchContext
from llmwright.targets.local.launch.one_shot import run_one_shot
from llmwright.targets.local.options import LocalOptions
from llmwright.values.launch import Launch, Process


@pytest.fixture
def context(tmp_path: Path) -> LaunchContext:
    return LaunchContext.of(
        LocalOptions(), scratch=tmp_path / "volumes", mark=str(tmp_path), base_directory=tmp_path, config_files={}
    )


def test_what_it_prints_is_returned_whatever_its_encoding(context: LaunchContext) -> None:
    code = r"import sys; sys.stdout.buffer.write(b'caf\xe9 ol\xc3\xa9\n')"
    assert run_one_shot(context, Launch(main=python("sample", code))) == "caf\ufffd olé\n"


@pytest.mark.parametrize(
    ("process", "message"),
    [
        (python("sample", "import sys; sys.exit('error: no rows')"), "sample: error: no rows"),
        (python("sample", "import os; os._exit(7)"), "sample: it ended with 7"),
        (Process(name="sample", argv=("/no/such/program",)), "sample cannot be started: No such file or directory"),
    ],
)
def test_its_failure_is_one_line(context: LaunchContext, process: Process, message: str) -> None:
    with pytest.raises(TargetError) as failed:
        run_one_shot(context, Launch(main=process))
    assert (failed.value.message, failed.value.reason) == (message, "ProcessFailed")
