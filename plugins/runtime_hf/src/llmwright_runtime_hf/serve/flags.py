"""The server's command-line flags."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from llmwright.errors import ConfigError
from llmwright.values.lora_adapter import MAX_LORA_RANK
from llmwright_runtime_hf.reasoning_parsers import NONE, REASONING_PARSERS
from llmwright_runtime_hf.tool_parsers import TOOL_PARSERS

DTYPES = ("auto", "float32", "bfloat16", "float16")
QUANTIZATIONS = ("none", "nf4", "int8")
DEVICES = ("auto", "cpu", "cuda")
MAX_NUM_SEQS = 64
MAX_QUEUED_REQUESTS = 256
MAX_N_SEQUENCES = 64

SEVERAL: dict[str, Any] = {"action": "append", "default": []}


class FlagParser(argparse.ArgumentParser):
    """Raise ConfigError for a wrong flag, in place of the end of the process."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(message, hint=f"`{self.prog} --help` lists the flags")


def flag_parser(key_variable: str) -> FlagParser:
    """Return the parser of all flags. ``key_variable`` is where the API key comes from."""
    parser = FlagParser(
        prog="python -m llmwright_runtime_hf.serve",
        description="Serve a base model and its adapters: /chat and the OpenAI API.",
        epilog=f"The API key, if any, comes from the environment variable {key_variable}.",
        allow_abbrev=False,
    )
    _add_model(parser)
    _add_adapters(parser)
    _add_address(parser)
    _add_batch(parser)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", required=True, metavar="PATH_OR_HF_ID")
    add("--revision", metavar="R", help="branch, tag or commit of a hub model")
    add("--trust-remote-code", action="store_true", help="run Python code from the model's repository")
    add("--served-model-name", metavar="NAME", help="name of the base in requests (default: from --model)")
    add("--default-model", metavar="NAME", help="answers requests that name no model (default: the base)")
    add("--dtype", choices=DTYPES, default="auto", help="auto: the checkpoint's on a GPU, float32 on a CPU")
    add("--quantization", choices=QUANTIZATIONS, default="none", help="quantise with bitsandbytes while loading")
    add("--max-model-len", type=_positive, metavar="N", help="context in tokens (default: the model's own)")
    add("--chat-template", metavar="FILE_OR_INLINE", help="replaces the tokenizer's")
    add("--tool-call-parser", choices=TOOL_PARSERS, help="how the model writes calls of tools (vLLM's names)")
    reasoning = "how the model writes reasoning before its answers (vLLM's names); none leaves it in the answer"
    add("--reasoning-parser", choices=(*REASONING_PARSERS, NONE), help=reasoning)
    add("--device", choices=DEVICES, default="auto")
    add("--threads", type=_positive, metavar="N", help="CPU threads of torch")


def _add_adapters(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--adapter", **SEVERAL, metavar="NAME=PATH[,strength=S]", help="may be given several times")
    ranks = f"greatest rank of an adapter (default: {MAX_LORA_RANK})"
    add("--max-lora-rank", type=_positive, default=MAX_LORA_RANK, metavar="N", help=ranks)
    folder = "requests may load adapters from below it; may be given several times"
    add("--adapter-directory", **SEVERAL, metavar="DIR", help=folder)
    registry = "requests may load adapters from its images (oci://); may be given several times"
    add("--adapter-registry", **SEVERAL, metavar="HOST[/REPOSITORY]", help=registry)


def _add_address(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=_port, default=5000, metavar="N", help="0 takes a free one (default: 5000)")
    add("--allowed-host", **SEVERAL, metavar="HOST", help="a name that requests may ask for; * is any")
    add("--allowed-origin", **SEVERAL, metavar="ORIGIN", help="a page that may ask; * is any (CORS)")
    add("--no-page", action="store_true", help="answer GET / with 404, not with the page for browsers")
    add("--exit-with-parent", action="store_true", help="end when the process that started this one ends")


def _add_batch(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    seqs, queue = "answers that are generated at once at most", "requests that may wait; more are refused with 429"
    several = "answers that one request may ask for, all prompts together"
    for flag, default, text in (
        ("--max-num-seqs", MAX_NUM_SEQS, seqs),
        ("--max-queued-requests", MAX_QUEUED_REQUESTS, queue),
        ("--max-n-sequences", MAX_N_SEQUENCES, several),
    ):
        add(flag, type=_positive, default=default, metavar="N", help=f"{text} (default: {default})")
    turn = "tokens of one turn: one for each answer, the rest of prompts (default: 512, on a GPU 2048)"
    add("--max-num-batched-tokens", type=_positive, metavar="N", help=turn)
    keep = "read what prompts begin with in common once"
    add("--enable-prefix-caching", action=argparse.BooleanOptionalAction, default=True, help=keep)
    most = "memory for beginnings of prompts (default: a tenth of what is free, 1024 at most)"
    add("--prefix-cache-mib", type=_positive, metavar="N", help=most)
    add("--request-timeout", type=_positive, metavar="SECONDS", help="end an answer that takes longer (default: none)")


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)
