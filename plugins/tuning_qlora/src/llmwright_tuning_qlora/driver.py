"""The control half: what to run to tune a preset with LoRA or QLoRA."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from llmwright.errors import Problem
from llmwright.plugins.drivers import OlderImage, Tuner
from llmwright.plugins.weights import weights_of
from llmwright.reading.files import Unreadable
from llmwright.sizing.tuning_fit import TuningNeed, lora_terms
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.launch import Launch, Mount, Process, Volume
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData
from llmwright_tuning_qlora.config_layers import ConfigLayers
from llmwright_tuning_qlora.config_sections import CHAT_TEMPLATE
from llmwright_tuning_qlora.config_yaml import CONFIG_FILE, ROOT
from llmwright_tuning_qlora.data_names import README, data_names, names_to_train_on
from llmwright_tuning_qlora.remote_code import code_options
from llmwright_tuning_qlora.template_syntax import names_file, template_fault
from llmwright_tuning_qlora.training_config import Method, MethodOptions, TrainingConfig

DATA = Mount(volume="data", path="/mnt/data", read_only=True)
CONFIG = Mount(volume="config", path="/mnt/config", read_only=True)
TEMPLATE_HINT = "write the text of a Jinja template, or name a file with one; relative paths start beside the YAML"
SHARED = Mount(volume="dshm", path="/dev/shm")  # noqa: S108 - the mount that a pod has there


class LoraTuner(Tuner):
    """LoRA on the weights as they are."""

    targets = frozenset({"kubernetes", "local"})
    built_for = (7, 5)  # the lowest of PyTorch's wheels for CUDA 13 (PyTorch's release matrix)
    # PyTorch's wheels for CUDA 12.6 serve 5.0 to 9.0; there are such up to release 2.14 (pytorch issue 190385).
    older_image = OlderImage("workload-cuda12", (5, 0), "PyTorch for CUDA 12.6")
    image_roles = frozenset({"workload"})
    config_template = "lora-params-template"
    reads_config = True
    quantized = False
    checkpoints = True
    writes_generation_config = True
    described_by = MethodOptions
    method: ClassVar[Method] = "lora"

    def configure(self, options: Mapping[str, Any], files: Mapping[str, str]) -> ConfigLayers:
        """The user's ``training_config.yaml``, where the config has one, and ``methodConfig``.

        Raises:
            InvalidWorkspace: problems with paths relative to ``options``, or starting with the file's name.
        """
        file = TrainingConfig.from_yaml(files[CONFIG_FILE]) if CONFIG_FILE in files else None
        choice = ConfigLayers(self.method, file, dict(options))
        choice.base.merge(options)
        return choice

    @classmethod
    def asks_remote_code(cls, options: Mapping[str, Any], files: Mapping[str, str]) -> Iterable[str]:
        """``ModelConfig.trust_remote_code`` in the options or in the config's file."""
        return code_options(options, files)

    def images(self) -> Mapping[str, str]:
        """Our own image, which reads the data and delivers the adapter too."""
        return {"workload": ""}

    def check(self, config: ConfigLayers) -> Iterable[Problem]:
        """Upstream's rules for a training config, on what the user wrote."""
        yield from config.base.merge(config.options).problems(self.method)
        path, written = _chat_template(config)
        fault = template_fault(written) if written and not names_file(written) else ""
        if fault:
            yield Problem(path, f"the chat template {fault}", hint=TEMPLATE_HINT)

    def check_files(self, config: ConfigLayers, read: Callable[[str], str]) -> Iterable[Problem]:
        """The file that ``ModelConfig.chat_template`` names."""
        path, written = _chat_template(config)
        if not written or not names_file(written):
            return
        try:
            fault = template_fault(read(written))
        except FileNotFoundError:
            fault = "does not exist"
        except Unreadable as error:
            fault = str(error)
        if fault:
            yield Problem(path, f"the chat template {written[:200]} {fault}", hint=TEMPLATE_HINT)

    def names_read(self, names: Sequence[str], config: ConfigLayers) -> Sequence[str] | None:
        """All files of the train split; without one, those that name no split. A data card may say otherwise."""
        if README in names:
            return None
        extension = config.base.merge(config.options).dataset.dataset_extension
        return names_to_train_on(data_names(names, extension))

    def chat_template(self, config: ConfigLayers) -> str | None:
        """transformers' file, where ``ModelConfig.chat_template`` is set."""
        return CHAT_TEMPLATE if config.base.merge(config.options).model.chat_template else None

    def adapter_rank(self, preset: Preset, config: ConfigLayers) -> int | None:
        """The rank that is delivered: twice that of training where the base was rewritten."""
        return config.effective(preset).lora.delivered_rank

    def memory(self, preset: Preset, config: ConfigLayers) -> tuple[MemoryTerm, ...]:
        """Weights, activations of one batch with checkpointing unless it is off, adapter and optimizer."""
        chosen = config.effective(preset)
        return lora_terms(
            preset,
            TuningNeed(
                quantization={4: "nf4", 8: "int8"}.get(chosen.quantization.bits or 0),
                rank=chosen.lora.r,
                targets=tuple(chosen.lora.target_modules or preset.lora_targets),
                batch=chosen.training.per_device_train_batch_size,
                context=chosen.training.max_length or preset.context,
                checkpointing=chosen.training.gradient_checkpointing is not False,
            ),
        )

    def launch(self, preset: Preset, fit: Fit, data: TuningData, config: ConfigLayers) -> Launch:
        """One training process per GPU, or one on the processor."""
        weights = weights_of(preset)
        results = Mount(volume="results", path=config.effective(preset).results_dir())
        main = Process(
            name="tune",
            argv=(
                *_ranks(fit.gpus),
                *self._argv(preset, data, config, fit.context),
                *_results(),
                "--exit-with-parent",
            ),
            env=_env(preset),
            mounts=(SHARED, DATA, results, *_config_mounts(data), *weights.mounts),
            gpus=fit.gpus,
        )
        return Launch(
            main=main,
            prepare=weights.prepare,
            volumes=(Volume(name="dshm", kind="memory"), *weights.volumes),
        )

    def inspect(self, preset: Preset, data: TuningData, config: ConfigLayers) -> Process | None:
        """Read and check the data set with the preset's own tokenizer; trains and writes nothing."""
        if preset.source.startswith("oci://"):
            return None
        return Process(
            name="check-data",
            argv=(
                "$(python)",
                *self._argv(preset, data, config, preset.context),
                "--output",
                "$(volume.data)",
                "--check-only",
            ),
            env=_env(preset),
            mounts=(DATA, *_config_mounts(data)),
        )

    def sample(self, preset: Preset, data: TuningData, config: ConfigLayers, rows: int) -> Process | None:
        """Rows that are one question with one answer."""
        named = ("--config", data.config_path) if data.config_path else ()
        argv = ("$(python)", "-m", "llmwright_tuning_qlora.train.sample", "--data", "$(volume.data)", *named)
        return Process(name="sample-data", argv=(*argv, "--rows", str(rows)), mounts=(DATA, *_config_mounts(data)))

    def _argv(self, preset: Preset, data: TuningData, config: ConfigLayers, context: int) -> tuple[str, ...]:
        overlay = config.overlay(preset)
        longest = config.effective(preset).training.max_length or context
        return (
            *("-m", "llmwright_tuning_qlora.train", "--method", self.method),
            *weights_of(preset).arguments,
            *("--preset-name", preset.name),
            *(("--base-name", preset.source.removeprefix("hf://")) if preset.source.startswith("hf://") else ()),
            *("--data", "$(volume.data)"),
            *(("--config", data.config_path) if data.config_path else ()),
            *(("--options", json.dumps(overlay, sort_keys=True)) if overlay else ()),
            *(("--target-modules", ",".join(preset.lora_targets)) if preset.lora_targets else ()),
            *("--context", str(longest)),
        )


class QloraTuner(LoraTuner):
    """LoRA on weights that bitsandbytes quantises while loading (arXiv 2305.14314)."""

    method = "qlora"
    # The kernels of bitsandbytes 0.50.2 for CUDA 12.6 begin at 6.0, as its library's own headers list them.
    older_image = OlderImage("workload-cuda12", (6, 0), "PyTorch for CUDA 12.6")
    config_template = "qlora-params-template"
    quantized = True


def _chat_template(config: ConfigLayers) -> tuple[str, str]:
    """Return (path of the option, what it says) of ``ModelConfig.chat_template``; empty where nothing is said."""
    sections = ((name, config.options.get(name)) for name in ("model", "ModelConfig"))
    option = next(
        (name for name, values in sections if isinstance(values, Mapping) and values.get("chat_template")), None
    )
    path = f"{option}.chat_template" if option else f"{CONFIG_FILE}:{ROOT}.ModelConfig.chat_template"
    return path, config.base.merge(config.options).model.chat_template or ""


def _ranks(gpus: int) -> tuple[str, ...]:
    """The interpreter, as often as there are GPUs: torch's own launcher starts the ranks of one machine."""
    if gpus < 2:
        return ("$(python)",)
    return ("$(python)", "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={gpus}")


def _results() -> tuple[str, ...]:
    return ("--output", "$(volume.results)", "--progress", "$(volume.results)/progress.jsonl")


def _config_mounts(data: TuningData) -> tuple[Mount, ...]:
    return (CONFIG,) if data.config_path else ()


def _env(preset: Preset) -> dict[str, str]:
    """Return the environment that KAITO sets for a tuning Job. Some images read the target modules from it."""
    modules = {"DEFAULT_TARGET_MODULES": ",".join(preset.lora_targets)} if preset.lora_targets else {}
    return {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True", **modules}
