"""Check model and adapter directories before the slow imports, so that a wrong path is an error at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llmwright.artifacts.hub_snapshot import fetch_before_loading
from llmwright.catalogue.model_directory import has_tokenizer
from llmwright.catalogue.weight_files import check_adapter_weights, model_weights
from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json_file
from llmwright_runtime_hf.serve.serve_options import AdapterSpec, ServeOptions


def check_model_files(options: ServeOptions) -> None:
    """Raise ConfigError for a model or adapter directory that does not exist or cannot be read."""
    check_model(options.model)
    for adapter in options.adapters:
        check_adapter(adapter)


def fetched(options: ServeOptions) -> ServeOptions:
    """Bring a model of the hub, and return the options that load it from its directory.

    By its id the libraries ask the hub for files that it need not have: at each start, and without a network for
    minutes. Of a directory they ask nobody. A model's own code is loaded by the id alone.

    Raises what ``fetch_before_loading`` raises.
    """
    directory = fetch_before_loading(options.model, options.revision)
    if directory is None or options.trust_remote_code:
        return options
    return replace(options, model=str(directory), revision=None)


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
    model_weights(path, f"model directory {model}")
    if not has_tokenizer(path):
        hint = "the tokenizer's save_pretrained puts tokenizer.json and tokenizer_config.json beside the weights"
        raise ConfigError(f"model directory {model} holds no tokenizer", hint=hint)
    _check_generation_config(path, model)


def _check_generation_config(directory: Path, model: str) -> None:
    """Raise ConfigError for a damaged ``generation_config.json``: transformers goes on without what it says."""
    file = directory / "generation_config.json"
    if not file.exists():
        return
    try:
        content = read_json_file(file)
    except (OSError, Unreadable) as error:
        raise ConfigError(f"model directory {model}: {file.name} {error}", hint="mend it, or remove it") from error
    if not isinstance(content, dict):
        raise ConfigError(f"model directory {model}: {file.name} holds no JSON object", hint="mend it, or remove it")


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
