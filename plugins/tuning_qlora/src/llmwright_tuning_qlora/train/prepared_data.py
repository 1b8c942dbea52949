"""The data set, read and checked with the base model's tokenizer, before torch is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    model_config = read_config(options.model, options.revision, options.config.model)
    tokenizer = load_tokenizer(options.model, options.revision, options.config.model)
    max_length = options.config.training.max_length
    max_tokens = context_length(model_config, tokenizer.model_max_length, options.context, max_length)
    dataset = read_dataset(files, ExampleTokenizer(tokenizer), section, max_tokens)
    return PreparedData(dataset, max_tokens, _pad_token(tokenizer), files.digest(), files.name)


def _pad_token(tokenizer: Any) -> int:
    # Padding is masked, so any token will do where the tokenizer has none.
    candidates = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return next(int(token) for token in candidates if token is not None)
