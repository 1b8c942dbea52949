"""The control half of the runtime ray: its command line is the one that its server reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmwright.errors import InvalidWorkspace
from llmwright.testing import make_context
from llmwright.testing.presets import make_fit, make_instance_type, make_preset
from llmwright.values.adapter import Adapter
from llmwright.values.copies import ONE_COPY, Copies
from llmwright.values.fit import Fit
from llmwright.values.launch import API_KEY, Launch
from llmwright_runtime_ray.command_line import flags_of, value
from llmwright_runtime_ray.driver import RayRuntime
from llmwright_runtime_ray.serve.options import RayOptions, parse

HERE = make_fit(instance_type=make_instance_type(cloud="local"))


def launched(options: dict[str, Any] | None = None, fit: Fit = HERE, **settings: str) -> Launch:
    runtime = RayRuntime(make_context(settings=settings))
    adapters = (Adapter(name="facts", path="/adapters/facts", strength=0.5),)
    return runtime.launch(make_preset(), fit, adapters, runtime.configure(options or {}, {}))


def read(launch: Launch) -> RayOptions:
    argv = [part.replace("$(host)", "127.0.0.1").replace("$(port.http)", "5000") for part in flags_of(launch)]
    return parse(argv, {"LLMWRIGHT_API_KEY": "a-key"})


def test_the_server_understands_what_is_launched() -> None:
    written = {"downscaleDelayS": 1.5, "maxQueuedRequests": 1_000_000, "dtype": "float32"}
    options = read(launched(written))
    assert (options.scaling.downscale_delay_s, options.scaling.max_queued_requests) == (1.5, 1_000_000)
    assert options.engine.served_model_name == make_preset().name
    assert [(adapter.name, adapter.strength) for adapter in options.engine.adapters] == [("facts", 0.5)]
    assert options.engine.exit_with_parent


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        (ONE_COPY, (1, 1, 1, 10.0)),
        (Copies(lowest=3, highest=3, start=3), (3, 3, 3, 10.0)),
        (Copies(lowest=0, highest=4, start=0, target=2.5), (0, 4, 1, 2.5)),
        (Copies(lowest=1, highest=4, start=2, target=123456.5), (1, 4, 2, 123456.5)),
        # One machine serves one copy.
        (Copies(lowest=0, highest=0, start=0), (1, 1, 1, 10.0)),
    ],
)
def test_the_range_is_that_of_the_plan(copies: Copies, expected: tuple[float, ...]) -> None:
    scaling = read(launched(fit=replace(HERE, copies=copies))).scaling
    range_of = (scaling.min_replicas, scaling.max_replicas, scaling.initial_replicas)
    assert (*range_of, scaling.target_ongoing_requests) == expected


def test_a_cluster_without_copies_keeps_none() -> None:
    none = Copies(lowest=0, highest=0, start=0)
    cloud = make_fit(instance_type=make_instance_type(cloud="azure"), copies=none)
    assert read(launched(fit=cloud)).scaling.min_replicas == 0


def test_a_copy_that_starts_again_ends_no_server() -> None:
    for engine in ("hf", "vllm"):
        main = launched({"engine": engine}).main
        assert main.live is None
        assert main.ready is not None


def test_a_node_of_a_cluster_has_memory_for_one_copy() -> None:
    cloud = make_fit(instance_type=make_instance_type(cloud="azure"))
    assert read(launched(fit=cloud)).scaling.max_replicas_per_node == 1
    assert read(launched()).scaling.max_replicas_per_node is None


def test_a_replica_holds_no_key() -> None:
    options = read(launched({"allowedHosts": ["model.example"]}))
    assert options.engine.api_key == "a-key"
    assert options.of_replica.api_key is None
    assert options.of_replica.allowed_hosts == ()


def test_the_program_of_the_settings_is_started_on_this_machine() -> None:
    assert launched().main.argv[:3] == ("$(python)", "-m", "llmwright_runtime_ray.serve")
    assert launched(program="/opt/ray/bin/llmwright-ray-serve").main.argv[:2] == (
        "/opt/ray/bin/llmwright-ray-serve",
        "--model",
    )


def test_ray_reports_nothing_and_takes_the_key_by_name() -> None:
    main = launched().main
    assert main.env["RAY_USAGE_STATS_ENABLED"] == "0"
    assert main.env["LLMWRIGHT_API_KEY"] == API_KEY


def test_each_flag_is_written_once() -> None:
    flags = [part for part in flags_of(launched({"maxQueuedRequests": 7})) if part.startswith("--")]
    assert sorted(flags) == sorted({*flags})


def test_flags_are_read_from_a_launch() -> None:
    flags = flags_of(launched(fit=replace(HERE, copies=Copies(highest=4))))
    assert value(flags, "--max-replicas") == "4"
    assert value(flags, "--no-such-flag") is None


THREE = tuple(Adapter(name=name, path=f"/adapters/{name}", rank=8) for name in ("a", "b", "c"))


@pytest.mark.parametrize(("asked", "most"), [(1, 1), (2, 2), (3, None), (None, None)])
@pytest.mark.parametrize("gpus", [0, 1])
def test_fewer_adapters_than_are_named_are_loaded_on_demand(asked: int | None, most: int | None, gpus: int) -> None:
    """The server, the engine vLLM and the plan's memory take the same number from the option."""
    runtime = RayRuntime(make_context())
    for engine in ("hf", "vllm"):
        config = runtime.configure({"engine": engine, "maxNumAdaptersPerReplica": asked}, {})
        options = read(runtime.launch(make_preset(), replace(HERE, gpus=gpus), THREE, config))
        assert options.most_adapters == most
        assert [adapter.name for adapter in options.engine.adapters] == ["a", "b", "c"]
        assert runtime.held_adapters(3, config) == (most or 3)
        if options.vllm is not None:
            on_demand = {flag.partition("=")[0]: flag.partition("=")[2] for flag in options.vllm}
            counted = on_demand.get("--max-loras"), on_demand.get("--max-cpu-loras")
            # On a processor there is a place for each, and one that stays empty.
            places = most and str(most if gpus else len(THREE) + 1)
            assert counted == ((None if gpus else "4", None) if most is None else (places, places))
            assert ("--lora-modules" in on_demand) is (most is None)
            assert "--enable-lora" in on_demand


def test_a_flag_that_counts_adapters_is_refused_beside_the_option() -> None:
    runtime = RayRuntime(make_context())
    files = {"inference_config.yaml": "vllm: {max-cpu-loras: 4}"}
    assert runtime.configure({"engine": "vllm"}, files).user_flags == {"max-cpu-loras": 4}
    with pytest.raises(InvalidWorkspace, match="maxNumAdaptersPerReplica decides it"):
        runtime.configure({"engine": "vllm", "maxNumAdaptersPerReplica": 2}, files)
