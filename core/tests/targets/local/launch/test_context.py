"""Volumes, configs and secrets of a process."""

from __future__ import annotations

import pytest
from core.tests.targets.local.support.launches import make_workspace, python
from core.tests.targets.local.support.machine import Machine
from tests.support.plans import make_plan

from llmwright.values.launch import Launch, SecretKey, Volume
from llmwright.values.url_secrets import URLS_VARIABLE


def test_secrets_in_urls_reach_the_process_and_no_file(machine: Machine) -> None:
    main = python("train", "import json, os; print(len(json.loads(os.environ['LLMWRIGHT_DATA_URLS'])[0]))")
    secret = SecretKey("tuning.input.urls", URLS_VARIABLE, optional=False)
    launch = Launch(main=type(main)(name="train", argv=main.argv, env={URLS_VARIABLE: secret}))
    url = "https://u:geheim@files.example/rows.jsonl?sig=geheim"
    workspace = make_workspace(tuned=True, input={"urls": [url]})
    assert machine.target.apply(workspace, make_plan(tuning=launch)) == "created"
    machine.wait("Ready")
    assert list(machine.target.logs("default", "demo")) == [str(len(url))]
    assert machine.target.apply(workspace, make_plan(tuning=launch)) == "unchanged"
    shown = machine.target.get("default", "demo").tuning
    assert shown is not None
    assert shown.input is not None
    assert shown.input.urls == ["https://***@files.example/rows.jsonl?sig=***"]
    written = [path for path in machine.root.rglob("*") if path.is_file() and b"geheim" in path.read_bytes()]
    assert written == []


def test_volumes_and_secrets_reach_the_process(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
    import os, pathlib, sys
    config, shared, data = (pathlib.Path(part) for part in sys.argv[1:4])
    print((config / "training_config.yaml").read_text(), shared.is_dir(), (data / "rows").read_text())
    print(len(os.environ["HF_TOKEN"]))
    """
    monkeypatch.setenv("HF_TOKEN", "geheim")
    data = machine.root.parent / "data"
    data.mkdir()
    (data / "rows").write_text("1 row")
    main = python("train", code, "$(volume.config)", "$(volume.shm)", "$(volume.data)")
    launch = Launch(
        main=type(main)(name="train", argv=main.argv, env={"HF_TOKEN": SecretKey("hub", "HF_TOKEN", optional=False)}),
        volumes=(
            Volume(name="config", kind="config", source="mine"),
            Volume(name="shm", kind="memory"),
            Volume(name="data", kind="volume_source", source={"hostPath": {"path": "data"}}),
        ),
    )
    machine.target.apply(
        make_workspace(tuned=True),
        make_plan(tuning=launch),
        base_directory=machine.root.parent,
        config_files={"mine": {"training_config.yaml": "training_config: {}"}},
    )
    machine.wait("Ready")
    assert list(machine.target.logs("default", "demo")) == ["training_config: {} True 1 row", "6"]
    written = [path for path in machine.root.rglob("*") if path.is_file() and b"geheim" in path.read_bytes()]
    assert written == []
