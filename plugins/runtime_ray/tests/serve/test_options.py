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
