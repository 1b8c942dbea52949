"""The server's options, from command-line flags and the environment."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable, is_there, read_text
from llmwright.reading.key_file import api_key
from llmwright.values.lora_adapter import MAX_LORA_RANK
from llmwright_runtime_hf.serve.flags import MAX_N_SEQUENCES, MAX_NUM_SEQS, MAX_QUEUED_REQUESTS, flag_parser

API_KEY_VARIABLE = "LLMWRIGHT_API_KEY"
_REGISTRY = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*")


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
    reasoning_parser: str | None = None
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
    adapter_registries: tuple[str, ...] = ()
    # Set by a program around the engine, and by no flag: it loads adapters while the engine runs.
    later_adapters: bool = False
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
    def hot_adapters(self) -> bool:
        """Whether requests may load adapters."""
        return bool(self.adapter_directories or self.adapter_registries)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The names that a request may give as ``model``: the base first, then the adapters."""
        return (self.served_model_name, *(adapter.name for adapter in self.adapters))


def parse_options(argv: Sequence[str], environ: Mapping[str, str]) -> ServeOptions:
    """Return the options. Raises ConfigError for a wrong flag; exits only for ``--help``."""
    flags = flag_parser(API_KEY_VARIABLE).parse_args(argv)
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
        reasoning_parser=flags.reasoning_parser,
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
        adapter_registries=tuple(flags.adapter_registry),
        page=not flags.no_page,
        exit_with_parent=flags.exit_with_parent,
        allowed_hosts=tuple(flags.allowed_host),
        allowed_origins=tuple(flags.allowed_origin),
        api_key=_api_key(environ),
    )
    _check_names(options)
    _check_adapter_sources(options)
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
    key = api_key(environ)
    key = None if key is None else key.strip()
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


def _check_adapter_sources(options: ServeOptions) -> None:
    if options.hot_adapters and options.api_key is None:
        flag = "--adapter-directory" if options.adapter_directories else "--adapter-registry"
        message = f"{flag} lets requests load adapters, which is safe behind an API key alone"
        raise ConfigError(message, hint=f"set the variable {API_KEY_VARIABLE}", reason="KeyRequired")
    for directory in options.adapter_directories:
        if not directory.is_absolute() or directory == Path(directory.anchor):
            raise ConfigError(
                f"--adapter-directory {str(directory)!r} is not the absolute path of a directory below /",
                hint="for example --adapter-directory /srv/adapters",
            )
    for registry in options.adapter_registries:
        if not _REGISTRY.fullmatch(registry):
            raise ConfigError(
                f"--adapter-registry {registry!r} is no registry, and no repository of one",
                hint="for example --adapter-registry ghcr.io/team",
            )


def _why(error: FileNotFoundError | Unreadable) -> str:
    return str(error) if isinstance(error, Unreadable) else "is not there"
