"""Check model and adapter directories before the slow imports, so that a wrong path is an error at once."""

from __future__ import annotations

from pathlib import Path

from llmwright.catalogue.weight_files import check_adapter_weights, check_model_weights
from llmwright.errors import ConfigError
from llmwright_runtime_hf.serve.serve_options import AdapterSpec, ServeOptions


def check_model_files(options: ServeOptions) -> None:
    """Raise ConfigError for a model or adapter directory that does not exist or cannot be read."""
    check_model(options.model)
    for adapter in options.adapters:
        check_adapter(adapter)


def check_model(model: str) -> None:
    """Raise ConfigError for a path that is no readable model directory. A hub id (``ORG/NAME``) is not looked up."""
    path = Path(model)
    looks_local = path.is_absolute() or model.startswith((".", "~")) or path.exists() or model.count("/") > 1
    if not looks_local:
        return
    if not path.is_dir():
        raise ConfigError(f"model directory {model} is not there", hint="give a directory, or a hub id as ORG/NAME")
    problem = _unreadable(path / "config.json")
    if problem:
        raise ConfigError(
            f"model directory {model} has no readable config.json: {problem}",
            hint="it must hold what save_pretrained writes",
        )
    check_model_weights(path, f"model directory {model}")


def check_adapter(adapter: AdapterSpec) -> None:
    """Raise ConfigError for a directory without a readable ``adapter_config.json``."""
    problem = _unreadable(adapter.path / "adapter_config.json")
    if problem:
        raise ConfigError(
            f"adapter {adapter.name} ({adapter.path}) has no readable adapter_config.json: {problem}",
            hint="it must hold what PEFT's save_pretrained writes",
        )
    check_adapter_weights(adapter.path, f"adapter {adapter.name} ({adapter.path})")


def _unreadable(file: Path) -> str:
    try:
        with file.open("rb"):
            return ""
    except OSError as error:
        return error.strerror or str(error)
