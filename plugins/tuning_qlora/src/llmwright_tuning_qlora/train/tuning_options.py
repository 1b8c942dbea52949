"""The options of the tuning process, from its command line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from llmwright.errors import ConfigError, InvalidWorkspace
from llmwright.reading.files import Unreadable, read_text
from llmwright.reading.json_reader import read_json
from llmwright_tuning_qlora.remote_code import KEY, SECTION
from llmwright_tuning_qlora.training_config import Method, TrainingConfig

NEEDED = "llmwright-tuning-qlora[train]"


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningOptions:
    """The options of one run. ``context`` is the longest row in tokens, None for the model's own limit.

    ``directory`` is where the files of a hub model lie, once they were brought. ``model`` and ``revision`` then go on
    naming the run and the base of its adapter.
    """

    method: Method
    model: str
    data: Path
    output: Path
    config: TrainingConfig
    revision: str | None = None
    base_name: str | None = None
    preset_name: str | None = None
    target_modules: tuple[str, ...] = ()
    context: int | None = None
    progress: Path | None = None
    check_only: bool = False
    exit_with_parent: bool = False
    directory: Path | None = None

    @property
    def loaded_from(self) -> str:
        """The directory, or the hub id, that the libraries load the model by."""
        return self.model if self.directory is None else str(self.directory)

    @property
    def loaded_revision(self) -> str | None:
        """The revision that they are given beside a hub id."""
        return self.revision if self.directory is None else None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message, hint="see --help", reason="InvalidArguments")


def parse_options(argv: Sequence[str]) -> TuningOptions:
    """Return the options in ``argv``, with the training config read and checked.

    Raises:
        ConfigError: an argument or file that cannot be used.
        InvalidWorkspace: problems of the training config.
    """
    flags = _parser().parse_args(argv)
    config = _config(flags.method, flags.config, flags.options, trusted=flags.trust_remote_code)
    return TuningOptions(
        method=flags.method,
        model=flags.model,
        data=flags.data,
        output=flags.output,
        config=config,
        revision=flags.revision or config.model.revision,
        base_name=flags.base_name,
        preset_name=flags.preset_name,
        target_modules=tuple(name for name in (flags.target_modules or "").split(",") if name),
        context=flags.context,
        progress=flags.progress,
        check_only=flags.check_only,
        exit_with_parent=flags.exit_with_parent,
    )


def _parser() -> _Parser:
    parser = _Parser(prog="python -m llmwright_tuning_qlora.train", description="Tune a LoRA or QLoRA adapter.")
    add = parser.add_argument
    add("--method", choices=("lora", "qlora"), required=True)
    add("--model", required=True, help="directory of the base model, or its id on the hub")
    add("--revision", help="revision of a model on the hub")
    add("--trust-remote-code", action="store_true", help="run Python code from the model's repository")
    add("--data", type=Path, required=True, help="data set, or a directory that holds it")
    add("--config", type=Path, help="training_config.yaml; upstream's chart defaults without one")
    add("--options", metavar="JSON", help='options laid over the config, such as {"max_steps": 20, "lora": {"r": 32}}')
    add("--output", type=Path, required=True, help="directory for the adapter and the checkpoints")
    add("--base-name", help="what adapter_config.json calls the base model (its hub id)")
    add("--preset-name", help="name of the preset, for titles")
    add("--target-modules", help="comma-separated modules that get an adapter, where the config names none")
    add("--context", type=int, help="longest row in tokens; the model's own limit without it")
    add("--progress", type=Path, help="file to which progress is appended, one JSON object a line")
    add("--check-only", action="store_true", help="read and check the data set, then end")
    add("--exit-with-parent", action="store_true", help="end when the starting process ends")
    return parser


def _config(method: Method, path: Path | None, options: str | None, *, trusted: bool) -> TrainingConfig:
    config = TrainingConfig.defaults(method) if path is None else TrainingConfig.from_yaml(_read(path))
    config = config.merge(_mapping(options)) if options else config
    # The config is a file that may have changed since it was checked. Only the flag is of the plan.
    if config.model.trust_remote_code and not trusted:
        raise ConfigError(
            f"{SECTION}.{KEY} is on, and nothing allows code from the model's repository",
            hint="the setting sources.remoteCode allows it (by hand: --trust-remote-code)",
            reason="RemoteCodeRefused",
        )
    config = config.merge({SECTION: {KEY: True}}) if trusted else config
    problems = config.problems(method)
    if problems:
        raise InvalidWorkspace(problems, source=str(path or ""))
    return config


def _read(path: Path) -> str:
    try:
        return read_text(path)
    except (FileNotFoundError, Unreadable) as error:
        raise ConfigError(f"cannot read the config {path}: {error}", hint="name a training_config.yaml") from error


def _mapping(text: str) -> Mapping[str, Any]:
    try:
        options = read_json(text)
    except Unreadable as error:
        raise ConfigError(f"the text of --options {error}") from error
    if not isinstance(options, dict):
        raise ConfigError("--options is not a JSON object")
    return options
