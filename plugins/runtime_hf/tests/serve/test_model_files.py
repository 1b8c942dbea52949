from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.serve_options import options_for

from llmwright.errors import ConfigError
from llmwright_runtime_hf.serve import model_files
from llmwright_runtime_hf.serve.model_files import check_adapter, check_model
from llmwright_runtime_hf.serve.serve_options import AdapterSpec


@pytest.mark.parametrize("model", ["./nothing", "/no/such", "one/two/three"])
def test_a_path_that_is_not_there_is_no_hub_id(model: str) -> None:
    with pytest.raises(ConfigError, match=f"{model} is not there"):
        check_model(model)


def test_a_hub_id_is_not_looked_up() -> None:
    check_model("org/name")


def test_a_directory_without_a_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no readable config\.json: No such file"):
        check_model(str(tmp_path))


def test_an_adapter_without_a_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"adapter a .* no readable adapter_config\.json: No such file"):
        check_adapter(AdapterSpec("a", tmp_path))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "adapter_model.bin"])
def test_pickles_are_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / name).write_bytes(b"")

    with pytest.raises(ConfigError, match=f"holds {name} and no "):
        check_adapter(AdapterSpec("a", tmp_path)) if name.startswith("adapter") else check_model(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tokenizer.json", None, "holds no tokenizer"),
        ("generation_config.json", "{", "generation_config.json is no JSON"),
        ("generation_config.json", "[1]", "generation_config.json holds no JSON object"),
        ("generation_config.json", "{}", ""),
    ],
)
def test_what_the_libraries_would_go_on_without_is_told(
    tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / file).write_text("{}")
    (tmp_path / name).unlink(missing_ok=True)
    if content is not None:
        (tmp_path / name).write_text(content)
    if not said:
        check_model(str(tmp_path))
        return
    with pytest.raises(ConfigError, match=said):
        check_model(str(tmp_path))


@pytest.mark.parametrize("code", [False, True])
def test_a_model_of_the_hub_is_loaded_from_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: bool
) -> None:
    """But for one with code of its own, which the libraries find by the model's id."""
    monkeypatch.setattr(model_files, "fetch_before_loading", lambda model, revision: tmp_path / model / revision)
    asked = replace(options_for(Path("acme/tiny"), revision="abc", trust_remote_code=code), served_model_name="tiny")
    brought = model_files.fetched(asked)

    assert brought.served_model_name == "tiny"
    assert (brought.model, brought.revision) == (
        ("acme/tiny", "abc") if code else (str(tmp_path / "acme/tiny" / "abc"), None)
    )


def test_a_directory_stays_as_it_is(tmp_path: Path) -> None:
    assert model_files.fetched(options_for(tmp_path)) == options_for(tmp_path)
