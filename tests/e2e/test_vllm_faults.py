"""The runtime ``vllm`` where it does not start: the real engine's own words are in the status."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import psutil
import pytest
from tests.e2e.support.engine_sandbox import PLAIN, EngineSandbox, with_adapter, write_further
from tests.e2e.support.swapped_runtime import START_S, VLLM
from tests.support.engine import engine_environment
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.engine(name="vllm"), pytest.mark.timeout(1800)]

GONE = "enable-mamba-fine-grained-prefix-cache"
"""A flag that vLLM 0.30 has and 0.32, the release here, has not."""


@pytest.fixture(scope="module")
def further(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an adapter that fits, and one that does not."""
    return write_further(tmp_path_factory.mktemp("further"))


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("num-gpu-blocks-override: 1", "ValueError: No available memory for the cache blocks"),
        ("kv-cache-memory-bytes: 1048576", "To serve at least one request with the model's max seq len (512)"),
    ],
    ids=["no memory", "context"],
)
def test_an_engine_that_dies_while_it_starts_says_why(tmp_path: Path, flag: str, words: str) -> None:
    """The cause is told by a child of the engine, and not in the last line of the log."""
    sandbox = EngineSandbox(tmp_path)
    try:
        sandbox.ok("apply", "-f", sandbox.serve_by_engine(flags=f"{PLAIN}, {flag}"))
        wait_until(lambda: "Error" in sandbox.condition("InferenceReady").get("message", ""), "it says why", START_S)
        said = sandbox.condition("InferenceReady")
        assert said["status"] == "False"
        assert words in said["message"]
    finally:
        sandbox.close()


def test_an_engine_that_is_built_for_gpus_says_that_it_finds_none(tmp_path: Path) -> None:
    """As that of `pip install vllm` on a machine without a GPU."""
    sandbox = EngineSandbox(tmp_path, program=built_for_gpus(tmp_path))
    try:
        sandbox.ok("apply", "-f", sandbox.serve_by_engine())
        said = "Failed to infer device type"
        wait_until(lambda: said in sandbox.condition("InferenceReady").get("message", ""), "it says so", START_S)
    finally:
        sandbox.close()


def built_for_gpus(folder: Path) -> Path:
    """Return a program that is the engine under a version without `cpu`: by that it tells what it was built for."""
    named, program = folder / "built-for-gpus", folder / "vllm"
    metadata = named / f"vllm-{VLLM}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VLLM}\n")
    engine = engine_environment() / "bin" / "vllm"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{named}:$PYTHONPATH" exec {engine} "$@"\n')
    program.chmod(0o755)
    return program


def test_a_value_that_the_engine_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    flags, words = f"{PLAIN}, max-num-batched-tokens: 1", "max_num_batched_tokens"
    sandbox = EngineSandbox(tmp_path)
    try:
        sandbox.ok("apply", "-f", sandbox.serve_by_engine(flags=flags))
        wait_until(lambda: words in sandbox.condition("InferenceReady").get("message", ""), "it says why", START_S)
    finally:
        sandbox.close()


def test_an_adapter_of_another_model_is_refused_before_anything_starts(tmp_path: Path, further: Path) -> None:
    sandbox = EngineSandbox(tmp_path)
    try:
        refused = sandbox.run("apply", "-f", sandbox.serve_by_engine(more=with_adapter(further / "wrong")))
        assert refused.code == 2
        assert "adapter own does not fit demo: size mismatch" in refused.err
        assert sandbox.processes() == []
    finally:
        sandbox.close()


def test_an_adapter_that_is_exchanged_meanwhile_is_told_in_the_engine_s_words(tmp_path: Path, further: Path) -> None:
    """The engine reads it long after it was checked."""
    sandbox, own = EngineSandbox(tmp_path), tmp_path / "own"
    shutil.copytree(further / "good", own)
    try:
        sandbox.ok("apply", "-f", sandbox.serve_by_engine(more=with_adapter(own)))
        shutil.copytree(further / "wrong", own, dirs_exist_ok=True)
        wait_until(lambda: "size of tensor" in sandbox.condition("InferenceReady").get("message", ""), "so", START_S)
    finally:
        sandbox.close()


def test_an_engine_of_another_release_than_the_settings_name_says_which_flag_it_lacks(tmp_path: Path) -> None:
    sandbox = EngineSandbox(tmp_path, version="0.30.0")
    try:
        sandbox.ok("apply", "-f", sandbox.serve_by_engine(flags=f"{PLAIN}, {GONE}: true"))
        said = f"unrecognized arguments: --{GONE}"
        wait_until(lambda: said in sandbox.condition("InferenceReady").get("message", ""), "it says which", START_S)
    finally:
        sandbox.close()


def test_a_port_that_somebody_takes_meanwhile(tmp_path: Path) -> None:
    """The engine imports for a while before it binds its port. Whoever takes it then is named, and it starts on."""
    sandbox = EngineSandbox(tmp_path)
    try:
        sandbox.ok("apply", "-f", sandbox.serve_by_engine())
        port = wait_until(lambda: _port_of(sandbox), "the engine starts", 60)
        with socket.socket() as thief:
            thief.bind(("127.0.0.1", port))
            thief.listen()
            wait_until(lambda: _port_of(sandbox) not in (None, port), "it starts on another port", START_S)
    finally:
        sandbox.close()


def _port_of(sandbox: EngineSandbox) -> int | None:
    """Return the port in the engine's arguments, None while there is no engine."""
    try:
        words = [word for word in sandbox.engine().cmdline() if word.startswith("--port=")]
    except (ValueError, psutil.Error):
        return None
    return int(words[0].partition("=")[2]) if words else None
