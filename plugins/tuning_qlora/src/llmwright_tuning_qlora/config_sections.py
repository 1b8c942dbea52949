"""The sections of KAITO's ``training_config.yaml``, one model each.

Names and defaults are upstream's (v0.12: transformers, peft and trl under ``training_config``). Where a default is
ours, a comment gives the reason. Upstream's other keys are in ``unsupported_keys``; no key is dropped in silence.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr, field_validator


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_as_list)]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
LARGEST = 2**53
"""The numbers below it are exact in a float too."""
Strategy = Literal["no", "steps", "epoch"]


REWRITING_INITIALISATIONS = ("pissa", "olora")
"""Values of ``init_lora_weights`` that move a part of the base's weights into the adapter (peft)."""


class Section(BaseModel):
    """A section: immutable, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @field_validator("*")
    @classmethod
    def _is_a_size(cls, value: Any) -> Any:
        """Refuse a number that no computation holds."""
        if isinstance(value, int | float) and not abs(value) <= LARGEST:
            raise ValueError(f"a number between -{LARGEST} and {LARGEST} is expected")
        return value


class ModelSection(Section):
    """``ModelConfig``: how the base model is loaded."""

    torch_dtype: Dtype = "auto"
    local_files_only: bool = False
    revision: str | None = None
    trust_remote_code: bool = False
    cache_dir: str | None = None
    force_download: bool = False
    chat_template: str | None = None
    """Text of a Jinja template, or a file's path."""


class QuantizationSection(Section):
    """``QuantizationConfig``: bitsandbytes, with transformers' defaults."""

    quant_method: Literal["bitsandbytes"] = "bitsandbytes"
    load_in_8bit: StrictBool = False
    load_in_4bit: StrictBool = False
    llm_int8_threshold: float = 6.0
    llm_int8_skip_modules: Names | None = None
    llm_int8_enable_fp32_cpu_offload: bool = False
    llm_int8_has_fp16_weight: bool = False
    bnb_4bit_compute_dtype: Dtype = "float32"
    bnb_4bit_quant_type: Literal["fp4", "nf4"] = "fp4"
    bnb_4bit_use_double_quant: bool = False

    @property
    def bits(self) -> int | None:
        """4, 8, or None for no quantisation."""
        return 4 if self.load_in_4bit else 8 if self.load_in_8bit else None


class LoraSection(Section):
    """``LoraConfig``: the keys of peft's that an adapter of a causal model uses."""

    r: int = Field(8, ge=1)
    lora_alpha: int = Field(8, ge=1)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    bias: Literal["none", "all", "lora_only"] = "none"
    target_modules: Names | None = None
    exclude_modules: Names | None = None
    modules_to_save: Names | None = None
    use_rslora: bool = False
    use_dora: bool = False
    lora_bias: bool = False
    fan_in_fan_out: bool = False
    init_lora_weights: bool | Literal["gaussian", "olora", "orthogonal", "pissa"] = True
    layers_to_transform: list[int] | int | None = None
    layers_pattern: Names | None = None
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, int] = {}
    task_type: Literal["CAUSAL_LM"] = "CAUSAL_LM"


class TrainingSection(Section):
    """``TrainingArguments``: the keys of trl's SFTConfig that this tuner supports."""

    output_dir: StrictStr = ""
    num_train_epochs: float = Field(3.0, gt=0)
    max_steps: int = Field(-1, ge=-1)
    per_device_train_batch_size: int = Field(8, ge=1)
    per_device_eval_batch_size: int = Field(8, ge=1)
    gradient_accumulation_steps: int = Field(1, ge=1)
    # Ours. trl's 2e-5 is for training all weights; 2e-4 is what the QLoRA paper uses (arXiv 2305.14314, table 9).
    learning_rate: float = Field(2e-4, gt=0)
    lr_scheduler_type: str = "linear"
    lr_scheduler_kwargs: dict[str, Any] = {}
    warmup_steps: float = Field(0, ge=0)
    warmup_ratio: float | None = Field(None, ge=0, lt=1)
    optim: str = "adamw_torch_fused"
    optim_args: str | None = None
    weight_decay: float = Field(0.0, ge=0)
    adam_beta1: float = Field(0.9, ge=0, lt=1)
    adam_beta2: float = Field(0.999, ge=0, lt=1)
    adam_epsilon: float = Field(1e-8, gt=0)
    max_grad_norm: float = Field(1.0, ge=0)
    label_smoothing_factor: float = Field(0.0, ge=0, lt=1)
    neftune_noise_alpha: float | None = None
    bf16: bool | None = None
    fp16: bool | None = None
    tf32: bool | None = None
    gradient_checkpointing: bool | None = None
    """None: decided by the free memory."""
    seed: int = Field(42, ge=0)
    data_seed: int | None = Field(None, ge=0)
    eval_strategy: Strategy | None = None
    """None: after each epoch, if rows are held out."""
    eval_steps: int | None = Field(None, ge=1)
    logging_steps: int | None = Field(None, ge=1)
    max_length: int | None = Field(None, ge=2)
    """Longest row in tokens. A longer row is an error; trl truncates it, and the row may lose its answer."""
    group_by_length: bool = True
    # "no" turns off only transformers' own checkpoints. Ours follow ``checkpoint_seconds``: a killed run loses little.
    save_strategy: Strategy = "no"
    save_steps: int = Field(500, ge=1)
    save_total_limit: int = Field(2, ge=1)
    checkpoint_seconds: float | None = Field(None, ge=0)
    """Addition: seconds between checkpoints, 0 for none. None keeps their cost to about two percent of the time."""
    resume: bool = True
    """Addition: continue from the newest complete checkpoint of the same data, model and configuration."""
    ddp_find_unused_parameters: bool | None = None
    dataloader_num_workers: int = Field(0, ge=0)


class CollatorSection(Section):
    """``DataCollator``: accepted because upstream's files have it. Causal models always learn the next token."""

    mlm: bool = True
    mlm_probability: float | None = None
    pad_to_multiple_of: int | None = Field(None, ge=1)


class DatasetSection(Section):
    """``DatasetConfig``: the data file, its columns, and the rows held out."""

    dataset_path: str | None = None
    dataset_extension: Literal["csv", "json", "jsonl", "parquet", "arrow"] | None = None
    shuffle_dataset: bool = True
    shuffle_seed: int = Field(42, ge=0)
    context_column: str | None = None
    response_column: str = "text"
    messages_column: str | None = None
    train_test_split: float = Field(0.8, gt=0, le=1)
    """The share of rows to train on. With 1 no row is held out for evaluation."""
