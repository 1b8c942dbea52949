"""Laws that more than one kind of driver keeps: weights, every process alike, the effect of options."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from llmwright.plugins.driver_calls import described
from llmwright.plugins.drivers import Driver
from llmwright.testing.hash_seeds import Calls, differing
from llmwright.testing.launches import as_json
from llmwright.testing.purity import Impure
from llmwright.testing.shapes import REGISTRY, REVISION
from llmwright.values.launch import Launch
from llmwright.values.preset import Preset


@contextmanager
def naming(about: str) -> Iterator[None]:
    """Say in the message of whatever fails within it what was asked for."""
    try:
        yield
    except (Impure, AssertionError) as error:
        raise type(error)(f"{about}: {error}") from error
    except Exception as error:
        raise AssertionError(f"{about}: it raised {described(error)}") from error


def assert_weights(launch: Launch, preset: Preset) -> None:
    """Assert that ``launch`` has the weights of a preset of ``shapes``: its commit, or its image pulled and mounted."""
    text = as_json(launch)
    if preset.source.startswith("hf://"):
        assert preset.source.removeprefix("hf://") in text, f"the Launch lacks the model {preset.source}"
        assert REVISION in text, "the Launch lacks preset.revision: another commit may be loaded than was tested"
        return
    assert REGISTRY in text, (
        f"no process fetches {preset.source}: use prepare, volumes and mounts of weights_of(preset)"
    )
    pulled = {mount.volume for each in launch.prepare if REGISTRY in as_json(each) for mount in each.mounts}
    mounted = {mount.volume for mount in launch.main.mounts}
    assert REGISTRY in as_json(launch.main) or pulled & mounted, "main does not mount the volume that prepare fills"
    written = sorted(mount.volume for mount in launch.main.mounts if mount.volume in pulled and not mount.read_only)
    assert not written, (
        f"main mounts the weights in {', '.join(written)} for writing: mount them with read_only=True, as "
        "weights_of(preset).mounts does"
    )


def assert_remote_code(allowed: Launch, forbidden: Launch) -> None:
    """Assert that code of the model's repository is asked for where it is allowed, and only there."""
    text = as_json(forbidden).replace("_", "-")
    assert "trust-remote-code" not in text, "launch asks for remote code, and preset.remote_code is False"
    assert allowed != forbidden, (
        "launch is the same whether preset.remote_code is True or False, so a model with code of its own is never "
        "loaded: take weights_of(preset).arguments whole, or pass the flag on"
    )


def assert_alike_in_every_process(driver: Driver, calls: Calls) -> None:
    """Assert that ``calls`` have the same results in processes whose sets have other orders."""
    if "<locals>" in type(driver).__qualname__:
        pytest.skip(f"{type(driver).__qualname__} is defined inside of a function: no other process finds it")
    try:
        pickle.dumps(calls)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        pytest.skip(f"its arguments cannot be handed to another process: {error}")
    differ = differing(type(driver), driver.context.settings, calls)
    assert not differ, (
        f"another process gave another result ({'; '.join(differ)}): sort what comes out of a set or a hash"
    )
