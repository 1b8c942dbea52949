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
CHAT_TEMPLATE = "chat_template.jinja"
"""The file of a template beside the weights (transformers); a tuned adapter has it where its run named a template."""
GENERATION_CONFIG = "generation_config.json"
"""transformers' file of how a model is sampled and where its answers end."""


class Section(BaseModel):
    """A section: immutable, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), use_attribute_docstrings=True)

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
    """The numbers to compute in; ``auto`` is the checkpoint's."""
    local_files_only: bool = False
    """Download nothing: the weights are there."""
    revision: str | None = None
    """The branch or commit of the model; the preset's where unset."""
    trust_remote_code: bool = False
    """Run the model's own Python code; the settings must allow it."""
    cache_dir: str | None = None
    """The directory of downloads."""
    force_download: bool = False
    """Download again what is there."""
    chat_template: str | None = None
    """Text of a Jinja template, or a file's path."""


class QuantizationSection(Section):
    """``QuantizationConfig``: bitsandbytes, with transformers' defaults."""

    quant_method: Literal["bitsandbytes"] = "bitsandbytes"
    """bitsandbytes alone."""
    load_in_8bit: StrictBool = False
    """Quantise linear layers to 8 bits while loading."""
    load_in_4bit: StrictBool = False
    """Quantise linear layers to 4 bits while loading."""
    llm_int8_threshold: float = 6.0
    """Activations above it are computed in 16 bits."""
    llm_int8_skip_modules: Names | None = None
    """Modules that stay as they are."""
    llm_int8_enable_fp32_cpu_offload: bool = False
    """Keep layers that find no room on the host, in float32."""
    llm_int8_has_fp16_weight: bool = False
    """Keep the weights in 16 bits beside the 8."""
    bnb_4bit_compute_dtype: Dtype = "float32"
    """The numbers of multiplications with 4-bit weights."""
    bnb_4bit_quant_type: Literal["fp4", "nf4"] = "fp4"
    """The 4-bit format."""
    bnb_4bit_use_double_quant: bool = False
    """Quantise the quantisation's constants too."""

    @property
    def bits(self) -> int | None:
        """4, 8, or None for no quantisation."""
        return 4 if self.load_in_4bit else 8 if self.load_in_8bit else None


class LoraSection(Section):
    """``LoraConfig``: the keys of peft's that an adapter of a causal model uses."""

    r: int = Field(8, ge=1)
    """The rank of the adapter's matrices."""
    lora_alpha: int = Field(8, ge=1)
    """The adapter's strength; its share is alpha / r."""
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    """The share of inputs that a training step leaves out."""
    bias: Literal["none", "all", "lora_only"] = "none"
    """Biases that are trained."""
    target_modules: Names | None = None
    """Linear layers that get an adapter; the preset's where unset."""
    exclude_modules: Names | None = None
    """Layers that get none."""
    modules_to_save: Names | None = None
    """Modules that are trained whole and saved with the adapter."""
    use_rslora: bool = False
    """Scale by the root of the rank."""
    use_dora: bool = False
    """Train magnitude and direction apart (DoRA)."""
    lora_bias: bool = False
    """Give the adapter's second matrix a bias."""
    fan_in_fan_out: bool = False
    """The layers store their weights transposed."""
    init_lora_weights: bool | Literal["gaussian", "olora", "orthogonal", "pissa"] = True
    """How the adapter's matrices begin."""
    layers_to_transform: list[int] | int | None = None
    """Numbers of the layers that get an adapter; all where unset."""
    layers_pattern: Names | None = None
    """Names of the lists of layers that ``layers_to_transform`` counts in."""
    rank_pattern: dict[str, int] = {}
    """Other ranks, by the layer's name."""
    alpha_pattern: dict[str, int] = {}
    """Other strengths, by the layer's name."""
    task_type: Literal["CAUSAL_LM"] = "CAUSAL_LM"
    """Causal language models alone."""

    @property
    def delivered_rank(self) -> int:
        """The greatest rank of the finished adapter: twice that of training where a part of the base moved into it."""
        return max(self.r, *self.rank_pattern.values(), 0) * (
            2 if self.init_lora_weights in REWRITING_INITIALISATIONS else 1
        )


class TrainingSection(Section):
    """``TrainingArguments``: the keys of trl's SFTConfig that this tuner supports."""

    output_dir: StrictStr = ""
    """The directory of the result in the pod."""
    num_train_epochs: float = Field(3.0, gt=0)
    """Rounds over the data."""
    max_steps: int = Field(-1, ge=-1)
    """Steps of the optimizer; -1 follows the rounds."""
    per_device_train_batch_size: int = Field(8, ge=1)
    """Rows of one batch on each device."""
    per_device_eval_batch_size: int = Field(8, ge=1)
    """Rows of one batch of the evaluation."""
    gradient_accumulation_steps: int = Field(1, ge=1)
    """Batches of one step."""
    # Ours. trl's 2e-5 is for training all weights; 2e-4 is what the QLoRA paper uses (arXiv 2305.14314, table 9).
    learning_rate: float = Field(2e-4, gt=0)
    """The highest learning rate."""
    lr_scheduler_type: str = "linear"
    """The course of the learning rate."""
    lr_scheduler_kwargs: dict[str, Any] = {}
    """Options of that course."""
    warmup_steps: float = Field(0, ge=0)
    """Steps until the highest learning rate; below 1 a share of all."""
    warmup_ratio: float | None = Field(None, ge=0, lt=1)
    """The share of all steps until the highest learning rate."""
    optim: str = "adamw_torch_fused"
    """The optimizer."""
    optim_args: str | None = None
    """Options of the optimizer, ``name=value`` with commas."""
    weight_decay: float = Field(0.0, ge=0)
    """The optimizer's weight decay."""
    adam_beta1: float = Field(0.9, ge=0, lt=1)
    """Adam's decay of the first moment."""
    adam_beta2: float = Field(0.999, ge=0, lt=1)
    """Adam's decay of the second moment."""
    adam_epsilon: float = Field(1e-8, gt=0)
    """Adam's term against division by zero."""
    max_grad_norm: float = Field(1.0, ge=0)
    """Gradients are cut to this norm; 0 cuts none."""
    label_smoothing_factor: float = Field(0.0, ge=0, lt=1)
    """The share of each label that is spread over all tokens."""
    neftune_noise_alpha: float | None = None
    """Noise on the embeddings (NEFTune)."""
    bf16: bool | None = None
    """Compute in bfloat16; decided by the machine where unset."""
    fp16: bool | None = None
    """Compute in float16; decided by the machine where unset."""
    tf32: bool | None = None
    """Let the GPU multiply float32 in TF32."""
    gradient_checkpointing: bool | None = None
    """None: decided by the free memory."""
    seed: int = Field(42, ge=0)
    """The seed of all random numbers."""
    data_seed: int | None = Field(None, ge=0)
    """The seed of the order of rows; ``seed`` where unset."""
    eval_strategy: Strategy | None = None
    """None: after each epoch, if rows are held out."""
    eval_steps: int | None = Field(None, ge=1)
    """Steps between evaluations."""
    logging_steps: int | None = Field(None, ge=1)
    """Steps between lines of progress."""
    max_length: int | None = Field(None, ge=2)
    """Longest row in tokens. A longer row is an error; trl truncates it, and the row may lose its answer."""
    group_by_length: bool = True
    """Put rows of like length into one batch."""
    # "no" turns off only transformers' own checkpoints. Ours follow ``checkpoint_seconds``: a killed run loses little.
    save_strategy: Strategy = "no"
    """When transformers' own checkpoints are written."""
    save_steps: int = Field(500, ge=1)
    """Steps between transformers' own checkpoints."""
    save_total_limit: int = Field(2, ge=1)
    """How many checkpoints are kept."""
    checkpoint_seconds: float | None = Field(None, ge=0)
    """Addition: seconds between checkpoints, 0 for none. None keeps their cost to about two percent of the time."""
    resume: bool = True
    """Addition: continue from the newest complete checkpoint of the same data, model and configuration."""
    ddp_find_unused_parameters: bool | None = None
    """Let several GPUs look for weights without a gradient."""
    dataloader_num_workers: int = Field(0, ge=0)
    """Processes that prepare batches."""


class CollatorSection(Section):
    """``DataCollator``: accepted because upstream's files have it. Causal models always learn the next token."""

    mlm: bool = True
    """Has no effect on causal models."""
    mlm_probability: float | None = None
    """Has no effect on causal models."""
    pad_to_multiple_of: int | None = Field(None, ge=1)
    """Rows of a batch are padded to a multiple of it, in tokens."""


class DatasetSection(Section):
    """``DatasetConfig``: the data file, its columns, and the rows held out."""

    dataset_path: str | None = None
    """The data file, where it is not the Workspace's."""
    dataset_extension: Literal["csv", "json", "jsonl", "parquet", "arrow"] | None = None
    """The format of the data file; by its name where unset."""
    shuffle_dataset: bool = True
    """Mix the rows before they are divided."""
    shuffle_seed: int = Field(42, ge=0)
    """The seed of that."""
    context_column: str | None = None
    """The column of the prompt."""
    response_column: str = "text"
    """The column of the answer."""
    messages_column: str | None = None
    """The column of whole conversations."""
    train_test_split: float = Field(0.8, gt=0, le=1)
    """The share of rows to train on. With 1 no row is held out for evaluation."""
