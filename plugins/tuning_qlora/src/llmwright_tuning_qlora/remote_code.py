"""``trust_remote_code`` in a training config: where a user asks that code of the model's repository runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.errors import InvalidWorkspace
from llmwright_tuning_qlora.config_yaml import CONFIG_FILE, ROOT, read_config_yaml

SECTION = "ModelConfig"
KEY = "trust_remote_code"
_OFF = frozenset({"", "false", "f", "0", "0.0", "no", "n", "off", "none"})


def code_options(options: Mapping[str, Any], files: Mapping[str, str]) -> Iterator[str]:
    """Yield the paths of the switches that are on, as ``Driver.asks_remote_code`` has them."""
    for name in ("model", SECTION):
        if _is_on(options.get(name)):
            yield f"{name}.{KEY}"
    if CONFIG_FILE in files:
        try:
            sections = read_config_yaml(files[CONFIG_FILE])
        except InvalidWorkspace:
            return  # ``configure`` says what is wrong with it
        if _is_on(sections.get(SECTION)):
            yield f"{CONFIG_FILE}:{ROOT}.{SECTION}.{KEY}"


def _is_on(section: object) -> bool:
    return isinstance(section, Mapping) and str(section.get(KEY, "")).lower() not in _OFF
