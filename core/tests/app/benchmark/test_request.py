"""The fields of a request, and what is left out after a refusal."""

from __future__ import annotations

from llmwright.app.benchmark.request import Dialect, make_request, narrower
from llmwright.app.benchmark.workload import Prompt, Workload

ALL = Dialect()


def test_a_made_prompt() -> None:
    request = make_request(Prompt("hi"), Workload(output_tokens=9), ALL, "tiny")
    assert request.path == "/v1/chat/completions"
    assert request.body == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 9,
        "temperature": 0.0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_own_prompts_end_where_the_model_ends() -> None:
    own = Prompt("hi", fields={"max_tokens": 3, "top_p": 0.5})
    request = make_request(own, Workload(prompts=(own,), stream=False, api="completions"), ALL, "tiny")
    assert request.path == "/v1/completions"
    assert request.body == {"model": "tiny", "prompt": "hi", "max_tokens": 3, "temperature": 0.0, "top_p": 0.5}
    assert request.max_tokens == 3


def test_a_server_that_wants_the_newer_name() -> None:
    body = make_request(Prompt("hi"), Workload(), Dialect(max_tokens=False, temperature=False), "tiny").body
    assert body["max_completion_tokens"] == 128
    assert not {"max_tokens", "temperature"} & body.keys()


def test_the_field_that_the_refusal_names_goes_first() -> None:
    assert narrower(ALL, Workload(), "temperature may not be 0") == Dialect(temperature=False)
    assert narrower(ALL, Workload(), "no") == Dialect(ignore_eos=False)


def test_every_field_is_dropped_once() -> None:
    dialect: Dialect | None = ALL
    steps = 0
    while (dialect := narrower(dialect, Workload(), "no") if dialect else None) is not None:
        steps += 1
    assert steps == 4
    assert narrower(ALL, Workload(stream=False, ignore_eos=False, api="completions"), "") == Dialect(temperature=False)
