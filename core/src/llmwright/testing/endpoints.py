"""Laws of a server beyond conversations: continued texts, limits, metrics, and fields that it cannot honour."""

from __future__ import annotations

from dataclasses import replace

from llmwright.plugins.declarations import ADAPTER_METRIC, COMMON_METRICS
from llmwright.testing.endpoint_adapters import HotAdaptersContract
from llmwright.testing.endpoint_choices import ChoicesContract, assert_refused
from llmwright.testing.served_model import ServedModel, choices_of, chunks_of

PROMPT = "/chat"
COLOURS = ("red", "blue")
# No object: a small model fills it with blanks, which JSON allows without end.
SHAPE = {"type": "json_schema", "json_schema": {"name": "colour", "schema": {"enum": [*COLOURS]}}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


class EndpointContract(ChoicesContract, HotAdaptersContract):
    """All laws of a server that answers, started by whomever: subclass it, and give the fixture ``served``.

    An ability that its runtime does not declare is judged by one rule: it is refused, and never dropped in silence.
    """

    def test_it_continues_a_text(self, served: ServedModel) -> None:
        """With ``completions``, ``POST /v1/completions`` continues a text under each name, no longer than asked."""
        if not served.able.completions:
            return
        for name in served.names:
            answer = served.complete(model=name, max_tokens=4)
            assert answer.status == 200, f"a text for {name} is answered with {answer.status}: {answer.body[:200]!r}"
            content = answer.json or {}
            assert content.get("object") == "text_completion", f"its object is {content.get('object')!r}"
            assert content.get("model") == name, f"an answer of {name} says model {content.get('model')!r}"
            choice = (content.get("choices") or [{}])[0]
            assert isinstance(choice.get("text"), str), f"choices[0] has no text: {answer.body[:200]!r}"
            assert choice.get("finish_reason"), "choices[0] has no finish_reason"
            tokens = (content.get("usage") or {}).get("completion_tokens")
            assert tokens in range(5), f"max_tokens is 4, and usage says {tokens}"

    def test_a_continued_text_streams(self, served: ServedModel) -> None:
        """With ``completions`` and ``streaming``, the pieces of a stream together are the text."""
        if not (served.able.completions and served.able.streaming):
            return
        whole = (served.complete(max_tokens=8).json or {}).get("choices", [{}])[0].get("text")
        answer = served.complete(max_tokens=8, stream=True)
        assert answer.events[-1:] == ["[DONE]"], f"the stream of a text ends with {answer.events[-1:]}, not with [DONE]"
        pieces = "".join(choice.get("text") or "" for choice in choices_of(answer))
        assert pieces == whole, f"the pieces of a stream are {pieces!r}, and the text is {whole!r}"

    def test_a_stream_counts_its_tokens(self, served: ServedModel) -> None:
        """``stream_options: {include_usage: true}`` gives a last event with ``usage`` and without a choice."""
        if not served.able.streaming:
            return
        answer = served.chat(max_tokens=4, stream=True, stream_options={"include_usage": True})
        last = (chunks_of(answer) or [None])[-1] or {}
        usage = last.get("usage")
        assert isinstance(usage, dict), "with include_usage the last event of a stream has no usage"
        assert last.get("choices") == [], "the event with usage has choices: clients take it for a part of the answer"
        whole = (served.chat(max_tokens=4).json or {}).get("usage") or {}
        for part in ("prompt_tokens", "completion_tokens"):
            assert usage.get(part) == whole.get(part), (
                f"{part} of a stream is {usage.get(part)}, else {whole.get(part)}"
            )

    def test_it_answers_a_prompt(self, served: ServedModel) -> None:
        """With ``chat_endpoint``, ``POST /chat`` with ``prompt`` is answered with ``response``, by each name too."""
        if not served.able.chat_endpoint:
            return
        for body in ({}, *({"model": name} for name in served.names)):
            answer = served.client.post(PROMPT, {"prompt": "Where is the ship?", "max_tokens": 8, **body})
            assert answer.status == 200, f"POST /chat with {body} is answered with {answer.status}"
            content = answer.json or {}
            assert isinstance(content.get("response"), str), (
                f"an answer of /chat has no response: {answer.body[:200]!r}"
            )
        refused = served.client.post(PROMPT, {"question": "Where is the ship?"})
        assert_refused(refused, "POST /chat without a prompt")

    def test_a_wrong_value_is_refused(self, served: ServedModel) -> None:
        """A negative temperature, a number for a text, a text for a number: refused as OpenAI refuses them."""
        assert_refused(served.chat(temperature=-1), "temperature -1")
        assert_refused(served.chat(messages=[{"role": "user", "content": 5}]), "a message whose content is 5")
        assert_refused(served.chat(max_tokens="many"), "max_tokens 'many'")

    def test_a_question_longer_than_the_context_is_refused(self, served: ServedModel) -> None:
        """A question that leaves no room for an answer is refused: a cut one would be another question."""
        words = "ship " * (served.context * 2)
        assert_refused(served.chat(messages=[{"role": "user", "content": words}]), "a question beyond the context")
        if served.able.completions:
            assert_refused(served.complete(prompt=words), "a text beyond the context")

    def test_an_answer_keeps_the_shape_that_was_asked(self, served: ServedModel) -> None:
        """With ``response_format`` an answer is JSON of the schema; without, the field is refused and not dropped."""
        answer = served.chat(max_tokens=64, response_format=SHAPE)
        if not served.able.response_format:
            assert_refused(answer, "response_format, which capabilities lacks,")
            return
        assert answer.status == 200, f"response_format is answered with {answer.status}: {answer.body[:200]!r}"
        said = answer.json["choices"][0]["message"]["content"]
        colour = replace(answer, body=said.encode()).json
        assert colour in COLOURS, f"response_format asks for one of {COLOURS}, and the answer is {said!r}"

    def test_tools_are_not_dropped(self, served: ServedModel) -> None:
        """A tool that a request demands is called, or ``tools`` is refused: not every model has a format for calls."""
        choice = {"type": "function", "function": {"name": "look"}}
        answer = served.chat(max_tokens=64, tools=[TOOL], tool_choice=choice)
        if answer.status != 200:
            assert_refused(answer, "a request with tools")
            return
        calls = answer.json["choices"][0]["message"].get("tool_calls") or [{}]
        assert (calls[0].get("function") or {}).get("name") == "look", f"the tool is not called: {answer.body[:200]!r}"

    def test_its_metrics_have_the_common_names(self, served: ServedModel) -> None:
        """With ``metrics``, ``GET /metrics`` has those of ``COMMON_METRICS``, and counts the tokens of an answer."""
        if not served.able.metrics:
            return
        before = _metrics(served)
        nameless = [sample for sample in _samples(served) if _is_common(sample) and 'model_name="' not in sample]
        assert not nameless, f"the label model_name is missing from {nameless[0]}"
        lacking = [name for name in COMMON_METRICS if not any(_is_of(key, name) for key in before)]
        assert not lacking, f"capabilities has metrics, and GET /metrics lacks {', '.join(lacking)}"
        usage = (served.chat(max_tokens=4).json or {}).get("usage") or {}
        after = _metrics(served)
        for name, part in (("prompt_tokens", "prompt_tokens"), ("generation_tokens", "completion_tokens")):
            key = f"vllm:{name}_total"
            counted = after.get(key, 0) - before.get(key, 0)
            assert counted >= usage.get(part, 0), (
                f"{key} grew by {counted}, and the answer had {usage.get(part)} tokens"
            )

    def test_its_metrics_tell_of_adapters(self, served: ServedModel) -> None:
        """With ``metrics`` and ``adapters``, ``ADAPTER_METRIC`` is there once an adapter was asked."""
        if not (served.able.metrics and served.adapters):
            return
        served.chat(model=served.adapters[0], max_tokens=4)
        samples = [sample for sample in _samples(served) if sample.startswith(f"{ADAPTER_METRIC}{{")]
        assert samples, f"capabilities has metrics and adapters, and GET /metrics lacks {ADAPTER_METRIC}"
        for label in ("running_lora_adapters", "waiting_lora_adapters"):
            assert f'{label}="' in samples[0], f"{ADAPTER_METRIC} lacks the label {label}"


def _metrics(served: ServedModel) -> dict[str, float]:
    """Return the values of all metrics by name, summed over their labels."""
    values: dict[str, float] = {}
    for line in _samples(served):
        name, _, value = line.rpartition(" ")
        key = name.partition("{")[0]
        values[key] = values.get(key, 0) + float(value)
    return values


def _samples(served: ServedModel) -> list[str]:
    """Return the lines of ``GET /metrics`` with a value."""
    answer = served.client.get("/metrics")
    assert answer.status == 200, f"GET /metrics answers {answer.status}"
    return [line for line in answer.body.decode().splitlines() if " " in line and not line.startswith("#")]


def _is_common(sample: str) -> bool:
    return any(_is_of(sample.partition("{")[0].partition(" ")[0], name) for name in COMMON_METRICS)


def _is_of(key: str, metric: str) -> bool:
    return key in (metric, *(f"{metric}_{end}" for end in ("total", "bucket", "count", "sum")))
