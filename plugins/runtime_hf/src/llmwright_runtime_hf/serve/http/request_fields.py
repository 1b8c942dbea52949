"""Every known field of a request: honoured, without effect here, or refused by name. ``docs/requests.md`` shows it.

Known are the fields of OpenAI's API, of vLLM's extensions to it, and of transformers' ``generate``. A field that is in
no table is refused too: a misspelt name would change the answer in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmwright_runtime_hf.serve.http.openai_errors import ApiError

Effect = Literal["honoured", "no effect", "refused"]
CHAT, CHAT_COMPLETIONS, COMPLETIONS = ROUTES = ("/chat", "/v1/chat/completions", "/v1/completions")
OPENAI = (CHAT_COMPLETIONS, COMPLETIONS)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """The effect of a field on ``routes``. ``harmless`` are values of a refused one that ask for nothing.

    Those of an honoured one ask for nothing on the other routes.

    null asks for nothing in every field.
    """

    effect: Effect
    note: str = ""
    harmless: tuple[object, ...] = ()
    routes: tuple[str, ...] = ROUTES

    def allows(self, value: object) -> bool:
        """Whether the value asks for nothing that is not built."""
        # The types are compared too: False == 0 in Python, and ``logprobs: 0`` does ask for log probabilities.
        return self.effect == "no effect" or any(value == ok and type(value) is type(ok) for ok in self.harmless)


def _honoured(note: str, *routes: str) -> FieldRule:
    return FieldRule("honoured", note, routes=routes or ROUTES)


def _honoured_on(note: str, *routes: str, harmless: tuple[object, ...]) -> FieldRule:
    """Return the rule of a field of ``routes``, which asks for nothing on the others with a value of ``harmless``."""
    return FieldRule("honoured", note, harmless, routes)


def _refused(*harmless: object, note: str = "") -> FieldRule:
    return FieldRule("refused", note, harmless)


def _ignored(note: str) -> FieldRule:
    return FieldRule("no effect", note)


FIELDS: dict[str, FieldRule] = {
    "messages": _honoured("at least one; roles system, developer, user, assistant, tool", CHAT_COMPLETIONS),
    "prompt": _honoured("a text; on `/v1/completions` also token ids, or a list of either", CHAT, COMPLETIONS),
    "model": _honoured("a served name"),
    "max_tokens": _honoured("1 or more"),
    "max_completion_tokens": _honoured("wins over `max_tokens`", CHAT_COMPLETIONS),
    "min_tokens": _honoured("no end before that many"),
    "temperature": _honoured("0 to 2; 0 is greedy"),
    "top_p": _honoured("0 to 1"),
    "top_k": _honoured("-1 and 0 are off"),
    "min_p": _honoured("0 to 1"),
    "repetition_penalty": _honoured("above 0, on prompt and answer"),
    "frequency_penalty": _honoured("-2 to 2, on the answer"),
    "presence_penalty": _honoured("-2 to 2, on the answer"),
    "logit_bias": _honoured("token id to -100 to 100"),
    "allowed_token_ids": _honoured("nothing else is generated"),
    "seed": _honoured("the same seed, the same answer"),
    "stop": _honoured("a text, or up to 16"),
    "stop_token_ids": _honoured("further tokens that end the answer"),
    "ignore_eos": _honoured("the model's own end does not count"),
    "include_stop_str_in_output": _honoured("the answer keeps its stop string"),
    "skip_special_tokens": _honoured("false shows special tokens"),
    "add_special_tokens": _honoured("default: true for plain text, false after a chat template; never two BOS"),
    "add_generation_prompt": _honoured("default true", CHAT_COMPLETIONS),
    "continue_final_message": _honoured("the last message goes on; without a generation prompt", CHAT_COMPLETIONS),
    "chat_template_kwargs": _honoured("variables for the chat template", CHAT_COMPLETIONS),
    "stream": _honoured("server-sent events"),
    "stream_options": _honoured("`include_usage`; with `stream` only"),
    "generate_kwargs": _honoured("the table below", CHAT),
    "return_full_text": _honoured_on("true: the prompt stands before the answer", CHAT, harmless=(False,)),
    "do_sample": _honoured("false is greedy", CHAT),
    "max_length": _honoured("tokens of prompt and answer; `max_tokens` wins", CHAT),
    "typical_p": _honoured("above 0, to 1", CHAT),
    "no_repeat_ngram_size": _honoured("0 is off", CHAT),
    "eos_token_id": _honoured("in place of the model's own end tokens", CHAT),
    "response_format": _honoured("`text`, `json_object` or `json_schema`; llguidance keeps answers to it"),
    "structured_outputs": _honoured("vLLM's: one of `json`, `regex`, `choice`, `grammar` (Lark), `json_object`"),
    "guided_json": _honoured("a JSON schema, or its text"),
    "guided_regex": _honoured("a regular expression, without look-around"),
    "guided_choice": _honoured("texts, one of which is the answer"),
    "guided_grammar": _honoured("a grammar in Lark's form"),
    "tools": _honoured_on(
        "functions, up to 128; with `--tool-call-parser` and a template that writes them",
        CHAT_COMPLETIONS,
        harmless=([],),
    ),
    "tool_choice": _honoured_on(
        "`none`, `auto`, `required` or a function; a demanded call is kept to its parameters",
        CHAT_COMPLETIONS,
        harmless=("none", "auto"),
    ),
    "parallel_tool_calls": _honoured_on(
        "false: one call at most where calls are demanded", CHAT_COMPLETIONS, harmless=(True, False)
    ),
    "include_reasoning": _honoured_on(
        "false: reasoning is generated and not sent; for models whose reasoning is told apart",
        CHAT_COMPLETIONS,
        harmless=(True,),
    ),
    "reasoning_effort": _honoured(
        "`none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`; for templates that read it or `enable_thinking`",
        CHAT_COMPLETIONS,
    ),
    "n": _honoured_on("answers to each prompt; at most `--max-n-sequences` (64) in all", *OPENAI, harmless=(1,)),
    "echo": _honoured_on("the prompt before the answer; not with `logprobs`", COMPLETIONS, harmless=(False,)),
    "logprobs": _honoured_on(
        "true; on `/v1/completions` 0 to 20, the number of likeliest tokens", *OPENAI, harmless=(False,)
    ),
    "top_logprobs": _honoured_on("0 to 20, with `logprobs`", CHAT_COMPLETIONS, harmless=(0,)),
    "prefix": _refused("", note="of KAITO's older `/chat`, as are the next two"),
    "handle_long_generation": _refused(),
    "clean_up_tokenization_spaces": _refused(False),
    "best_of": _refused(1),
    "prompt_logprobs": _refused(),
    "suffix": _refused(""),
    "functions": _refused([]),
    "function_call": _refused("none", "auto"),
    "modalities": _refused(["text"]),
    "audio": _refused(),
    "thinking_token_budget": _refused(),
    "verbosity": _refused(),
    "web_search_options": _refused(),
    "use_beam_search": _refused(False),
    "length_penalty": _refused(1, 1.0),
    "early_stopping": _refused(False),
    "truncate_prompt_tokens": _refused(),
    "structural_tag": _refused(),
    "bad_words": _refused([]),
    "logits_processors": _refused([]),
    "repetition_detection": _refused(),
    "chat_template": _refused(note="templates are code: `--chat-template` sets it"),
    "documents": _refused([]),
    "mm_processor_kwargs": _refused({}),
    "media_io_kwargs": _refused({}),
    "prompt_embeds": _refused(),
    "kv_transfer_params": _refused({}),
    "vllm_xargs": _refused({}),
    "return_token_ids": _refused(False),
    "return_tokens_as_token_ids": _refused(False),
    "spaces_between_special_tokens": _refused(True),
    "user": _ignored("nobody is told apart"),
    "safety_identifier": _ignored("as `user`"),
    "metadata": _ignored("nothing is stored"),
    "store": _ignored("nothing is stored"),
    "service_tier": _ignored("there is one"),
    "priority": _ignored("requests are answered in order of arrival"),
    "request_id": _ignored("answers have their own"),
    "prediction": _ignored("it would only save time"),
    "prompt_cache_key": _ignored("it would only save time"),
    "prompt_cache_retention": _ignored("it would only save time"),
    "cache_salt": _refused(note="all requests share what is kept of prompts; `--no-enable-prefix-caching` ends that"),
    "guided_decoding_backend": _ignored("there is one"),
    "guided_whitespace_pattern": _refused(),
}
"""Fields at the top of a request."""

GENERATE_NAMES = {"max_new_tokens": "max_tokens", "min_new_tokens": "min_tokens", "stop_strings": "stop"}
"""Fields that have another name in transformers' ``generate``: its name to ours."""

GENERATE_FIELDS: dict[str, FieldRule] = {
    **{name: _honoured(f"as `{field}`", CHAT) for name, field in GENERATE_NAMES.items()},
    **{
        name: _honoured(f"as `{name}`", CHAT)
        for name in (
            *("max_length", "do_sample", "temperature", "top_k", "top_p", "min_p", "typical_p"),
            *("repetition_penalty", "no_repeat_ngram_size", "eos_token_id"),
        )
    },
    "min_length": _refused(0, note="`min_new_tokens` is honoured"),
    "num_beams": _refused(1),
    "num_beam_groups": _refused(1),
    "num_return_sequences": _refused(1),
    "early_stopping": _refused(False),
    "length_penalty": _refused(1, 1.0),
    "diversity_penalty": _refused(0, 0.0),
    "penalty_alpha": _refused(0, 0.0),
    "epsilon_cutoff": _refused(0, 0.0),
    "eta_cutoff": _refused(0, 0.0),
    "top_h": _refused(),
    "guidance_scale": _refused(1, 1.0),
    "encoder_repetition_penalty": _refused(1, 1.0),
    "encoder_no_repeat_ngram_size": _refused(0),
    "bad_words_ids": _refused([]),
    "force_words_ids": _refused([]),
    "constraints": _refused([]),
    "sequence_bias": _refused({}, []),
    "suppress_tokens": _refused([]),
    "begin_suppress_tokens": _refused([]),
    "forced_bos_token_id": _refused(),
    "forced_eos_token_id": _refused(),
    "exponential_decay_length_penalty": _refused(),
    "max_time": _refused(),
    "renormalize_logits": _refused(False),
    "remove_invalid_values": _refused(False),
    "token_healing": _refused(False),
    "output_scores": _refused(False),
    "output_logits": _refused(False),
    "output_attentions": _refused(False),
    "output_hidden_states": _refused(False),
    "return_dict_in_generate": _refused(False),
    "custom_generate": _refused(),
    "pad_token_id": _ignored("nothing is padded"),
    "bos_token_id": _ignored("the tokenizer has its own"),
    "use_cache": _ignored("it only saves time"),
    "low_memory": _ignored("it only saves memory"),
    "cache_implementation": _ignored("it only saves memory"),
    "prompt_lookup_num_tokens": _ignored("it only saves time"),
}
"""Fields in ``generate_kwargs`` of ``/chat``."""

PREFIX = "generate_kwargs."


def reject_field(name: str, value: object, route: str) -> None:
    """Raise ApiError (400) for a field that asks for something which ``route`` does not do."""
    if value is None:
        return
    rules, short = (GENERATE_FIELDS, name.removeprefix(PREFIX)) if name.startswith(PREFIX) else (FIELDS, name)
    rule = rules.get(short)
    if rule is None:
        raise ApiError(400, f"{name} is no field that is known here", param=name, code="unknown_parameter")
    if rule.effect == "honoured":
        if rule.allows(value):
            return
        where = ", ".join(rule.routes)
        raise ApiError(400, f"{name} is not for {route}; it is for {where}", param=name, code="unsupported_parameter")
    if not rule.allows(value):
        only = f"; only {name}={rule.harmless[0]!r} is" if rule.harmless else ""
        note = f" ({rule.note})" if rule.note else ""
        raise ApiError(400, f"{name} is not supported{only}{note}", param=name, code="unsupported_parameter")
