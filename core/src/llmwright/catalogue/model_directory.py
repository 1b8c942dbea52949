"""Models in directories of this machine: by the form of a name, and by the files of a directory."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from llmwright.catalogue.weight_files import ADAPTER_CONFIG, SAFE, other_weights
from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable, user_path
from llmwright.reading.json_reader import read_json_file

CONFIG = "config.json"
_BESIDE_WEIGHTS = frozenset({
    CONFIG, ADAPTER_CONFIG, "generation_config.json", "model.safetensors.index.json", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "chat_template.json",
    "preprocessor_config.json", "processor_config.json",
})  # fmt: skip
"""The JSON files that ``save_pretrained`` of models, adapters and tokenizers writes."""
_TOKENIZERS = ("tokenizer", "tokenization_", "vocab", "spiece", "sentencepiece", "tekken")
"""How the names of transformers' tokenizer files begin; some end in ``.model`` or ``.tiktoken``."""


def names_a_directory(name: str) -> bool:
    """Whether a preset's name is a path here: ``file:///dir``, ``/dir``, ``./dir``, ``../dir``, ``~/dir``."""
    return name in (".", "..") or name.startswith(("file:", "/", "./", "../", "~"))


def named_directory(name: str) -> Path:
    """Return the absolute directory that ``name`` names; a relative one starts from the working directory.

    Raises:
        ConfigError: no directory can have the name.
    """
    try:
        path = unquote(urlsplit(name).path) if name.startswith("file:") else name
        return user_path(path).resolve()
    except (ValueError, OSError, RuntimeError) as error:
        raise ConfigError(f"{name[:200]!r} names no directory: {error}", hint="give one as file:///dir") from error


def holds_a_model(directory: Path) -> bool:
    """Whether ``directory`` is a model's, complete or not, rather than one of Workspaces.

    A ``config.json`` of a model decides. Without one, files of a model do, where no other YAML or JSON is there.
    """
    names = {path.name for path in directory.iterdir()}
    config = _content(directory / CONFIG)
    if "kind" in config:
        return False
    if config.keys() & {"architectures", "model_type"}:
        return True
    documents = {name for name in names if PurePosixPath(name).suffix in (".yaml", ".yml", ".json")}
    files = names & _BESIDE_WEIGHTS or other_weights(names) or any(name.endswith(SAFE) for name in names)
    return bool(files) and documents <= _BESIDE_WEIGHTS


def has_tokenizer(directory: Path) -> bool:
    """Whether a model's directory has a file of a tokenizer, in any of transformers' forms."""
    return any(_is_of_a_tokenizer(path.name) for path in directory.iterdir())


def _is_of_a_tokenizer(name: str) -> bool:
    plain = name.lower()
    return plain.startswith(_TOKENIZERS) or plain.endswith((".model", ".tiktoken"))


def _content(path: Path) -> dict[str, object]:
    """Return the JSON object of a file, empty where it is none: the reader of the model or the Workspace says so."""
    try:
        content = read_json_file(path)
    except (OSError, Unreadable):
        return {}
    return content if isinstance(content, dict) else {}
