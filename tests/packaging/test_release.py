"""What a release needs works before the day: wheels from sdists, their metadata, and an environment of them alone."""

from __future__ import annotations

from tests.support.clone import Clone

import llmwright


def test_the_check_of_a_release_passes(clone: Clone) -> None:
    done = clone.run("make release-check\nls dist")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    files = [line for line in lines if line.startswith("llmwright") and line.endswith((".whl", ".tar.gz"))]
    assert len(files) == 16
    assert all(f"-{llmwright.__version__}" in file for file in files)
    assert "Plan for default/quickstart" in done.stdout


def test_one_command_sets_the_version_of_every_package(clone: Clone) -> None:
    script = r"""
        cp -r Makefile constraints core deploy presets plugins pyproject.toml "$(mktemp -d -p ~)" && cd ~/tmp.*
        make -s version VERSION=9.8.7
        grep -rn '0[.]1[.]0"' --include=pyproject.toml . || true
        grep -rhoE '9[.]8[.]7' --include=pyproject.toml --include=version.py --include=Chart.yaml . | wc -l
    """
    done = clone.run(script)
    assert done.stdout.split() == ["21"], done.stdout + done.stderr
