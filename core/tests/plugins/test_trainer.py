"""The workload half of small tuners."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from llmwright.plugins.trainer import main, parser, read_rows, report, write_adapter


@pytest.mark.parametrize(
    "content", ["", "{}\n", '{"prompt": "a"}\n', '{"prompt": 1, "completion": "b"}\n', "[]\n", "a\n"]
)
def test_rows_that_cannot_be_used_end_it_with_2(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another machine would not help."""
    (tmp_path / "train.jsonl").write_text(content)
    assert main(lambda options, rows: None, parser().parse_args(["inspect", "--data", str(tmp_path)])) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_first_rows_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"prompt": f"{number}", "completion": "é\u2028b", "more": "x"} for number in range(3)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    options = parser().parse_args(["sample", "--data", str(tmp_path), "--rows", "2"])
    assert main(lambda options, rows: None, options) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert shown == [{"prompt": str(number), "completion": "é\u2028b"} for number in range(2)]
    assert len(read_rows(tmp_path)) == 3


def test_an_adapter_is_a_file_of_safetensors(tmp_path: Path) -> None:
    """Names as peft's, offsets one after the other, numbers as they were given."""
    write_adapter(
        tmp_path, {"layers.0.q.lora_A": ((1, 2), [1.0, 2.0]), "layers.0.q.lora_B": ((2, 1), [3.0, 4.0])}, {"r": 1}
    )
    content = (tmp_path / "adapter_model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    assert list(header) == [f"base_model.model.model.layers.0.q.lora_{part}.weight" for part in "AB"]
    assert [each["data_offsets"] for each in header.values()] == [[0, 8], [8, 16]]
    assert struct.unpack("<4f", content[8 + size :]) == (1.0, 2.0, 3.0, 4.0)
    assert json.loads((tmp_path / "adapter_config.json").read_text()) == {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 1,
    }


def test_a_matrix_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lora_A has 1 numbers"):
        write_adapter(tmp_path, {"layers.0.q.lora_A": ((1, 2), [1.0])}, {"r": 1})
    assert not list(tmp_path.iterdir())


def test_each_step_is_reported(tmp_path: Path) -> None:
    report(tmp_path, 1, 2, 0.5)
    report(tmp_path, 2, 2, 0.25)
    lines = (tmp_path / "progress.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]
