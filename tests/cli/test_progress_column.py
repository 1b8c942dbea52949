"""The column of how far a Workspace is, which `get -o wide` has beside the definition's."""

from __future__ import annotations

import pytest

from llmwright.api.status import Download, Progress, WorkspaceStatus
from llmwright.cli.show.output import download_line, progress_cell
from llmwright.cli.show.workspaces import WorkspaceTable
from llmwright.testing import make_workspace

GIB = 1024**3
FETCHES = Download(bytes=GIB, total_bytes=4 * GIB, bytes_per_second=GIB / 8, seconds_left=24)


@pytest.mark.parametrize(
    ("status", "cell"),
    [
        (None, ""),
        (WorkspaceStatus(), ""),
        (WorkspaceStatus(download=FETCHES), "weights 25% of 4.0 GiB"),
        (WorkspaceStatus(download=Download(bytes=GIB)), "weights 1.0 GiB"),
        (WorkspaceStatus(progress=Progress(step=3, steps=10)), "step 3/10"),
        (WorkspaceStatus(progress=Progress(step=3, steps=10), download=FETCHES), "weights 25% of 4.0 GiB"),
    ],
)
def test_a_download_comes_before_a_tuning(status: WorkspaceStatus | None, cell: str) -> None:
    assert progress_cell(status) == cell


def test_describe_tells_bytes_share_rate_and_time_left() -> None:
    assert download_line(FETCHES) == "1.0 GiB of 4.0 GiB (25%), 128.0 MiB/s, 24s left"
    assert download_line(Download(bytes=GIB)) == "1.0 GiB"


def test_a_watch_prints_a_row_for_each_step_of_a_download(capsys: pytest.CaptureFixture[str]) -> None:
    table = WorkspaceTable(wide=True, namespaces=False, headings=True)
    workspace = make_workspace()
    table.print([workspace])
    fetching = workspace.model_copy(update={"status": WorkspaceStatus(download=FETCHES)})
    table.print_changed([fetching])
    table.print_changed([fetching])
    heading, first, second = (line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert heading.endswith("PROGRESS")
    assert not first.endswith("GiB")
    assert second.endswith("weights 25% of 4.0 GiB")
    capsys.readouterr()
    narrow = WorkspaceTable(wide=False, namespaces=True, headings=True)
    narrow.print([fetching])
    assert "PROGRESS" not in capsys.readouterr().out
