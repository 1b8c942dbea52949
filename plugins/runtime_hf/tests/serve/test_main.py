"""How the server ends before it serves: one line, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.hub import Hub, Repository

from llmwright_runtime_hf.serve import __main__ as server


def test_a_package_of_the_extra_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["serve", "--model", "/nowhere", "--served-model-name", "demo", "--port", "0"])
    monkeypatch.setattr(server, "check_model_files", lambda _: None)
    monkeypatch.setattr(server, "end_quietly_on_signals", lambda: None)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "llmwright_runtime_hf.serve.uvicorn_server", raising=False)
    assert server.main() == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == "error: the package uvicorn is missing (pip install 'llmwright-runtime-hf[serve]')"


def test_another_module_that_is_missing_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ModuleNotFoundError("no module", name="llmwright_runtime_hf.gone")

    monkeypatch.setattr(server, "_serve", broken)
    monkeypatch.setattr(sys, "argv", ["serve", "--model", "/nowhere", "--served-model-name", "demo"])
    with pytest.raises(ModuleNotFoundError):
        server.main()


def test_a_gated_model_without_a_token_ends_before_the_slow_imports(tmp_path: Path) -> None:
    hub = Hub()
    hub.repositories["acme/tiny"] = Repository({"config.json": b"{}", "model.safetensors": b"1"}, gated=True)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environ |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "llmwright_runtime_hf.serve", "--model", "acme/tiny", "--port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    hub.close()
    assert ended.returncode == 2
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("error: TokenMissing: acme/tiny is gated, and there is no token")
    assert f"{hub.url}/acme/tiny" in last
