"""What vLLM is run with."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plugins.runtime_vllm.tests.support.launches import FIT, PRESET, engine_argv, flags, launched
from tests.support.prometheus import dashboard, queries

from llmwright.errors import InvalidWorkspace
from llmwright.plugins.declarations import ADAPTER_METRIC, COMMON_METRICS
from llmwright.testing import make_context
from llmwright.values.launch import API_KEY, Exec, HttpGet
from llmwright_runtime_vllm.driver import VllmRuntime


def test_several_machines_meet_by_the_engine_itself(runtime: VllmRuntime) -> None:
    launch = launched(runtime, replace(FIT, nodes=3, pipeline_parallel=3))
    assert launch.ranks is not None
    assert launch.ranks.leader == (), "nothing stands before the engine"
    own = {"--node-rank=0"}
    assert set(launch.main.argv) - set(launch.ranks.worker) == own
    assert set(launch.ranks.worker) - set(launch.main.argv) == {"--node-rank=$(rank)", "--headless"}
    assert {"--nnodes=3", "--master-addr=$(leader)", "--master-port=29500"} <= {*launch.ranks.worker}
    assert launch.ranks.rendezvous_port == 29500
    probes = (launch.main.startup, launch.main.live, launch.main.ready)
    assert all(probe is not None and isinstance(probe.check, Exec) for probe in probes)
    assert launched(runtime).ranks is None


def test_no_process_of_ours_is_in_the_pod(runtime: VllmRuntime) -> None:
    """The engine's own program in its own image; no process of ours is beside it or asks it."""
    for fit in (FIT, replace(FIT, nodes=2, pipeline_parallel=2)):
        launch = launched(runtime, fit, options={"enginePlugin": False})
        assert launch.main.argv[:2] == ("vllm", "serve")
        assert launch.images[launch.main.image] == "vllm/vllm-openai:v0.32.0"
        assert "llmwright" not in str(launch.main.argv) + str(launch.ranks) + str(launch.main.ready)
        assert not launch.prepare
        assert not launch.beside


def test_the_plugin_is_laid_beside_the_engine(runtime: VllmRuntime, tmp_path: Path) -> None:
    """By the shell of the engine's own image, as files that its Python takes for an installed package."""
    launch = launched(runtime)
    copying, _ = launch.prepare
    assert copying.image == launch.main.image
    argv = [word.replace("$(volume.engine-plugin)", str(tmp_path)) for word in copying.argv]
    for _ in range(2):
        subprocess.run(argv, check=True)
    found = "from importlib.metadata import entry_points as e; (p,) = e(group='vllm.endpoint_plugins')"
    code = f"{found}; print(p.name, p.load()().name, p.load().__module__)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["llmwright", "llmwright", "llmwright_engine_plugin.routes"], done.stderr
    assert launch.main.env["PYTHONPATH"] == "$(volume.engine-plugin)"
    assert launch.main.env["VLLM_PLUGINS"] == "llmwright"
    own = launched(runtime, preset=replace(PRESET, flags={"vllm.env": {"VLLM_PLUGINS": "acme"}}))
    assert own.main.env["VLLM_PLUGINS"] == "acme,llmwright"
    assert launched(runtime, options={"enginePlugin": False}).main.argv == launch.main.argv


def test_adapters_are_loaded_while_it_runs_only_where_that_is_asked_for(runtime: VllmRuntime) -> None:
    options = {"adapterDirectories": ["/srv/a", "/srv/b"]}
    launch = launched(runtime, options=options)
    env = launch.main.env
    assert env["LLMWRIGHT_ADAPTER_DIRECTORIES"] == "/srv/a:/srv/b"
    assert env["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "1"
    assert env["VLLM_API_KEY"] == replace(API_KEY, optional=False), "a pod does not start without"
    assert "--enable-lora" in launch.main.argv
    assert options.keys() == VllmRuntime.keyed_options
    ranked = launched(runtime, options={**options, "maxLoraRank": 40}).main.argv
    assert "--max-lora-rank=64" in ranked, "the next that the engine knows"
    plain = launched(runtime)
    assert not {"VLLM_ALLOW_RUNTIME_LORA_UPDATING", "LLMWRIGHT_ADAPTER_DIRECTORIES"} & plain.main.env.keys()


@pytest.mark.parametrize(
    "options",
    [
        {"adapterDirectories": ["adapters"]},
        {"adapterDirectories": ["/"]},
        {"adapterDirectories": ["/a:/b"]},
        {"adapterDirectories": ["/srv"], "enginePlugin": False},
    ],
)
def test_a_source_of_adapters_is_a_directory_that_the_plugin_guards(
    runtime: VllmRuntime, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidWorkspace):
        runtime.configure(options, {})


def test_the_settings_name_program_and_release() -> None:
    runtime = VllmRuntime(make_context(settings={"program": "/opt/vllm/bin/vllm", "version": "0.31.0"}))
    launch = launched(runtime)
    assert launch.main.argv[0] == runtime.program() == "/opt/vllm/bin/vllm"
    assert launch.images["vllm"] == "vllm/vllm-openai:v0.31.0"
    with pytest.raises(InvalidWorkspace, match=r"vLLM 0\.31\.0 has no flag --grpc-port"):
        engine_argv(runtime, "{grpc-port: 5002}")


def test_decoding_stands_behind_a_sidecar(runtime: VllmRuntime) -> None:
    launch = launched(runtime, options={"role": "decode"})
    assert flags(launch)["port"] == "$(port.engine)"
    assert launch.ports["engine"] == 5001
    assert launch.main.ready is not None
    assert launch.main.ready.check == HttpGet("/health", "engine")
    (sidecar,) = launch.beside
    assert launch.images[sidecar.image].endswith(":v0.8.0")
    assert "NixlConnector" in str(flags(launch)["kv-transfer-config"])
    prefill = launched(runtime, options={"role": "prefill"})
    assert not prefill.beside
    assert prefill.main.env["VLLM_NIXL_SIDE_CHANNEL_HOST"] == "$(address)"
    assert launched(runtime, options={"role": "both"}).main.env.keys() == launched(runtime).main.env.keys()


@pytest.mark.parametrize("options", [{"maxModelLen": 1}, {"gpuMemoryUtilization": 2}, {"maxModeLen": 64}])
def test_wrong_options_are_refused_with_their_path(runtime: VllmRuntime, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        runtime.configure(options, {})
    assert caught.value.problems[0].path == next(iter(options))


def test_what_it_cannot_serve(runtime: VllmRuntime) -> None:
    assert "needs a GPU" in (runtime.refuses(PRESET, replace(FIT, gpus=0)) or "")
    whole = replace(PRESET, distributable=False)
    assert "cannot be spread" in (runtime.refuses(whole, replace(FIT, nodes=2)) or "")
    assert "do not divide over 4 GPUs" in (runtime.refuses(whole, replace(FIT, gpus=4, pipeline_parallel=4)) or "")
    assert runtime.refuses(PRESET, FIT) is None


def test_the_control_half_is_light() -> None:
    code = "import sys, llmwright_runtime_vllm.driver; print([m for m in ('torch', 'vllm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_common_metrics_are_the_engine_s() -> None:
    """``metrics.txt`` has what a real engine showed; ``tests/e2e/test_swap.py`` asks one again in long runs."""
    shown = set(Path(__file__).with_name("metrics.txt").read_text().splitlines())
    assert {*COMMON_METRICS, ADAPTER_METRIC, *VllmRuntime.load_metrics} <= shown


def test_the_dashboard_asks_for_what_the_engine_shows() -> None:
    """A real Prometheus is asked its queries of a server of ``hf`` (``plugins/runtime_hf/tests/serve``)."""
    shown = set(Path(__file__).with_name("metrics.txt").read_text().splitlines())
    texts = queries(dashboard()["panels"], {}).values()
    asked = {re.sub(r"_(total|bucket)$", "", name) for text in texts for name in re.findall(r"vllm:\w+", text)}
    assert len(asked) > 8
    assert asked <= shown
