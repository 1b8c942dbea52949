from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.errors import ConfigError
from llmwright_runtime_hf.serve.serve_options import AdapterSpec, parse_adapter, parse_options


def test_the_defaults_serve_on_loopback_without_a_key() -> None:
    options = parse_options(["--model", "org/name"], {})

    assert (options.host, options.port, options.api_key) == ("127.0.0.1", 5000, None)
    assert options.model_names == ("org/name",)
    assert options.default_model == "org/name"


def test_a_directory_is_served_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "phi").mkdir()

    assert parse_options(["--model", str(tmp_path / "phi")], {}).served_model_name == "phi"


def test_every_flag_arrives(tmp_path: Path) -> None:
    template = tmp_path / "t.jinja"
    template.write_text("plain text")
    flags = (
        "--model m --revision r --served-model-name base --adapter a=x,strength=0.5 --adapter b=y --default-model b"
        " --host 0.0.0.0 --port 81 --dtype bfloat16 --quantization nf4 --max-model-len 128 --device cpu --threads 2"
        " --exit-with-parent --chat-template"
    )
    options = parse_options([*flags.split(), str(template)], {"LLMWRIGHT_API_KEY": "k"})

    assert options.adapters == (AdapterSpec("a", Path("x"), 0.5), AdapterSpec("b", Path("y")))
    assert options.model_names == ("base", "a", "b")
    assert (options.model, options.revision, options.default_model) == ("m", "r", "b")
    assert (options.host, options.port, options.threads) == ("0.0.0.0", 81, 2)
    assert (options.dtype, options.quantization, options.device) == ("bfloat16", "nf4", "cpu")
    assert (options.max_model_len, options.chat_template, options.exit_with_parent) == (128, "plain text", True)
    assert options.api_key == "k"


def test_the_key_is_not_shown() -> None:
    assert "sesame" not in repr(parse_options(["--model", "m"], {"LLMWRIGHT_API_KEY": "sesame"}))


def test_an_inline_chat_template_is_told_from_a_file() -> None:
    assert parse_options(["--model", "m", "--chat-template", "{{ x }}"], {}).chat_template == "{{ x }}"


def test_an_adapter_path_may_hold_an_equals_sign() -> None:
    assert parse_adapter("a=/x=y/z") == AdapterSpec("a", Path("/x=y/z"))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "--model"),
        (["--model", "m", "--prot", "1"], "--prot"),
        (["--model", "m", "--port", "70000"], "'70000' is not a port"),
        (["--model", "m", "--max-model-len", "0"], "'0' is not a whole number above 0"),
        (["--model", "m", "--threads", "two"], "'two' is not a whole number above 0"),
        (["--model", "m", "--dtype", "fp8"], "fp8"),
        (["--model", "m", "--adapter", "a"], "'a' is not NAME=PATH"),
        (["--model", "m", "--adapter", "a=x,strength=much"], "'much' is not a number"),
        (["--model", "m", "--adapter", "a=x,strength=nan"], "'nan' is not a number"),
        (["--model", "m", "--adapter", "m=x"], "'m' is given to two models"),
        (["--model", "m", "--adapter", "a=x", "--adapter", "a=y"], "'a' is given to two models"),
        (["--model", "m", "--default-model", "b"], "'b' is not served"),
        (["--model", "m", "--chat-template", "no-such-file"], "is not there"),
    ],
)
def test_a_wrong_flag_is_one_clear_error(flags: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_options(flags, {})

    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_an_empty_key_is_refused_rather_than_serving_without_one() -> None:
    with pytest.raises(ConfigError, match="LLMWRIGHT_API_KEY is set and empty"):
        parse_options(["--model", "m"], {"LLMWRIGHT_API_KEY": ""})


@pytest.mark.parametrize("text", ["sesame\n", " sesame", "sesame \r\n"])
def test_blanks_around_the_key_are_not_the_key_s(text: str) -> None:
    """No client could send them: HTTP strips them from a header."""
    assert parse_options(["--model", "m"], {"LLMWRIGHT_API_KEY": text}).api_key == "sesame"


@pytest.mark.parametrize("text", ["two\nlines", "schl\u00fcssel", "a\tb"])
def test_a_key_that_no_header_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="LLMWRIGHT_API_KEY has characters that no HTTP header can hold") as error:
        parse_options(["--model", "m"], {"LLMWRIGHT_API_KEY": text})
    assert text not in str(error.value)


@pytest.mark.parametrize(
    ("flags", "checked"),
    [
        ("", True),
        ("--host 0.0.0.0", False),
        ("--host ::1", True),
        ("--host localhost", True),
        ("--host 0.0.0.0 --allowed-host a.example", True),
    ],
)
def test_hosts_are_checked_on_loopback_and_where_they_are_named(flags: str, checked: bool) -> None:
    assert parse_options(["--model", "m", *flags.split()], {}).checks_host is checked


def test_behind_a_key_hosts_are_not_checked() -> None:
    assert not parse_options(["--model", "m"], {"LLMWRIGHT_API_KEY": "k"}).checks_host


def test_adapters_are_loaded_behind_a_key_from_real_directories_alone() -> None:
    key = {"LLMWRIGHT_API_KEY": "k"}
    flags = ["--model", "m", "--adapter-directory"]
    assert parse_options([*flags, "/srv/a"], key).adapter_directories == (Path("/srv/a"),)
    with pytest.raises(ConfigError, match="behind an API key alone") as error:
        parse_options([*flags, "/srv/a"], {})
    assert "LLMWRIGHT_API_KEY" in error.value.hint
    assert parse_options(["--model", "m", "--adapter-registry", "ghcr.io/team"], key).hot_adapters
    with pytest.raises(ConfigError, match="--adapter-registry lets requests load adapters"):
        parse_options(["--model", "m", "--adapter-registry", "ghcr.io/team"], {})
    for wrong in ("oci://ghcr.io", "ghcr.io/", "ghcr.io/a b", ""):
        with pytest.raises(ConfigError, match="is no registry"):
            parse_options(["--model", "m", "--adapter-registry", wrong], key)
    for wrong in ("adapters", "/"):
        with pytest.raises(ConfigError, match="absolute path"):
            parse_options([*flags, wrong], key)


def test_the_key_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sesame\n")
    assert parse_options(["--model", "m"], {"LLMWRIGHT_API_KEY_FILE": str(tmp_path / "key")}).api_key == "sesame"
