"""One Workspace for every runtime: one line of it differs, ``inference.runtime``, and one suite holds for each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam
from tests.e2e.support.scraped import scraped, unanswered
from tests.e2e.support.swapped_runtime import ADAPTERS, KEY, MODEL, NAME, SwappedRuntime

from llmwright.testing import EndpointContract
from llmwright.testing.served_model import COMPLETIONS, ServedModel

pytestmark = [pytest.mark.swap, pytest.mark.timeout(1800)]

SLOW = ("vllm", "ray", "ray-llm")
ENGINES = ["hf", *(pytest.param(name, marks=[pytest.mark.slow, pytest.mark.engine(name=name)]) for name in SLOW)]
QUESTION: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Who are you?"}]
LONG = {"model": MODEL, "prompt": "Who", "max_tokens": 400, "ignore_eos": True, "temperature": 0}


@pytest.fixture(scope="session", params=ENGINES)
def swapped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwappedRuntime]:
    """The Workspace, served by each runtime in turn."""
    made = SwappedRuntime(tmp_path_factory.mktemp(request.param), request.param)
    yield made
    made.sandbox.close()


@pytest.fixture
def client(swapped: SwappedRuntime) -> Iterator[openai.OpenAI]:
    """OpenAI's own client, with the key."""
    with openai.OpenAI(base_url=f"{swapped.endpoint}/v1", api_key=KEY, max_retries=0, timeout=120) as client:
        yield client


class TestEndpoint(EndpointContract):
    """The laws that every plugin's server keeps."""

    @pytest.fixture
    def served(self, swapped: SwappedRuntime) -> ServedModel:
        return swapped.served


def test_openai_s_client_lists_asks_and_continues(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL, *ADAPTERS]
    for name in (MODEL, *ADAPTERS):
        chat = client.chat.completions.create(model=name, messages=QUESTION, max_tokens=4, temperature=0)
        assert chat.model == name
        assert chat.usage is not None
        text = client.completions.create(model=name, prompt="The ship", max_tokens=4, temperature=0)
        assert text.usage is not None
        assert text.usage.completion_tokens in range(1, 5)


def test_a_batch_of_the_base_and_its_adapters_gives_each_its_own_answer(client: openai.OpenAI) -> None:
    def likely(name: str) -> list[float]:
        said = client.completions.create(model=name, prompt="The ship", max_tokens=4, temperature=0, logprobs=1)
        assert said.choices[0].logprobs is not None
        return [value for value in said.choices[0].logprobs.token_logprobs or [] if value is not None]

    alone = {name: likely(name) for name in (MODEL, *ADAPTERS)}
    names = [*alone] * 6
    with ThreadPoolExecutor(12) as pool:
        for name, found in zip(names, pool.map(likely, names), strict=True):
            assert found == pytest.approx(alone[name], abs=0.01), name


def test_openai_s_client_reads_a_stream_with_its_usage(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=8, temperature=0)
    stream = client.chat.completions.create(
        model=MODEL, messages=QUESTION, max_tokens=8, temperature=0, stream=True, stream_options={"include_usage": True}
    )
    chunks = [*stream]
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage


def test_openai_s_client_is_told_its_mistakes(swapped: SwappedRuntime, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="nobody"):
        client.chat.completions.create(model="nobody", messages=QUESTION)
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.chat.completions.create(model=MODEL, messages=QUESTION, temperature=-1)
    with pytest.raises(openai.BadRequestError, match="512"):
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "ship " * 2000}])
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()


def test_the_command_line_asks_it(swapped: SwappedRuntime) -> None:
    for model in ((), ("--model", "second")):
        assert swapped.sandbox.ok("chat", NAME, "Who are you?", *model).strip()


def test_the_benchmark_measures_it_by_its_url(swapped: SwappedRuntime) -> None:
    few = ("--concurrency", "2", "--requests", "3", "--input-tokens", "60", "--output-tokens", "8", "--warmup", "0")
    printed = swapped.sandbox.ok("bench", f"{swapped.endpoint}/v1", "--model", MODEL, *few, "-o", "json")
    (level,) = json.loads(printed)["levels"]
    assert (level["succeeded"], level["failed"], level["counted"]) == (3, 0, "usage")
    assert level["outputTokens"]["high"] == 8
    assert 0 < level["ttftMs"]["p50"] <= level["latencyMs"]["high"]


def test_a_real_prometheus_answers_each_query_of_the_dashboard(
    swapped: SwappedRuntime, client: openai.OpenAI, tmp_path: Path
) -> None:
    """Asked between two scrapes: a whole answer, a stream that its client leaves, an adapter, a refusal."""
    with scraped(swapped.endpoint, tmp_path) as prometheus:
        for name in (MODEL, *ADAPTERS):
            client.completions.create(model=name, prompt="The ship", max_tokens=8, extra_body={"ignore_eos": True})
        with client.completions.create(model=MODEL, prompt="Who", max_tokens=400, stream=True) as stream:
            next(iter(stream))
        with pytest.raises(openai.BadRequestError):
            client.completions.create(model=MODEL, prompt="The ship", temperature=-1)
        assert unanswered(prometheus) == []
        answering = {"match[]": 'vllm:generation_tokens_total{workspace=~"mine"}'}
        assert MODEL in prometheus.get("label/model_name/values", **answering), "the variable of models lists it"


def test_the_key_stands_in_no_file_and_no_argument(swapped: SwappedRuntime) -> None:
    for path in swapped.sandbox.state.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    assert all(KEY not in " ".join(process.cmdline()) for process in swapped.sandbox.processes())


def test_an_answer_under_way_is_finished_when_the_workspace_goes(swapped: SwappedRuntime) -> None:
    """The last test of each server: SIGTERM lets it finish what it began, and then nobody answers."""
    client = swapped.served.client
    lines = client.lines(COMPLETIONS, {**LONG, "stream": True, "stream_options": {"include_usage": True}})
    begun = next(lines)
    with ThreadPoolExecutor(1) as pool:
        gone = pool.submit(swapped.sandbox.ok, "delete", NAME)
        events = [line.removeprefix(b"data:").strip() for line in (begun, *lines) if line.startswith(b"data:")]
        gone.result()
    assert events[-1] == b"[DONE]"
    assert json.loads(events[-2])["usage"]["completion_tokens"] == 400
    swapped.sandbox.wait_until_idle("with the engine's own processes")
    with pytest.raises(OSError):  # noqa: PT011 - refused, reset: the kernel says which
        client.get("/health", 5)
