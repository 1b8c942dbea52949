"""Three adapters on two replicas of ``ray`` that hold one at a time, by the real Ray, with each of its engines."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.e2e.support.engine_sandbox import completion, write_further
from tests.e2e.support.ray_sandbox import RaySandbox
from tests.e2e.support.sandbox import Sandbox
from tests.e2e.support.served_model import request
from tests.e2e.support.swapped_runtime import KEY, START_S
from tests.e2e.support.workspaces import serving_workspace
from tests.support.waiting import wait_until

from llmwright.catalogue.catalogue import Catalogue
from llmwright.plugins.registry import Registry
from llmwright.testing.adapters import write_adapter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ADAPTERS = {"first": 0.1, "second": -0.1, "third": 0.05}
ENGINES = [pytest.param(name, marks=pytest.mark.engine(name=name)) for name in ("ray", "ray-llm")]
BROKEN = "fourth"
LOADS = re.compile(r'^llmwright_adapter_loads_total\{model="(\w+)"\} ([0-9.]+)$', re.MULTILINE)


Answer = tuple[str, list[float]]


@dataclass
class Served:
    """A Workspace that answers, and the folder of its adapters."""

    sandbox: Sandbox
    endpoint: str
    adapters: Path

    def ask(self, model: str) -> Answer:
        """Return the text and the tokens' log-probabilities: adapters differ in these at least."""
        body = {**completion(model, 4), "logprobs": 1}
        response = request(self.endpoint, "/v1/completions", body, KEY)
        assert response.status_code == 200, response.text
        (choice,) = response.json()["choices"]
        return choice["text"], choice["logprobs"]["token_logprobs"]

    def loads(self) -> dict[str, int]:
        """Return how often each adapter was loaded, in all replicas."""
        headers = {"Authorization": f"Bearer {KEY}"}
        text = httpx.get(f"{self.endpoint}/metrics", headers=headers, timeout=60, trust_env=False).text
        return {name: int(float(count)) for name, count in LOADS.findall(text)}

    def is_streamed(self, model: str, tokens: int) -> bool:
        """Ask for a long answer, and return whether it is whole."""
        body = {**completion(model, tokens), "ignore_eos": True, "stream": True}
        headers, url = {"Authorization": f"Bearer {KEY}"}, f"{self.endpoint}/v1/completions"
        with httpx.stream("POST", url, json=body, headers=headers, timeout=120, trust_env=False) as response:
            lines = [line for line in response.iter_lines() if line.startswith("data: ")]
        return lines[-1] == "data: [DONE]" and not any('"error"' in line for line in lines)


def written(folder: Path) -> str:
    """Write all adapters into ``folder``; return the lines of ``inference`` that serve them."""
    sizes = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).preset("demo").architecture
    assert sizes is not None
    for name, value in {**ADAPTERS, BROKEN: 0.01}.items():
        write_adapter(folder / name, sizes, value)
    names = [*ADAPTERS, BROKEN]
    sources = (f"{{name: {name}, volumeSource: {{hostPath: {{path: {folder / name}}}}}}}" for name in names)
    return "  adapters:\n" + "".join(f"    - source: {source}\n" for source in sources)


def serve(sandbox: Sandbox, file: Path, adapters: Path) -> Served:
    sandbox.ok("apply", "-f", file)
    wait_until(lambda: sandbox.condition("WorkspaceReady").get("status") == "True", "the model answers", START_S)
    return Served(sandbox, str(sandbox.get()["status"]["endpoint"]), adapters)


@pytest.fixture(scope="module", params=ENGINES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two replicas that hold one adapter each."""
    root = tmp_path_factory.mktemp(request.param)
    sandbox = RaySandbox(root, request.param)
    scale = "  autoscaling: {minReplicas: 2, maxReplicas: 2}\n"
    file = sandbox.serve_by_ray(f"{scale}{written(root / 'adapters')}", "maxNumAdaptersPerReplica: 1")
    try:
        yield serve(sandbox, file, root / "adapters")
    finally:
        sandbox.close()


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """What each name answers where one server holds all adapters."""
    root = tmp_path_factory.mktemp("all")
    sandbox = Sandbox(root, LLMWRIGHT_API_KEY=KEY)
    text = f"{serving_workspace('mine')}  runtime: hf\n{written(root / 'adapters')}"
    try:
        all_loaded = serve(sandbox, sandbox.write(text, "mine.yaml"), root / "adapters")
        return {name: all_loaded.ask(name) for name in ("demo", *ADAPTERS)}
    finally:
        sandbox.close()


def assert_alike(answer: Answer, other: Answer) -> None:
    assert answer[0] == other[0]
    assert answer[1] == pytest.approx(other[1], abs=0.01)


def test_requests_go_to_the_replica_that_holds_their_adapter(model: Served) -> None:
    """The first test: nothing is loaded yet. Two adapters have a replica each, so neither is loaded again."""
    assert set(model.loads().values()) == {0}
    for name in ("first", "second", *("first", "second", "demo") * 4):
        model.ask(name)
        # Ray Serve tells its proxies of the adapters of a replica every 0.1 s.
        time.sleep(0.3)
    counted = model.loads()
    assert (counted["first"], counted["second"], counted["third"]) == (1, 1, 0)


def test_all_names_are_listed_whatever_is_loaded(model: Served) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    listed = httpx.get(f"{model.endpoint}/v1/models", headers=headers, timeout=60, trust_env=False).json()["data"]
    assert [each["id"] for each in listed] == ["demo", *ADAPTERS, BROKEN]


def test_answers_are_each_adapter_s_own_after_others_were_loaded_in_between(
    model: Served, truth: dict[str, Answer]
) -> None:
    assert len({json.dumps(answer) for answer in truth.values()}) == 1 + len(ADAPTERS)
    before = sum(model.loads().values())
    for name in ("third", "first", "second", "demo", "third", "second", "first"):
        assert_alike(model.ask(name), truth[name])
    assert sum(model.loads().values()) > before


def test_one_that_answers_stays_until_its_answers_end(model: Served, truth: dict[str, Answer]) -> None:
    """Three adapters, two places: the third waits for the first answer that ends, and breaks none off."""
    with ThreadPoolExecutor(3) as pool:
        streams = [pool.submit(model.is_streamed, name, 400) for name in ("first", "second")]
        answer = pool.submit(model.ask, "third").result()
        ended = [stream.result() for stream in streams]
    assert all(ended)
    assert_alike(answer, truth["third"])


def test_many_clients_of_three_adapters_get_their_own_answers(model: Served, truth: dict[str, Answer]) -> None:
    names = [*ADAPTERS, "demo"] * 6
    with ThreadPoolExecutor(12) as pool:
        for name, answer in zip(names, pool.map(model.ask, names), strict=True):
            assert_alike(answer, truth[name])


def test_a_broken_one_is_refused_by_name_and_the_others_go_on(model: Served, tmp_path: Path) -> None:
    shutil.copytree(write_further(tmp_path) / "wrong", model.adapters / BROKEN, dirs_exist_ok=True)
    for _ in range(2):
        response = request(model.endpoint, "/v1/completions", completion(BROKEN), KEY)
        assert response.status_code == 503, response.text
        assert f"adapter {BROKEN} (" in response.json()["error"]["message"]
        assert "cannot be served" in response.json()["error"]["message"]
    for name in ADAPTERS:
        model.ask(name)
