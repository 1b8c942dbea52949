"""One model over two machines by the runtime ``vllm``: two real engines of this machine stand in for them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from tests.support.engine import engine_environment
from tests.support.waiting import wait_until

from llmwright.catalogue.catalogue import Catalogue
from llmwright.plugins.registry import Registry
from llmwright.targets.local.process.ports import is_free
from llmwright.testing import make_context
from llmwright.testing.presets import make_fit
from llmwright.values.launch import Launch, fill
from llmwright_runtime_vllm.driver import VllmRuntime

pytestmark = [pytest.mark.slow, pytest.mark.engine(name="vllm"), pytest.mark.timeout(1800)]

HOST = "127.0.0.1"
START_S = 1200.0
MEETING = range(29500, 29600)
# Layers shared among machines, as a plan has them, are more than the engine's build for the processor can do (0.32).
FLAGS = "{enforce-eager: true, max-num-seqs: 4, tensor-parallel-size: 2, pipeline-parallel-size: 1}"


@pytest.fixture(scope="module")
def launch() -> Launch:
    """The Launch for two machines of one device each, with the config's flags in place of computed ones."""
    runtime = VllmRuntime(make_context(settings={"program": str(engine_environment() / "bin" / "vllm")}))
    preset = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).preset("demo")
    fit = make_fit(nodes=2, pipeline_parallel=2, context=512)
    config = runtime.configure({}, {"inference_config.yaml": f"vllm: {FLAGS}"})
    return runtime.launch(preset, fit, (), config)


@pytest.fixture(scope="module")
def port() -> int:
    return next(port for port in reversed(MEETING) if is_free(HOST, port))


@pytest.fixture(scope="module")
def engines(
    launch: Launch, port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Both engines, started as pods would: nobody waits for anybody else."""
    assert launch.ranks is not None
    # The engines bind it minutes later: a number that the kernel gives to anybody would be somebody else's by then.
    folder, meet = tmp_path_factory.mktemp("ranks"), next(port for port in MEETING if is_free(HOST, port))
    values = {"host": HOST, "port.http": str(port), "leader": HOST, "rank": "1"}
    started = [
        _started(argv, values, meet, folder / f"{rank}.log")
        for rank, argv in enumerate((launch.main.argv, launch.ranks.worker))
    ]
    yield started
    for engine in started:
        os.killpg(engine.pid, signal.SIGKILL)
        engine.wait()


def _started(argv: Sequence[str], values: dict[str, str], meet: int, log: Path) -> subprocess.Popen[bytes]:
    words = [fill(word, values).replace("--master-port=29500", f"--master-port={meet}") for word in argv]
    own = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1", "VLLM_HOST_IP": HOST, "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as output:
        return subprocess.Popen(
            words, env={**os.environ, **own}, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )


def test_the_first_answers_once_the_other_has_joined(engines: list[subprocess.Popen[bytes]], port: int) -> None:
    url = f"http://{HOST}:{port}"
    wait_until(lambda: _is_healthy(url) or any(engine.poll() is not None for engine in engines), "an answer", START_S)
    assert [engine.poll() for engine in engines] == [None, None]
    body = {"model": "demo", "prompt": "Who", "max_tokens": 8, "temperature": 0}
    answer = httpx.post(f"{url}/v1/completions", json=body, timeout=120, trust_env=False)
    assert answer.status_code == httpx.codes.OK, answer.text
    assert answer.json()["choices"][0]["text"]


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
