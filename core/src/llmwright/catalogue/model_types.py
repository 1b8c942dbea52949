"""The model types of ``config.json`` that transformers knows by itself, and what it loads each as."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

CAUSAL = "AutoModelForCausalLM"
MULTIMODAL = "AutoModelForMultimodalLM"
_AUTO_CLASSES = {"causal": CAUSAL, "multimodal": MULTIMODAL}


def is_native(model_type: str) -> bool:
    """Whether transformers needs no code from the model's repository."""
    return model_type in _kinds()


def auto_class(model_type: str) -> str:
    """Return the name of transformers' class that loads a model of this type to generate text.

    Models of text and images whose text part is no model of its own need another class than the usual one. A type that
    transformers does not know gets the usual one, which says so.
    """
    return _AUTO_CLASSES.get(_kinds().get(model_type, ""), CAUSAL)


def is_language_model(model_type: str) -> bool:
    """Whether transformers has a language model of this type; True for a type that it does not know."""
    return _kinds().get(model_type) != ""


@cache
def _kinds() -> Mapping[str, str]:
    text = files("llmwright.catalogue").joinpath("native_model_types.txt").read_text(encoding="utf-8")
    lines = (line.partition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: kind for name, _, kind in lines}
