"""The content of ``training_config.yaml``: its keys, its defaults, and options that override it.

The format is KAITO's (v0.12): one root ``training_config`` with up to six sections. ``TrainingConfig.problems`` holds
the rules of upstream's webhook. No data set or model is read here; the control half imports this module, so it needs
pydantic and PyYAML only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import join, normpath
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llmwright.errors import InvalidWorkspace, Problem, did_you_mean
from llmwright_tuning_qlora.config_sections import (
    REWRITING_INITIALISATIONS,
    CollatorSection,
    DatasetSection,
    LoraSection,
    ModelSection,
    QuantizationSection,
    Section,
    TrainingSection,
)
from llmwright_tuning_qlora.config_yaml import CONFIG_FILE, ROOT, read_config_yaml
from llmwright_tuning_qlora.unsupported_keys import IGNORED, REFUSED, RENAMED

Method = Literal["lora", "qlora"]

SHORT_NAMES = {
    "model": "ModelConfig",
    "quantization": "QuantizationConfig",
    "lora": "LoraConfig",
    "training": "TrainingArguments",
    "dataset": "DatasetConfig",
    "collator": "DataCollator",
}
"""Short names of sections in ``tuning.methodConfig``; the full names are accepted too."""

# KAITO v0.12, charts/kaito/workspace/templates/{lora,qlora}-params.yaml
_CHART: dict[str, dict[str, Any]] = {
    "ModelConfig": {"torch_dtype": "bfloat16"},
    "LoraConfig": {"r": 8, "lora_alpha": 8, "lora_dropout": 0.0},
    "TrainingArguments": {
        "output_dir": "/mnt/results",
        "save_strategy": "no",
        "per_device_train_batch_size": 1,
        "ddp_find_unused_parameters": False,
    },
    "DatasetConfig": {"shuffle_dataset": True, "train_test_split": 1.0},
}
_CHART_QUANTIZATION = {
    "load_in_4bit": True,
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_compute_dtype": "bfloat16",
    "bnb_4bit_use_double_quant": True,
}


class MethodOptions(TrainingSection):
    """``tuning.methodConfig``: the keys of ``training`` themselves, and each section by its short name."""

    model: ModelSection = ModelSection()
    """How the base model is loaded (KAITO's ``ModelConfig``)."""
    quantization: QuantizationSection = QuantizationSection()
    """How the base model is quantised (``QuantizationConfig``)."""
    lora: LoraSection = LoraSection()
    """The adapter (``LoraConfig``)."""
    training: TrainingSection = TrainingSection()
    """The training; its keys may stand beside the sections too (``TrainingArguments``)."""
    dataset: DatasetSection = DatasetSection()
    """The data file, its columns, and the rows held out (``DatasetConfig``)."""
    collator: CollatorSection = CollatorSection()
    """How rows become batches (``DataCollator``)."""


class TrainingConfig(BaseModel):
    """All keys of ``training_config``; absent keys have their defaults. Immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    model: ModelSection = Field(default_factory=ModelSection, alias="ModelConfig")
    quantization: QuantizationSection = Field(default_factory=QuantizationSection, alias="QuantizationConfig")
    lora: LoraSection = Field(default_factory=LoraSection, alias="LoraConfig")
    training: TrainingSection = Field(default_factory=TrainingSection, alias="TrainingArguments")
    dataset: DatasetSection = Field(default_factory=DatasetSection, alias="DatasetConfig")
    collator: CollatorSection = Field(default_factory=CollatorSection, alias="DataCollator")
    notes: tuple[str, ...] = Field((), exclude=True)
    """Keys that are accepted and not used, one sentence each."""

    @classmethod
    def defaults(cls, method: Method) -> Self:
        """Return the config of a run without a file: upstream's chart templates for ``method``."""
        quantization = _CHART_QUANTIZATION if method == "qlora" else {}
        return cls.model_validate({**_CHART, "QuantizationConfig": quantization})

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Return the config in ``text``, the content of a ``training_config.yaml``.

        Raises:
            InvalidWorkspace: every problem; paths start with ``training_config.yaml:training_config``.
        """
        return cls.from_mapping(read_config_yaml(text), path=f"{CONFIG_FILE}:{ROOT}")

    @classmethod
    def from_mapping(cls, sections: Mapping[str, Any], *, path: str = ROOT) -> Self:
        """Return the config with these sections.

        Raises:
            InvalidWorkspace: every problem, with paths under ``path``.
        """
        cleaned, notes, problems = _clean(sections, path)
        return cls._validated({**cleaned, "notes": notes}, problems, path)

    def merge(self, options: Mapping[str, Any], *, path: str = "") -> Self:
        """Return this config with ``options`` from ``tuning.methodConfig`` in place of its own keys.

        A key of ``options`` is a section (``LoraConfig`` or, for short, ``lora``) with a mapping, or a key of
        ``TrainingArguments`` (``max_steps``).

        Raises:
            InvalidWorkspace: every problem, with paths under ``path`` (by default relative to ``options``).
        """
        sections = {name: dict(values) for name, values in self.dump().items()}
        cleaned, notes, problems = _clean(_by_section(options), path)
        for name, values in cleaned.items():
            sections.setdefault(name, {}).update(values)
        return self._validated({**sections, "notes": (*self.notes, *notes)}, problems, path)

    @classmethod
    def _validated(cls, data: Mapping[str, Any], problems: list[Problem], path: str) -> Self:
        config = None
        try:
            config = cls.model_validate(data)
        except ValidationError as error:
            problems += [_problem(item, path) for item in error.errors(include_url=False)]
        if config is None or problems:
            raise InvalidWorkspace(problems)
        return config

    def dump(self) -> dict[str, dict[str, Any]]:
        """Return the keys that were set, by section, as plain data. ``from_mapping`` reads it back."""
        return self.model_dump(by_alias=True, mode="json", exclude_unset=True)

    def to_yaml(self) -> str:
        """Return the text of a ``training_config.yaml`` with this config."""
        return yaml.safe_dump({ROOT: self.dump()}, sort_keys=False)

    def problems(self, method: Method) -> list[Problem]:
        """Return what upstream's webhook refuses in this config for ``method``. Paths are relative to the config."""
        return list(_rules(self, method))

    def results_dir(self) -> str:
        """Return the results' directory in a pod: ``output_dir`` below ``/mnt``; ``/mnt/output`` if it is empty."""
        name = self.training.output_dir
        if not name:
            return "/mnt/output"
        return normpath(name) if name.startswith("/mnt") else normpath(join("/mnt", name.lstrip("/")))


ENGINE_REFUSES = ("modules_to_save", "use_dora", "lora_bias")
"""Keys of LoraConfig whose adapters vLLM does not load (0.32, ``PEFTHelper._validate_features``)."""
ENGINE_MOST_RANK = 512
"""The greatest rank of an adapter that vLLM loads (``MaxLoRARanks``)."""
HF_SERVES = "take it out, or serve with inference.runtime: hf"


def _rules(config: TrainingConfig, method: Method) -> Iterator[Problem]:
    section, quantization = "QuantizationConfig", config.quantization
    if quantization.load_in_4bit and quantization.load_in_8bit:
        yield Problem(section, "Cannot set both 'load_in_4bit' and 'load_in_8bit' to true", hint="keep one")
    elif method == "lora" and quantization.bits:
        hint = "use method qlora, or take it out"
        yield Problem(section, "For method 'lora', 'load_in_4bit' or 'load_in_8bit' must not be true", hint=hint)
    elif method == "qlora" and not quantization.bits:
        hint = "set load_in_4bit: true"
        yield Problem(section, "For method 'qlora', either 'load_in_4bit' or 'load_in_8bit' must be true", hint=hint)
    yield from _rules_of_serving(config)
    results = config.results_dir()
    # Upstream compares the prefix only, so it accepts ../mntfoo. A config that it accepts must work here too.
    if results == "/mnt" or not results.startswith("/mnt"):
        path = "TrainingArguments.output_dir"
        yield Problem(
            path, f"{config.training.output_dir!r} is not a directory below /mnt", hint="such as /mnt/results"
        )


def _rules_of_serving(config: TrainingConfig) -> Iterator[Problem]:
    """Yield what would train something that no server with several adapters on one base can apply."""
    lora = config.lora
    if lora.bias != "none":
        message = f"bias: {lora.bias} trains the base's own biases, which other adapters and the base share when served"
        yield Problem("LoraConfig.bias", message, hint="write none, or take it out")
    for name in ENGINE_REFUSES:
        if getattr(lora, name):
            message = f"an adapter with {name} is served by transformers and peft only; vLLM refuses it"
            yield Problem(f"LoraConfig.{name}", message, hint=HF_SERVES, severity="warning")
    if lora.delivered_rank > ENGINE_MOST_RANK:
        message = f"an adapter of rank {lora.delivered_rank} is served by transformers and peft only; vLLM takes up to"
        hint = "make it smaller, or serve with inference.runtime: hf"
        yield Problem("LoraConfig.r", f"{message} {ENGINE_MOST_RANK}", hint=hint, severity="warning")
    if lora.init_lora_weights not in REWRITING_INITIALISATIONS:
        return
    path = "LoraConfig.init_lora_weights"
    if lora.use_dora or lora.rank_pattern or lora.alpha_pattern:
        message = f"{lora.init_lora_weights} is not supported with use_dora, rank_pattern or alpha_pattern"
        yield Problem(path, message, hint="leave one of them out")
    if config.quantization.bits:
        message = f"{lora.init_lora_weights} rewrites the base, and a quantised base cannot take that back"
        yield Problem(path, message, hint="use method lora, or leave it out")


def _models() -> dict[str, type[Section]]:
    return {
        "ModelConfig": ModelSection,
        "QuantizationConfig": QuantizationSection,
        "LoraConfig": LoraSection,
        "TrainingArguments": TrainingSection,
        "DatasetConfig": DatasetSection,
        "DataCollator": CollatorSection,
    }


def _by_section(options: Mapping[str, Any]) -> dict[str, Any]:
    known = {*SHORT_NAMES.values()}
    sections: dict[str, Any] = {}
    for key, value in options.items():
        name = SHORT_NAMES.get(key, key)
        if name in known and (isinstance(value, Mapping) or value is None):
            sections[name] = {**sections.get(name, {}), **(value or {})}
        elif name in known:
            sections[name] = value
        elif key in TrainingSection.model_fields or _known(key):
            sections["TrainingArguments"] = {**sections.get("TrainingArguments", {}), key: value}
        else:
            sections[key] = value
    return sections


def _known(key: str) -> bool:
    section = "TrainingArguments"
    return key in REFUSED[section] or key in IGNORED[section] or key in RENAMED[section]


def _clean(sections: Mapping[str, Any], path: str) -> tuple[dict[str, dict[str, Any]], list[str], list[Problem]]:
    """Return (sections without unused keys, a note for each unused key, problems)."""
    cleaned: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    problems: list[Problem] = []
    models = _models()
    for name, values in sections.items():
        where = _below(path, name)
        if name not in models:
            known = [*models, *SHORT_NAMES, *TrainingSection.model_fields] if not path else list(models)
            problems.append(Problem(where, "Unrecognized section", hint=did_you_mean(str(name), known)))
        elif not isinstance(values or {}, Mapping):
            problems.append(Problem(where, "expected a mapping"))
        else:
            cleaned[name] = _clean_section(name, dict(values or {}), where, notes, problems)
    return cleaned, notes, problems


def _clean_section(
    name: str, values: dict[str, Any], where: str, notes: list[str], problems: list[Problem]
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in values.items():
        if key in REFUSED[name] and value not in (None, False, "", [], {}):
            problems.append(Problem(f"{where}.{key}", f"known and not supported: {REFUSED[name][key]}"))
        elif key in REFUSED[name] or key in IGNORED[name]:
            notes.append(f"{where}.{key} is not used.")
        elif value is not None:
            kept[RENAMED.get(name, {}).get(key, key)] = value
    return kept


def _problem(item: Any, path: str) -> Problem:
    where = path
    for part in item["loc"]:
        where = f"{where}[{part}]" if isinstance(part, int) else _below(where, str(part))
    if item["type"] != "extra_forbidden":
        return Problem(where, item["msg"])
    section, key = str(item["loc"][0]), str(item["loc"][-1])
    return Problem(where, "unknown key", hint=did_you_mean(key, _models()[section].model_fields))


def _below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
