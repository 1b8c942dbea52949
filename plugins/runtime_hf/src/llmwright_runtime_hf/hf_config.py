"""``inference.runtimeConfig`` of the ``hf`` runtime."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from llmwright.values.lora_adapter import MAX_LORA_RANK
from llmwright_runtime_hf.reasoning_parsers import NONE, REASONING_PARSERS, ReasoningParser
from llmwright_runtime_hf.tool_parsers import TOOL_PARSERS, ToolParser

OBJECT_NAME = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
REGISTRY = r"^[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*$"


class HfConfig(BaseModel):
    """How the server loads the model. Absent keys follow from the plan, which knows the machine."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    dtype: Literal["auto", "float32", "bfloat16", "float16"] | None = None
    """Number format of the weights in memory."""
    quantization: Literal["none", "nf4", "int8"] | None = None
    """How the weights are quantised while they load."""
    max_model_len: int | None = Field(default=None, ge=16)
    """Longest sequence, in tokens."""
    chat_template: str | None = None
    """Jinja text in place of the tokenizer's own template."""
    tool_call_parser: ToolParser | None = None
    """How the model writes calls of tools, by vLLM's names; without it as the preset says."""
    reasoning_parser: ReasoningParser | Literal["none"] | None = None
    """How the model writes reasoning before its answers, by vLLM's names; without it as the preset says. With ``none``
    reasoning stays in the answer."""
    allowed_hosts: tuple[str, ...] = ()
    """Further hosts that requests may ask for. A server on loopback without a key answers to its own names only."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of web pages that may ask (CORS), as ``https://app.example``; ``*`` is any."""
    page: bool = True
    """Whether ``GET /`` is a page for browsers, with the state of the server and a conversation."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of torch."""
    max_num_seqs: int | None = Field(default=None, ge=1)
    """How many answers are generated at once at most; 64 without it. The free memory may allow fewer."""
    max_queued_requests: int | None = Field(default=None, ge=1)
    """How many requests may wait; 256 without it. More are refused with 429 and ``Retry-After``."""
    max_lora_rank: int | None = Field(default=None, ge=1, le=MAX_LORA_RANK)
    """Greatest rank of an adapter; 512 without it. An adapter of the Workspace itself raises it to its own."""
    adapter_directories: tuple[Annotated[str, Field(pattern=r"^/[^:]*[^:/][^:]*$")], ...] = ()
    """Directories, as the server sees them, from which adapters may be loaded while it runs
    (``/v1/load_lora_adapter``). It needs an API key. Without any the route is not there."""
    adapter_registries: tuple[Annotated[str, Field(pattern=REGISTRY)], ...] = ()
    """Registries, or repositories and what lies below them (``ghcr.io/team``), from whose images adapters may be
    loaded while it runs: ``lora_path: oci://…``. It needs an API key."""
    adapter_pull_secrets: tuple[Annotated[str, Field(pattern=OBJECT_NAME)], ...] = ()
    """Secrets (``kubernetes.io/dockerconfigjson``) with the logins to those registries. On one machine the user's own
    logins are taken."""
    max_num_batched_tokens: int | None = Field(default=None, ge=16)
    """Tokens of one turn: one for each answer, the rest of prompts. 512 without it, on a GPU 2048."""
    enable_prefix_caching: bool | None = None
    """Whether what prompts begin with in common is read once; yes without it."""
    prefix_cache_mib: int | None = Field(default=None, ge=1)
    """Memory for beginnings of prompts. A tenth of what is free without it, 1024 at most."""
    request_timeout: int | None = Field(default=None, ge=1)
    """Seconds after which an answer that is not complete ends with 408."""
    max_n_sequences: int | None = Field(default=None, ge=1)
    """How many answers one request may ask for, all its prompts together; 64 without it."""

    @field_validator("tool_call_parser", mode="before")
    @classmethod
    def _known_parser(cls, value: Any) -> Any:
        if value is None or value in TOOL_PARSERS:
            return value
        known = ", ".join(TOOL_PARSERS)
        raise ValueError(f"hf reads no tool calls of the format {value!r}: write runtime: vllm, or one of {known}")

    @field_validator("reasoning_parser", mode="before")
    @classmethod
    def _known_reasoning(cls, value: Any) -> Any:
        # In the file of vLLM's flags an empty name switches its parser off.
        value = NONE if value == "" else value
        if value is None or value in (*REASONING_PARSERS, NONE):
            return value
        known = ", ".join((*REASONING_PARSERS, NONE))
        raise ValueError(f"hf reads no reasoning of the format {value!r}: write runtime: vllm, or one of {known}")
