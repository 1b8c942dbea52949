"""The data set, read and checked with the base model's tokenizer, before torch is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.train.data.data_file import find_data_files
from llmwright_tuning_qlora.train.data.dataset import TokenizedDataset, read_dataset
from llmwright_tuning_qlora.train.data.tokenization import ExampleTokenizer
from llmwright_tuning_qlora.train.model.metadata import context_length, load_tokenizer, read_config
from llmwright_tuning_qlora.train.tuning_options import TuningOptions


@dataclass(frozen=True, slots=True)
class PreparedData:
    """A checked data set. ``max_tokens`` is the longest row allowed; ``data_name`` the name of its files."""

    dataset: TokenizedDataset
    max_tokens: int
    pad_token: int
    data_digest: str
    data_name: str


def prepare_data(options: TuningOptions) -> PreparedData:
    """Read and check the data set.

    Raises:
        ConfigError: the data set or the model cannot be used.
    """
    section = options.config.dataset
    files = find_data_files(options.data, section.dataset_extension)
    model_config = read_config(options.loaded_from, options.loaded_revision, options.config.model)
    tokenizer = load_tokenizer(options.loaded_from, options.loaded_revision, options.config.model)
    max_length = options.config.training.max_length
    max_tokens = context_length(model_config, tokenizer.model_max_length, options.context, max_length)
    dataset = read_dataset(files, ExampleTokenizer(tokenizer, max_tokens), section, max_tokens)
    _refuse_unknown_tokens(dataset, model_config, tokenizer)
    return PreparedData(dataset, max_tokens, _pad_token(tokenizer), files.digest(), files.name)


def _refuse_unknown_tokens(dataset: TokenizedDataset, model_config: dict[str, Any], tokenizer: Any) -> None:
    """Raise ConfigError for a token that the model has no row for, as one that was added to the tokenizer alone."""
    text = model_config.get("text_config", model_config)
    known = text.get("vocab_size") if isinstance(text, dict) else None
    highest = max(dataset.rows.ids, default=0)
    if isinstance(known, int) and highest >= known:
        token = tokenizer.convert_ids_to_tokens(highest)
        raise ConfigError(
            f"the tokenizer writes {token!r} as token {highest}, and the model knows {known} (vocab_size)",
            hint="use the model's own tokenizer and template, or resize the model's embeddings first",
            reason="TokenizerUnsupported",
        )


def _pad_token(tokenizer: Any) -> int:
    # Padding is masked, so any token will do where the tokenizer has none.
    candidates = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return next(int(token) for token in candidates if token is not None)
