"""The sections of KAITO's ``training_config.yaml``, one model each.

Names and defaults are upstream's (v0.12: transformers, peft and trl under ``training_config``). Where a default is
ours the field's comment says why. A key that upstream accepts and this tuner cannot honour stands in ``REFUSED`` (it
would change the result) or ``IGNORED`` (it would not); no key is dropped in silence.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_as_list)]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Strategy = Literal["no", "steps", "epoch"]


class Section(BaseModel):
    """A section: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


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
    """``LoraConfig``: peft's, as far as a causal model's adapter goes."""

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
    """``TrainingArguments``: those of trl's SFTConfig that are honoured."""

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
    """None decides by the memory that is free."""
    seed: int = Field(42, ge=0)
    data_seed: int | None = Field(None, ge=0)
    eval_strategy: Strategy | None = None
    """None evaluates after each epoch where there is an evaluation set."""
    eval_steps: int | None = Field(None, ge=1)
    logging_steps: int | None = Field(None, ge=1)
    max_length: int | None = Field(None, ge=2)
    """Longest row in tokens. Unlike trl, a longer row is an error: a truncated one would lose its answer."""
    group_by_length: bool = True
    # trl's "no" stops trl's own checkpoints; a run that may be killed wants some: see ``checkpoint_seconds``.
    save_strategy: Strategy = "no"
    save_steps: int = Field(500, ge=1)
    save_total_limit: int = Field(2, ge=1)
    checkpoint_seconds: float | None = Field(None, ge=0)
    """Addition: seconds between checkpoints, 0 for none; None keeps their cost to about two percent of the time."""
    resume: bool = True
    """Addition: go on from the newest complete checkpoint of the same data, model and configuration."""
    ddp_find_unused_parameters: bool | None = None
    dataloader_num_workers: int = Field(0, ge=0)


class CollatorSection(Section):
    """``DataCollator``: accepted for upstream's sake; causal models are trained on the next token whatever it says."""

    mlm: bool = True
    mlm_probability: float | None = None
    pad_to_multiple_of: int | None = Field(None, ge=1)


class DatasetSection(Section):
    """``DatasetConfig``: which rows, and which of their columns."""

    dataset_path: str | None = None
    dataset_extension: Literal["csv", "json", "jsonl", "parquet", "arrow"] | None = None
    shuffle_dataset: bool = True
    shuffle_seed: int = Field(42, ge=0)
    context_column: str | None = None
    response_column: str = "text"
    messages_column: str | None = None
    train_test_split: float = Field(0.8, gt=0, le=1)
    """Share of the rows that is trained on; 1 keeps none for evaluation."""


REFUSED: dict[str, dict[str, str]] = {
    "ModelConfig": {"state_dict": "weights come from the preset"},
    "QuantizationConfig": {"bnb_4bit_quant_storage": "the storage type is bitsandbytes' default"},
    "LoraConfig": {
        **dict.fromkeys(
            ("eva_config", "corda_config", "lora_ga_config", "velora_config", "monteclora_config", "kasa_config"),
            "this initialisation is not offered",
        ),
        **dict.fromkeys(("megatron_config", "megatron_core"), "Megatron is not used"),
        **dict.fromkeys(
            ("layer_replication", "trainable_token_indices", "target_parameters", "alora_invocation_tokens"),
            "servers of adapters cannot load the result",
        ),
        **dict.fromkeys(("use_qalora", "use_bdlora", "arrow_config"), "this kind of adapter is not offered"),
    },
    "TrainingArguments": {
        **dict.fromkeys(("packing", "packing_strategy", "eval_packing", "padding_free"), "rows are never packed"),
        **dict.fromkeys(("fsdp", "fsdp_config", "deepspeed"), "training is distributed by data parallelism only"),
        **dict.fromkeys(("push_to_hub", "hub_model_id", "hub_token"), "the adapter is pushed to tuning.output"),
        **dict.fromkeys(("load_best_model_at_end", "metric_for_best_model"), "the adapter is that of the last step"),
        **dict.fromkeys(
            ("assistant_only_loss", "completion_only_loss"), "the loss is on the answers, and on all of a plain text"
        ),
        "auto_find_batch_size": "the batch size is what you say",
        "loss_type": "the loss is cross-entropy on the next token",
        "model_init_kwargs": "use ModelConfig",
        "chat_template_path": "use ModelConfig.chat_template",
        "truncation_mode": "rows are never truncated",
    },
    "DatasetConfig": {},
    "DataCollator": {},
}
"""Known upstream keys that would change the result and cannot be honoured: section, key, why."""

IGNORED: dict[str, frozenset[str]] = {
    "ModelConfig": frozenset(
        {"pretrained_model_name_or_path", "output_loading_info", "proxies", "device_map", "low_cpu_mem_usage"}
    ),
    "QuantizationConfig": frozenset(),
    "LoraConfig": frozenset({"loftq_config", "inference_mode", "peft_type", "base_model_name_or_path", "revision"}),
    "TrainingArguments": frozenset(
        {
            "report_to", "run_name", "project", "log_level", "logging_dir", "logging_strategy", "logging_first_step",
            "disable_tqdm", "do_train", "do_eval", "do_predict", "resume_from_checkpoint", "overwrite_output_dir",
            "remove_unused_columns", "dataset_text_field", "dataset_num_proc", "dataset_kwargs", "label_names",
            "gradient_checkpointing_kwargs", "use_cpu", "no_cuda", "local_rank", "ddp_backend", "ddp_timeout",
            "dataloader_pin_memory", "save_safetensors", "save_only_model", "skip_memory_metrics", "use_cache",
            "prediction_loss_only", "include_num_input_tokens_seen", "pad_to_multiple_of", "activation_offloading",
        }
    ),
    "DatasetConfig": frozenset(),
    "DataCollator": frozenset({"tokenizer", "return_tensors", "random_replace_prob", "mask_replace_prob"}),
}  # fmt: skip
"""Known upstream keys that change nothing in the result; each is accepted with a note."""

RENAMED: dict[str, dict[str, str]] = {
    "ModelConfig": {"dtype": "torch_dtype"},
    "TrainingArguments": {"evaluation_strategy": "eval_strategy", "max_seq_length": "max_length"},
}
"""Other spellings that versions of transformers and trl accept."""
