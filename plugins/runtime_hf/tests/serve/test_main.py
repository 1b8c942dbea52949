"""The server without its extra: one line with the pip line, and no traceback."""

from __future__ import annotations

import sys

import pytest

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
