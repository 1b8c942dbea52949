"""The server's options, from command-line flags and the environment."""

from __future__ import annotations

import argparse
import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable, is_there, read_text
from llmwright.values.lora_adapter import MAX_LORA_RANK
from llmwright_runtime_hf.tool_parsers import TOOL_PARSERS

API_KEY_VARIABLE = "LLMWRIGHT_API_KEY"
DTYPES = ("auto", "float32", "bfloat16", "float16")
QUANTIZATIONS = ("none", "nf4", "int8")
DEVICES = ("auto", "cpu", "cuda")
MAX_NUM_SEQS = 64
MAX_QUEUED_REQUESTS = 256
MAX_N_SEQUENCES = 64


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """An adapter to serve as ``name``. ``strength`` multiplies the adapter's own scaling (1.0: as it was trained)."""

    name: str
    path: Path
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """All options. ``model`` is a directory or a hub id; ``chat_template`` is Jinja text."""

    model: str
    served_model_name: str
    default_model: str
    revision: str | None = None
    trust_remote_code: bool = False
    adapters: tuple[AdapterSpec, ...] = ()
    host: str = "127.0.0.1"
    port: int = 5000
    dtype: str = "auto"
    quantization: str = "none"
    max_model_len: int | None = None
    chat_template: str | None = None
    tool_call_parser: str | None = None
    device: str = "auto"
    threads: int | None = None
    max_num_seqs: int = MAX_NUM_SEQS
    max_queued_requests: int = MAX_QUEUED_REQUESTS
    max_num_batched_tokens: int | None = None
    enable_prefix_caching: bool = True
    prefix_cache_mib: int | None = None
    request_timeout: int | None = None
    max_n_sequences: int = MAX_N_SEQUENCES
    max_lora_rank: int = MAX_LORA_RANK
    adapter_directories: tuple[Path, ...] = ()
    page: bool = True
    exit_with_parent: bool = False
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    # Not in the repr, which an exception may bring into the log.
    api_key: str | None = field(default=None, repr=False)

    @property
    def checks_host(self) -> bool:
        """Whether only some hosts may be asked for: where they are named, and on loopback without a key."""
        return bool(self.allowed_hosts) or (self.api_key is None and _is_loopback(self.host))

    @property
    def model_names(self) -> tuple[str, ...]:
        """The names that a request may give as ``model``: the base first, then the adapters."""
        return (self.served_model_name, *(adapter.name for adapter in self.adapters))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message, hint=f"`{self.prog} --help` lists the flags")


def parse_options(argv: Sequence[str], environ: Mapping[str, str]) -> ServeOptions:
    """Return the options. Raises ConfigError for a wrong flag; exits only for ``--help``."""
    flags = _parser().parse_args(argv)
    served = flags.served_model_name or _name_of(flags.model)
    options = ServeOptions(
        model=flags.model,
        served_model_name=served,
        default_model=flags.default_model or served,
        revision=flags.revision,
        trust_remote_code=flags.trust_remote_code,
        adapters=tuple(parse_adapter(text) for text in flags.adapter),
        host=flags.host,
        port=flags.port,
        dtype=flags.dtype,
        quantization=flags.quantization,
        max_model_len=flags.max_model_len,
        chat_template=None if flags.chat_template is None else read_chat_template(flags.chat_template),
        tool_call_parser=flags.tool_call_parser,
        device=flags.device,
        threads=flags.threads,
        max_num_seqs=flags.max_num_seqs,
        max_queued_requests=flags.max_queued_requests,
        max_num_batched_tokens=flags.max_num_batched_tokens,
        enable_prefix_caching=flags.enable_prefix_caching,
        prefix_cache_mib=flags.prefix_cache_mib,
        request_timeout=flags.request_timeout,
        max_n_sequences=flags.max_n_sequences,
        max_lora_rank=flags.max_lora_rank,
        adapter_directories=tuple(Path(text) for text in flags.adapter_directory),
        page=not flags.no_page,
        exit_with_parent=flags.exit_with_parent,
        allowed_hosts=tuple(flags.allowed_host),
        allowed_origins=tuple(flags.allowed_origin),
        api_key=_api_key(environ),
    )
    _check_names(options)
    _check_directories(options)
    return options


def parse_adapter(text: str) -> AdapterSpec:
    """Read ``NAME=PATH[,strength=0.8]``. Raises ConfigError."""
    name, separator, rest = text.partition("=")
    path, _, strength = rest.partition(",strength=")
    if not (name and separator and path):
        raise ConfigError(f"--adapter {text!r} is not NAME=PATH[,strength=0.8]", hint="for example facts=./adapter")
    return AdapterSpec(name, Path(path), _strength(text, strength) if strength else 1.0)


def read_chat_template(value: str) -> str:
    """Return ``value`` if it is a template (with a brace or a line break, as in KAITO), else the file's content."""
    if "{" in value or "\n" in value:
        return value
    try:
        return read_text(Path(value))
    except (FileNotFoundError, Unreadable) as error:
        raise ConfigError(
            f"--chat-template {value[:200]!r} {_why(error)}", hint="give a file or the Jinja text itself"
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m llmwright_runtime_hf.serve",
        description="Serve a base model and its adapters: /chat and the OpenAI API.",
        epilog=f"The API key, if any, comes from the environment variable {API_KEY_VARIABLE}.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--model", required=True, metavar="PATH_OR_HF_ID")
    add("--revision", metavar="R", help="branch, tag or commit of a hub model")
    add("--trust-remote-code", action="store_true", help="run Python code from the model's repository")
    add("--served-model-name", metavar="NAME", help="name of the base in requests (default: from --model)")
    add("--adapter", action="append", default=[], metavar="NAME=PATH[,strength=S]", help="may be given several times")
    add("--default-model", metavar="NAME", help="answers requests that name no model (default: the base)")
    add("--host", default="127.0.0.1")
    add("--port", type=_port, default=5000, metavar="N", help="0 takes a free one (default: 5000)")
    add("--dtype", choices=DTYPES, default="auto", help="auto: the checkpoint's on a GPU, float32 on a CPU")
    add("--quantization", choices=QUANTIZATIONS, default="none", help="quantise with bitsandbytes while loading")
    add("--max-model-len", type=_positive, metavar="N", help="context in tokens (default: the model's own)")
    add("--chat-template", metavar="FILE_OR_INLINE", help="replaces the tokenizer's")
    add("--tool-call-parser", choices=TOOL_PARSERS, help="how the model writes calls of tools (vLLM's names)")
    add("--device", choices=DEVICES, default="auto")
    add("--threads", type=_positive, metavar="N", help="CPU threads of torch")
    seqs, queue = "answers that are generated at once at most", "requests that may wait; more are refused with 429"
    add("--max-num-seqs", type=_positive, default=MAX_NUM_SEQS, metavar="N", help=f"{seqs} (default: {MAX_NUM_SEQS})")
    add(
        "--max-queued-requests",
        type=_positive,
        default=MAX_QUEUED_REQUESTS,
        metavar="N",
        help=f"{queue} (default: {MAX_QUEUED_REQUESTS})",
    )
    add(
        "--max-n-sequences",
        type=_positive,
        default=MAX_N_SEQUENCES,
        metavar="N",
        help=f"answers that one request may ask for, all prompts together (default: {MAX_N_SEQUENCES})",
    )
    turn = "tokens of one turn: one for each answer, the rest of prompts (default: 512, on a GPU 2048)"
    add("--max-num-batched-tokens", type=_positive, metavar="N", help=turn)
    keep = "read what prompts begin with in common once"
    add("--enable-prefix-caching", action=argparse.BooleanOptionalAction, default=True, help=keep)
    most = "memory for beginnings of prompts (default: a tenth of what is free, 1024 at most)"
    add("--prefix-cache-mib", type=_positive, metavar="N", help=most)
    add("--request-timeout", type=_positive, metavar="SECONDS", help="end an answer that takes longer (default: none)")
    add(
        "--allowed-host", action="append", default=[], metavar="HOST", help="a name that requests may ask for; * is any"
    )
    add("--allowed-origin", action="append", default=[], metavar="ORIGIN", help="a page that may ask; * is any (CORS)")
    ranks = f"greatest rank of an adapter (default: {MAX_LORA_RANK})"
    add("--max-lora-rank", type=_positive, default=MAX_LORA_RANK, metavar="N", help=ranks)
    folder = "requests may load adapters from below it; may be given several times"
    add("--adapter-directory", action="append", default=[], metavar="DIR", help=folder)
    add("--no-page", action="store_true", help="answer GET / with 404, not with the page for browsers")
    add("--exit-with-parent", action="store_true", help="end when the process that started this one ends")
    return parser


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _strength(text: str, value: str) -> float:
    try:
        strength = float(value)
    except ValueError:
        strength = math.nan
    if not math.isfinite(strength):
        raise ConfigError(f"--adapter {text!r}: strength {value!r} is not a number", hint="for example strength=0.8")
    return strength


def _name_of(model: str) -> str:
    path = Path(model)
    return path.resolve().name if is_there(path) or path.is_absolute() else model


def _api_key(environ: Mapping[str, str]) -> str | None:
    # A secret that was made with ``echo`` ends with a line break, and no header can: nobody could use that key.
    key = environ[API_KEY_VARIABLE].strip() if API_KEY_VARIABLE in environ else None
    if key == "":
        raise ConfigError(
            f"{API_KEY_VARIABLE} is set and empty", hint="give it a value, or unset it to serve without a key"
        )
    if key and not (key.isascii() and key.isprintable()):
        raise ConfigError(f"{API_KEY_VARIABLE} has characters that no HTTP header can hold", hint="use plain ASCII")
    return key


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_names(options: ServeOptions) -> None:
    names = options.model_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"the name {twice[0]!r} is given to two models", hint="base and adapters need distinct names")
    if options.default_model not in names:
        raise ConfigError(
            f"--default-model {options.default_model!r} is not served", hint=f"one of: {', '.join(names)}"
        )


def _check_directories(options: ServeOptions) -> None:
    if options.adapter_directories and options.api_key is None:
        message = "--adapter-directory lets requests load adapters, which is safe behind an API key alone"
        raise ConfigError(message, hint=f"set the variable {API_KEY_VARIABLE}", reason="KeyRequired")
    for directory in options.adapter_directories:
        if not directory.is_absolute() or directory == Path(directory.anchor):
            raise ConfigError(
                f"--adapter-directory {str(directory)!r} is not the absolute path of a directory below /",
                hint="for example --adapter-directory /srv/adapters",
            )


def _why(error: FileNotFoundError | Unreadable) -> str:
    return str(error) if isinstance(error, Unreadable) else "is not there"
