"""The control half of the runtime ray: its command line is the one that its server reads."""

from __future__ import annotations

from typing import Any

from llmwright.testing import make_context
from llmwright.testing.presets import make_fit, make_instance_type, make_preset
from llmwright.values.adapter import Adapter
from llmwright.values.launch import API_KEY, Launch
from llmwright_runtime_ray.command_line import flags_of, value
from llmwright_runtime_ray.driver import RayRuntime
from llmwright_runtime_ray.serve.options import RayOptions, parse


def launched(options: dict[str, Any] | None = None, **settings: str) -> Launch:
    runtime = RayRuntime(make_context(settings=settings))
    adapters = (Adapter(name="facts", path="/adapters/facts", strength=0.5),)
    here = make_fit(instance_type=make_instance_type(cloud="local"))
    return runtime.launch(make_preset(), here, adapters, runtime.configure(options or {}, {}))


def read(launch: Launch) -> RayOptions:
    argv = [part.replace("$(host)", "127.0.0.1").replace("$(port.http)", "5000") for part in flags_of(launch)]
    return parse(argv, {"LLMWRIGHT_API_KEY": "a-key"})


def test_the_server_understands_what_is_launched() -> None:
    options = read(launched({"minReplicas": 0, "maxReplicas": 3, "downscaleDelayS": 1.5, "dtype": "float32"}))
    scaling = options.scaling
    assert (scaling.min_replicas, scaling.max_replicas, scaling.initial_replicas) == (0, 3, 1)
    assert scaling.downscale_delay_s == 1.5
    assert options.engine.served_model_name == make_preset().name
    assert [(adapter.name, adapter.strength) for adapter in options.engine.adapters] == [("facts", 0.5)]
    assert options.engine.exit_with_parent


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
    flags = flags_of(launched({"maxReplicas": 4}))
    assert value(flags, "--max-replicas") == "4"
    assert value(flags, "--no-such-flag") is None
