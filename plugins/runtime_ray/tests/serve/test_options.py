"""The server's flags."""

from __future__ import annotations

import pytest

from llmwright.errors import ConfigError
from llmwright_runtime_ray.serve.options import parse


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--min-replicas", "2"], "--min-replicas 2 is more than --max-replicas 1"),
        (["--max-replicas", "2", "--initial-replicas", "3"], "--initial-replicas 3"),
        (["--max-replicas", "0"], "is not above 0"),
        (["--upscale-delay-s", "nan"], "is not a number from 0 on"),
        (["--no-such-flag"], "--no-such-flag"),
        (["--dtype", "fp8"], "fp8"),
        (["--engine", "sglang"], "sglang"),
        (["--engine", "vllm", "--dtype", "float32"], "--dtype is no flag with --engine vllm"),
        (["--", "--dtype=float32"], "what follows -- are flags of vLLM"),
    ],
)
def test_wrong_flags_are_one_error(flags: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(["--model", "acme/tiny", *flags], {})
    assert words in caught.value.message


def test_help_lists_the_flags_of_both(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"], {})
    out = capsys.readouterr().out
    assert "--max-replicas" in out
    assert "--max-model-len" in out


def test_what_follows_the_mark_is_vllm_s() -> None:
    vllm = ["--", "--port=1", "--tensor-parallel-size=2"]
    options = parse(["--model", "acme/tiny", "--engine", "vllm", "--port", "5001", "--replica-cpus", "1.5", *vllm], {})
    assert options.vllm == ("--port=1", "--tensor-parallel-size=2")
    assert options.engine.port == 5001
    assert parse(["--model", "acme/tiny", "--engine", "vllm"], {}).vllm == ()
    assert parse(["--model", "acme/tiny"], {}).vllm is None


@pytest.mark.parametrize(
    ("flags", "cpus"),
    [
        (["--max-replicas", "3", "--replica-cpus", "1.5"], 5),
        (["--engine", "vllm", "--max-replicas", "2"], 5),
        (["--engine", "vllm", "--", "--tensor-parallel-size=2", "--pipeline-parallel-size=2"], 6),
        (["--engine", "vllm", "--replica-gpus", "2", "--", "--tensor-parallel-size=2"], 2),
    ],
)
def test_a_cluster_of_one_machine_has_the_cpus_of_all_copies(flags: list[str], cpus: int) -> None:
    assert parse(["--model", "acme/tiny", *flags], {}).cpus == cpus
