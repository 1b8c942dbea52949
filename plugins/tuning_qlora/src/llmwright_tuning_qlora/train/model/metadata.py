"""The base model without its weights: config, tokenizer, context length, names.

Nothing here imports torch, so that a data set can be checked in little memory.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from llmwright.artifacts.hub_errors import hub_errors
from llmwright.errors import ConfigError
from llmwright.plugins.remote_code import code_needed
from llmwright.reading.files import Unreadable, read_text
from llmwright.reading.json_reader import read_json_file
from llmwright_tuning_qlora.config_sections import ModelSection
from llmwright_tuning_qlora.template_syntax import names_file, template_fault

CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
GENERAL_CLASSES = ("TokenizersBackend", "PreTrainedTokenizerFast")
TEMPLATE_HINT = "name a file with a Jinja template, or write its text"
WEIGHT_SUFFIXES = {".safetensors"}


def read_config(model: str, revision: str | None, section: ModelSection) -> dict[str, Any]:
    """Return the content of the model's ``config.json``.

    Raises:
        ConfigError: the model does not exist, or access to it is denied.
    """
    try:
        content = read_json_file(_file(model, "config.json", revision, section))
    except (FileNotFoundError, Unreadable) as error:
        raise ConfigError(f"config.json of the model {model} {error}", reason="ModelBroken") from error
    if not isinstance(content, dict):
        raise ConfigError(f"config.json of the model {model} holds no JSON object", reason="ModelBroken")
    return content


def context_length(config: dict[str, Any], tokenizer_limit: int, context: int | None, max_length: int | None) -> int:
    """Return the most tokens of a row: the least of the model's limit, ``--context`` and ``max_length``."""
    text = config.get("text_config", config)
    sizes = (text.get(key) for key in CONTEXT_KEYS) if isinstance(text, dict) else ()
    own = next((size for size in sizes if isinstance(size, int) and size > 0), None)
    limits = [limit for limit in (own, context, max_length) if limit]
    return min(limits) if limits else tokenizer_limit


def load_tokenizer(model: str, revision: str | None, section: ModelSection) -> Any:
    """Return the tokenizer that a server has, with ``ModelConfig.chat_template`` if it is set.

    Servers load it with ``AutoTokenizer``, whose class for a model may split texts otherwise than its
    ``tokenizer.json`` does (transformers 5: Llama's drops a space at the start, Qwen's composes accents).
    ``AutoTokenizer`` imports torch; where it would take the general class, that is loaded without it.

    Raises:
        ConfigError: the model has no tokenizer that can be loaded.
    """
    arguments = _hub_arguments(revision, section)
    try:
        if _has_general_tokenizer(model, revision, section):
            from transformers import PreTrainedTokenizerFast

            tokenizer: Any = PreTrainedTokenizerFast.from_pretrained(model, **arguments)
        else:
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=section.trust_remote_code, **arguments)
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        # The libraries raise errors of any type over a damaged file.
        if "trust_remote_code" in str(error):
            raise code_needed(model) from error
        raise ConfigError(
            f"cannot load the tokenizer of {model}: {_first_line(error)}",
            hint="is tokenizer.json there?",
            reason="ModelBroken",
        ) from error
    if section.chat_template:
        tokenizer.chat_template = chat_template(section)
    return tokenizer


def _has_general_tokenizer(model: str, revision: str | None, section: ModelSection) -> bool:
    """Return whether the model names transformers' general class, which does what ``tokenizer.json`` says."""
    if Path(model).is_dir() and not Path(model, "tokenizer.json").is_file():
        return False
    try:
        config = read_json_file(_file(model, "tokenizer_config.json", revision, section))
    except (ConfigError, FileNotFoundError, Unreadable):
        return False
    return isinstance(config, dict) and config.get("tokenizer_class") in GENERAL_CLASSES and "auto_map" not in config


def chat_template(section: ModelSection) -> str:
    """Return the text of ``ModelConfig.chat_template``, which is the text itself or a file's path; empty for none.

    Raises:
        ConfigError: the file cannot be read, or it is no template.
    """
    text, name = section.chat_template or "", "ModelConfig.chat_template"
    if text and names_file(text):
        name = f"{name} {text[:200]}"
        try:
            text = read_text(Path(text))
        except FileNotFoundError as error:
            raise ConfigError(f"{name} does not exist", hint=TEMPLATE_HINT, reason="ChatTemplate") from error
        except Unreadable as error:
            raise ConfigError(f"{name} {error}", hint=TEMPLATE_HINT, reason="ChatTemplate") from error
    if (section.chat_template or "") and (fault := template_fault(text)):
        raise ConfigError(f"{name} {fault}", hint=TEMPLATE_HINT, reason="ChatTemplate")
    return text


def model_identity(model: str, revision: str | None) -> str:
    """Return a text that differs between base models: id and revision, or config, names and sizes of a directory."""
    directory = Path(model)
    if not directory.is_dir():
        return f"{model}@{revision or 'main'}"
    weights = sorted((p.name, p.stat().st_size) for p in directory.iterdir() if p.suffix in WEIGHT_SUFFIXES)
    config = hashlib.sha256((directory / "config.json").read_bytes()).hexdigest()
    return f"{config}:{json.dumps(weights)}"


def public_name(model: str, base_name: str | None, preset_name: str | None) -> str:
    """Return the base model's name for the adapter's files: a hub id or a preset's name, never a path.

    The adapter may be published, and a path would show the user's directories.
    """
    if base_name:
        return base_name
    return preset_name or Path(model).resolve().name if Path(model).exists() else model


def _file(model: str, name: str, revision: str | None, section: ModelSection) -> Path:
    directory = Path(model)
    if directory.is_dir() and (directory / name).is_file():
        return directory / name
    if directory.exists() or model.startswith(("/", ".", "~")):
        missing = f"has no {name}" if directory.exists() else "does not exist"
        raise ConfigError(f"the model {model} {missing}", hint="name a model directory", reason="ModelNotFound")
    from huggingface_hub import get_token, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    arguments = _hub_arguments(revision, section)
    try:
        with hub_errors(model, revision or "main", token=bool(get_token())):
            return Path(hf_hub_download(model, name, **arguments))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        hint = "check the id, the network (HF_ENDPOINT, HF_HUB_OFFLINE) and, for a gated model, HF_TOKEN"
        raise ConfigError(f"the model {model}: {_first_line(error)}", hint=hint, reason="ModelNotFound") from error


def _hub_arguments(revision: str | None, section: ModelSection) -> dict[str, Any]:
    values = {"revision": revision, "cache_dir": section.cache_dir}
    flags = {"local_files_only": section.local_files_only, "force_download": section.force_download}
    return {key: value for key, value in {**values, **flags}.items() if value}


def _first_line(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return first if first and isinstance(error, OSError | ValueError) else f"{type(error).__name__} {first}".strip()
