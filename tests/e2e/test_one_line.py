"""One line of a Workspace that is served already: another runtime takes the place of the one that answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.support.ray_sandbox import RaySandbox
from tests.e2e.support.sandbox import SERVER

pytestmark = [pytest.mark.slow, pytest.mark.engine(name="ray"), pytest.mark.timeout(1800)]

RAY = "raylet"


def test_another_runtime_stops_one_server_and_starts_its_own(tmp_path: Path) -> None:
    """Forth and back, with the same name and the same key."""
    sandbox = RaySandbox(tmp_path, "ray")
    file = sandbox.serve_by_ray()
    text = "".join(line for line in file.read_text().splitlines(keepends=True) if "runtimeConfig" not in line)
    try:
        for runtime, runs, before in (("hf", SERVER, RAY), ("ray", RAY, SERVER), ("hf", SERVER, RAY)):
            file.write_text(text.replace("runtime: ray", f"runtime: {runtime}"))
            sandbox.ok("apply", "-f", file)
            sandbox.ready()
            assert sandbox.ok("chat", "mine", "Who are you?").strip()
            assert sandbox.processes(runs)
            assert not sandbox.processes(before)
    finally:
        sandbox.close()
