"""Names that servers propose never leave the directory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwright.artifacts.filenames import file_name, free_name, plain_name


@pytest.mark.parametrize(
    ("path", "disposition", "name"),
    [
        ("/data/train.csv", "", "train.csv"),
        ("/data/train.csv", 'attachment; filename="evil.sh"', "train.csv"),
        ("/download", 'attachment; filename="train.csv"', "train.csv"),
        ("/download", "attachment; filename=train.csv; size=3", "train.csv"),
        ("/download", "attachment; filename=x; filename*=UTF-8''tr%C3%A4in.csv", "träin.csv"),
        ("/download", 'attachment; filename="../../etc/passwd"', "passwd"),
        ("/download", r'attachment; filename="..\\..\\boot.ini"', "boot.ini"),
        ("/download", "attachment; filename*=UTF-8''..%2F..%2F.bashrc", "bashrc"),
        ("/download", 'attachment; filename=".."', "download"),
        ("/a%2F..%2Fb.csv", "", "b.csv"),
        ("/", "", "download"),
        ("/..", "", "download"),
        ("/.hidden.csv", "", "hidden.csv"),
        ("/dir/", "", "download"),
    ],
)
def test_names(path: str, disposition: str, name: str) -> None:
    assert file_name(path, disposition) == name


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_name_is_always_one_plain_part(path: str, header: str) -> None:
    for disposition in (header, f"attachment; filename={header}", f'attachment; filename="{header}"'):
        name = file_name(path, disposition)
        assert name
        assert name not in (".", "..")
        assert not set(name) & set("/\\\0\n")
        assert len(name.encode()) <= 200


def test_long_names_keep_their_extension() -> None:
    assert plain_name("ü" * 300 + ".parquet").endswith("ü.parquet")


def test_taken_names_get_numbers() -> None:
    assert free_name("a.csv", {"a.csv", "a-2.csv"}) == "a-3.csv"
    assert free_name("a", ()) == "a"
