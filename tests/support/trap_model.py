"""Models whose repository has Python code that leaves a mark where it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.support.tiny_models import save_model, save_tokenizer

CODE = """
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
open({mark!r}, "a").close()
class TrapConfig(LlamaConfig):
    model_type = "trap"
class TrapForCausalLM(LlamaForCausalLM):
    config_class = TrapConfig
class TrapTokenizer(PreTrainedTokenizerFast):
    pass
"""
ESCAPE = "{{ cycler.__init__.__globals__.os.system('touch %s') }}"
"""A chat template that would leave the mark, in a template engine without a sandbox."""


def save_trap_model(directory: Path, mark: Path, *, native: bool = False, tokenizer: bool = True) -> Path:
    """Write a small Llama with code for config, model and ``tokenizer``, and a chat template that is a trap.

    ``native``: transformers can load config and model without the code.
    """
    save_model(directory, save_tokenizer(directory))
    (directory / "trap.py").write_text(CODE.format(mark=str(mark)))
    classes = {"AutoConfig": "trap.TrapConfig", "AutoModelForCausalLM": "trap.TrapForCausalLM"}
    kind = {} if native else {"model_type": "trap", "architectures": ["TrapForCausalLM"]}
    _change(directory / "config.json", {"auto_map": classes, **kind})
    if tokenizer:
        fields = {"auto_map": {"AutoTokenizer": [None, "trap.TrapTokenizer"]}, "tokenizer_class": "TrapTokenizer"}
        _change(directory / "tokenizer_config.json", fields)
    (directory / "chat_template.jinja").write_text(ESCAPE % mark)
    return directory


def _change(file: Path, fields: Mapping[str, object]) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))
