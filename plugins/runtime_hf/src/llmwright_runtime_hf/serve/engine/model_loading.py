"""Load the base model and its tokenizer from a directory or a hub, with the requested dtype and device."""

from __future__ import annotations

import logging as python_logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoConfig, AutoTokenizer, BitsAndBytesConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from llmwright.catalogue.model_types import auto_class
from llmwright.errors import ConfigError
from llmwright.plugins.remote_code import code_needed
from llmwright.values.prompt_tokens import with_one_bos
from llmwright_runtime_hf.serve.engine.answer_formats import (
    channel_tokens_of,
    part_marks_of,
    reasoning_parser_of,
    tool_call_parser_of,
)
from llmwright_runtime_hf.serve.engine.answer_parts import PartMarks
from llmwright_runtime_hf.serve.engine.channels import ChannelTokens
from llmwright_runtime_hf.serve.engine.chat_template import (
    ChatTemplate,
    chat_template,
    special_token_of,
    template_of_adapter,
)
from llmwright_runtime_hf.serve.engine.guides import GuideCompiler
from llmwright_runtime_hf.serve.engine.interface import SamplingParams, TextRefusedError
from llmwright_runtime_hf.serve.engine.onednn_linear import use_onednn
from llmwright_runtime_hf.serve.engine.sampling_defaults import (
    AnswerDefaults,
    answer_defaults_of,
    end_tokens_of,
    end_tokens_of_adapter,
    sampling_of,
)
from llmwright_runtime_hf.serve.engine.thinking import ThinkTokens
from llmwright_runtime_hf.serve.engine.token_text import TokenText
from llmwright_runtime_hf.serve.serve_options import ServeOptions

_LONGEST_WORD = 32
_log = python_logging.getLogger("llmwright.serve")


@dataclass(frozen=True)
class LoadedModel:
    """A model and its tokenizer. ``context`` is in tokens, prompt and answer together; ``sampling`` the defaults.

    ``longest_token`` is in characters. ``templates`` are by served name; a name without one has no chat. ``own_ends``
    are, by served name, the tokens at which an adapter's answers end besides ``end_tokens``.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    context: int
    end_tokens: frozenset[int]
    sampling: SamplingParams
    dtype: str
    longest_token: int
    templates: dict[str, ChatTemplate] = field(default_factory=dict)
    own_ends: dict[str, frozenset[int]] = field(default_factory=dict)
    defaults: AnswerDefaults = field(default_factory=AnswerDefaults)
    tool_call_parser: str | None = None
    reasoning_parser: str | None = None

    @cached_property
    def token_text(self) -> TokenText:
        """The bytes of single tokens."""
        return TokenText(self.tokenizer)

    @cached_property
    def channel_tokens(self) -> ChannelTokens:
        """The tokens that tell the messages of an answer apart (gpt-oss); none where the model has no such."""
        return channel_tokens_of(self.tokenizer)

    @cached_property
    def part_marks(self) -> PartMarks | None:
        """The marks between reasoning, content and calls of an answer; None where all of it is content."""
        return part_marks_of(self.tokenizer, self.channel_tokens, self.reasoning_parser)

    def part_marks_under(self, variables: Mapping[str, Any]) -> PartMarks | None:
        """Return those that hold with these variables of the chat template, which may switch reasoning off."""
        marks = self.part_marks
        return marks.under(variables) if isinstance(marks, ThinkTokens) else marks

    @cached_property
    def guides(self) -> GuideCompiler:
        """The maker of shapes for answers."""
        return GuideCompiler(self.tokenizer, self.vocabulary)

    @property
    def vocabulary(self) -> int:
        """The number of tokens that the model knows."""
        return int(self.model.config.get_text_config().vocab_size)

    @property
    def most_characters(self) -> int:
        """A length that no text within the context has: as if every token were the longest there is.

        A tokenizer may write a longer unknown word as one token, and no word that means something is that long.
        """
        return self.context * max(self.longest_token, _LONGEST_WORD)

    def special_token(self, text: str) -> int | None:
        """Return the id of the special token that is written ``text``, None where none is."""
        return special_token_of(self.tokenizer, text)

    def token_of_grammar(self, text: str) -> int | None:
        """Return the id of the token that is written ``text`` where a grammar has to name it, as no text of it matches.

        So it is with special tokens and, in llguidance 1.9, with all that were added and stand in angle brackets.
        """
        if text.startswith("<") and text.endswith(">"):
            added = getattr(self.tokenizer, "added_tokens_decoder", {})
            return next((token for token, known in added.items() if known.content == text), None)
        return self.special_token(text)

    def decode(self, tokens: list[int], *, special: bool = False) -> str:
        """Return the text of ``tokens``; ``special`` shows special tokens."""
        text = self.tokenizer.decode(tokens, skip_special_tokens=not special, clean_up_tokenization_spaces=False)
        return text if isinstance(text, str) else "".join(text)

    def encode(self, text: str, *, special: bool) -> list[int]:
        """Return the tokens of ``text``. ``special`` adds the special tokens that the tokenizer puts around a text.

        One beginning-of-sequence token (BOS) is enough where both the text and the tokenizer write it.

        Raises:
            TextRefusedError: the tokenizer cannot encode it.
        """
        try:
            ids = self.tokenizer(text, add_special_tokens=special)["input_ids"]
        except Exception as error:
            # A tokenizer's Rust half has no class of its own for text that it cannot encode.
            if type(error) is not Exception:
                raise
            raise TextRefusedError(f"the tokenizer refuses the text: {' '.join(str(error).split())}") from error
        return with_one_bos(ids, self.tokenizer.bos_token_id)


def load_model(options: ServeOptions) -> LoadedModel:
    """Load the tokenizer and the weights. Raises ConfigError, in one line, for anything that the user can fix."""
    device = resolve_device(options.device)
    dtype = resolve_dtype(options.dtype, device)
    tokenizer = _load_tokenizer(options)
    tool_call_parser = tool_call_parser_of(options, tokenizer)
    reasoning_parser = reasoning_parser_of(options, tokenizer)
    model = _load_weights(options, device, dtype)
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        context=_context(options, model),
        end_tokens=end_tokens_of(model.generation_config) | _end_tokens(tokenizer),
        sampling=sampling_of(model.generation_config),
        dtype=str(model.dtype).removeprefix("torch."),
        longest_token=max(map(len, tokenizer.get_vocab()), default=1),
        templates=_templates(options, tokenizer),
        defaults=answer_defaults_of(model.generation_config),
        tool_call_parser=tool_call_parser,
        reasoning_parser=reasoning_parser,
    )


def _templates(options: ServeOptions, tokenizer: PreTrainedTokenizerBase) -> dict[str, ChatTemplate]:
    if not tokenizer.chat_template:
        return {}
    return {options.served_model_name: chat_template(tokenizer, str(tokenizer.get_chat_template()))}


def template_of(tokenizer: PreTrainedTokenizerBase, adapter: Path, base: ChatTemplate | None) -> ChatTemplate | None:
    """Return the template that lies in the directory ``adapter``, else the base's. Raises ConfigError."""
    text = template_of_adapter(adapter)
    return base if text is None else chat_template(tokenizer, text)


def own_ends_of(name: str, adapter: Path) -> frozenset[int] | None:
    """Return the end tokens that lie in the directory ``adapter``; log it where there are none. Raises ConfigError.

    Adapters of other programs, and those of an early version of our tuner, have no such file.
    """
    own = end_tokens_of_adapter(adapter)
    if own is None:
        _log.info(
            "adapter %s has no generation_config.json: its answers end at the base's end tokens, and in a chat at"
            " the one that its template writes",
            name,
        )
    return own


def quiet_libraries(threads: int | None) -> None:
    """Set torch's CPU threads (None: torch's default), and keep progress bars and hints out of the log."""
    if threads is not None:
        torch.set_num_threads(threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def resolve_device(device: str) -> str:
    """Return ``cuda`` or ``cpu``; ``auto`` is the GPU where torch sees one. Raises ConfigError for a missing GPU."""
    if device == "cpu" or torch.cuda.is_available():
        return "cuda" if device == "auto" else device
    if device == "cuda":
        raise ConfigError("--device cuda: torch sees no GPU here", hint="use --device cpu, or install a CUDA torch")
    return "cpu"


def resolve_dtype(dtype: str, device: str) -> str:
    """Return float32 for ``auto`` on a CPU: most CPUs emulate the half-precision types, slower and less exact."""
    return "float32" if dtype == "auto" and device == "cpu" else dtype


def _load_tokenizer(options: ServeOptions) -> PreTrainedTokenizerBase:
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            options.model, revision=options.revision, trust_remote_code=options.trust_remote_code
        )
    except Exception as error:
        # The libraries raise errors of any type over a damaged file.
        raise _unusable(options.model, f"the tokenizer of {options.model}", error) from error
    if options.chat_template is not None:
        tokenizer.chat_template = options.chat_template
    loaded: PreTrainedTokenizerBase = tokenizer
    return loaded


def _load_weights(options: ServeOptions, device: str, dtype: str) -> PreTrainedModel:
    source = {"revision": options.revision, "trust_remote_code": options.trust_remote_code}
    try:
        config = AutoConfig.from_pretrained(options.model, **source)
        loaded: Any = getattr(transformers, auto_class(config.model_type)).from_pretrained(
            options.model,
            **source,
            use_safetensors=True,
            dtype=dtype,
            device_map=_device_map(device),
            output_loading_info=True,
            **_quantization(options.quantization, dtype),
        )
    except (
        OSError,
        ValueError,
        LookupError,
        ImportError,
        RuntimeError,
        SafetensorError,
        TypeError,
        AttributeError,
    ) as error:
        raise _unusable(options.model, f"the model {options.model}", error) from error
    model, info = cast(tuple[PreTrainedModel, dict[str, Any]], loaded)
    _refuse_incomplete(options.model, info)
    # Out of training mode: dropout would make the answers of one prompt differ.
    model.train(False)
    use_onednn(model)
    return model


def _device_map(device: str) -> str | dict[str, Any]:
    if device == "cpu":
        return {"": "cpu"}
    return "auto" if torch.cuda.device_count() > 1 else {"": 0}


def _quantization(kind: str, dtype: str) -> dict[str, Any]:
    if kind == "none":
        return {}
    compute = torch.bfloat16 if dtype == "auto" else getattr(torch, dtype)
    kinds: dict[str, dict[str, Any]] = {
        "nf4": {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": True,
            "bnb_4bit_compute_dtype": compute,
        },
        "int8": {"load_in_8bit": True},
    }
    return {"quantization_config": BitsAndBytesConfig(**kinds[kind])}


def _refuse_incomplete(model: str, info: dict[str, Any]) -> None:
    """Raise ConfigError for missing weights: transformers fills them with random numbers, and a server must not."""
    missing = sorted({*info["missing_keys"], *(str(key) for key in info["mismatched_keys"])})
    if missing:
        raise ConfigError(
            f"the model {model} lacks {len(missing)} weights that its config.json asks for, first {missing[0]}",
            hint="the checkpoint is incomplete or belongs to another config.json",
        )


def _context(options: ServeOptions, model: PreTrainedModel) -> int:
    config = model.config.get_text_config()
    own = getattr(config, "max_position_embeddings", None)
    if own is not None and (not isinstance(own, int) or own < 1):
        raise ConfigError(f"the model's config.json: max_position_embeddings is {repr(own)[:100]}, no number of tokens")
    if options.max_model_len is None:
        if own is None:
            raise ConfigError("the model's config.json gives no context length", hint="give --max-model-len")
        return own
    if own is not None and options.max_model_len > own:
        raise ConfigError(
            f"--max-model-len {options.max_model_len} is above the model's context of {own} tokens",
            hint=f"at most {own}",
        )
    return options.max_model_len


def _end_tokens(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    end = tokenizer.eos_token_id
    return frozenset() if end is None else frozenset([int(end)])


def _unusable(model: str, what: str, error: Exception) -> ConfigError:
    if "trust_remote_code" in str(error):
        return code_needed(model)
    if "ignore_mismatched_sizes" in str(error):
        return ConfigError(
            f"{what} cannot be loaded: its weights have other shapes than its config.json says",
            hint="they belong to another config.json; transformers lists them above",
        )
    first = str(error).strip().partition("\n")[0]
    if not isinstance(error, OSError | ValueError) or not first:
        first = f"{type(error).__name__} {first}".strip()
    return ConfigError(f"{what} cannot be loaded: {first}", hint="see the model's files, --revision and HF_* variables")
