"""The fields of a request for ``/chat``: each is honoured, without effect here, or refused by its name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

PASSED = frozenset(
    (
        *("model", "max_tokens", "min_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty"),
        *("frequency_penalty", "presence_penalty", "logit_bias", "allowed_token_ids", "seed"),
        *("stop", "stop_token_ids", "ignore_eos", "include_stop_str_in_output"),
        *("skip_special_tokens", "add_special_tokens", "stream", "stream_options"),
    )
)
"""Fields that the engine knows by the same name."""

RENAMED: Mapping[str, str] = {"max_new_tokens": "max_tokens", "min_new_tokens": "min_tokens", "stop_strings": "stop"}
"""Fields by their name in transformers' ``generate``."""

HARMLESS: Mapping[str, tuple[object, ...]] = {
    **dict.fromkeys(("n", "best_of", "num_beams", "num_beam_groups", "num_return_sequences"), (1,)),
    **dict.fromkeys(("length_penalty", "guidance_scale", "encoder_repetition_penalty", "typical_p"), (1, 1.0)),
    **dict.fromkeys(("diversity_penalty", "penalty_alpha", "epsilon_cutoff", "eta_cutoff"), (0, 0.0)),
    **dict.fromkeys(("min_length", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size"), (0,)),
    **dict.fromkeys(("early_stopping", "echo", "logprobs", "renormalize_logits", "remove_invalid_values"), (False,)),
    **dict.fromkeys(("output_scores", "output_attentions", "output_hidden_states"), (False,)),
    **dict.fromkeys(("return_dict_in_generate", "clean_up_tokenization_spaces"), (False,)),
    "prefix": ("",),
}
"""Fields that the engine has not, and the values that ask for nothing. null asks for nothing in each."""

OWN = frozenset({"prompt", "return_full_text", "do_sample", "max_length", "eos_token_id"})
"""Fields of ``/chat`` itself."""

IGNORED = frozenset(
    (
        *("user", "metadata", "pad_token_id", "bos_token_id"),
        *("use_cache", "low_memory", "cache_implementation", "prompt_lookup_num_tokens"),
    )
)
"""Fields that change no answer."""


class Refused(Exception):
    """A request that is not carried out, with the field that it is about."""

    def __init__(self, field: str, message: str, status: int = 400) -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.status = field, status

    @property
    def as_json(self) -> dict[str, Any]:
        """The body of the answer, in the engine's own form."""
        error = {"message": str(self), "type": "BadRequestError", "param": self.field, "code": self.status}
        return {"error": error}


def fields_of(content: bytes) -> dict[str, Any]:
    """Return the fields of a body, those of ``generate_kwargs`` among them, each by the name of the engine.

    Raises:
        Refused: it is no JSON object, has no prompt, or gives a field twice with two values.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refused("body", f"is no JSON: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("prompt"), str):
        raise Refused("prompt", "a text is wanted")
    options = body.pop("generate_kwargs", None) or {}
    if not isinstance(options, dict):
        raise Refused("generate_kwargs", "must be an object")
    fields: dict[str, Any] = {}
    for given, value in (*body.items(), *options.items()):
        name = str(given)
        known = RENAMED.get(name, name)
        if value is not None and fields.get(known) not in (None, value):
            raise Refused(name, f"{known} is given twice, with two values")
        fields[known] = fields.get(known) if value is None else value
    return fields


def request_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the engine's fields for those of ``/chat``.

    Raises:
        Refused: a field that nobody knows, or that the engine does not carry out.
    """
    asked = {name: value for name, value in fields.items() if value is not None and name in PASSED}
    for name, value in fields.items():
        if value is not None and name not in PASSED | IGNORED | OWN:
            _refuse_other(name, value)
    if fields.get("do_sample") is False:
        asked["temperature"] = 0
    if fields.get("eos_token_id") is not None:
        own = fields["eos_token_id"]
        ends = [*(own if isinstance(own, list) else [own]), *(asked.get("stop_token_ids") or ())]
        asked |= {"stop_token_ids": ends, "ignore_eos": True}
    if asked.get("stream") and "stream_options" not in asked:
        asked["stream_options"] = {"include_usage": True}
    return asked


def _refuse_other(name: str, value: object) -> None:
    if name not in HARMLESS:
        raise Refused(name, "is no field that is known here")
    if not any(value == ok and type(value) is type(ok) for ok in HARMLESS[name]):
        raise Refused(name, f"is not supported; only {HARMLESS[name][0]!r} is")
