"""Secrets taken out of URLs, and put back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwright.values.url_secrets import hides_secrets, whole_urls, without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:PW@host/x?sig=S", "http://***@host/x?sig=***"),
        ("https://TOKEN@host:8443/a/b.csv", "https://***@host:8443/a/b.csv"),
        (
            "HTTPS://h/x?download=true&X-Amz-Signature=S&raw=1#part",
            "HTTPS://h/x?download=true&X-Amz-Signature=***&raw=1",
        ),
        ("https://h/x?S3CRET", "https://h/x?***"),
        ("https://h/x?a=&b", "https://h/x?a=&***"),
        ("https://h/x?a=1&b=TRUE&pin=1&Sig=1&c=12345", "https://h/x?a=1&b=TRUE&pin=***&Sig=***&c=***"),
        ("https://h/x?a=b=c", "https://h/x?a=***"),
        ("https://u:p@ss@h/x", "https://***@h/x"),
        ("hf://datasets/o/n@v1/d/train.jsonl", "hf://datasets/o/n@v1/d/train.jsonl"),
        ("https://h/x.csv?download=true", "https://h/x.csv?download=true"),
        ("https://h/a@b?", "https://h/a@b?"),
        ("file:///data/a?b=c", "file:///data/a?b=c"),
        ("data/rows.jsonl", "data/rows.jsonl"),
        ("", ""),
    ],
)
def test_what_is_shown_of_a_url(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
    assert without_secrets(shown) == shown
    assert hides_secrets(shown) == ("***" in shown)
    assert whole_urls([shown], json.dumps([url])) == [url if "***" in shown else shown]


def test_urls_that_look_alike_keep_their_order() -> None:
    whole = ["https://h/x?sig=1", "https://h/y?sig=2", "https://h/x?sig=3"]
    assert whole_urls([without_secrets(url) for url in whole], json.dumps(whole)) == whole
    with pytest.raises(KeyError):
        whole_urls(["https://h/x?sig=***"] * 3, json.dumps(whole))


@pytest.mark.parametrize("variable", ["{}", "[1]", "x", "null"])
def test_a_variable_that_is_none(variable: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        whole_urls(["https://h/x?sig=***"], variable)


@given(st.text())
def test_hiding_takes_any_text_and_is_stable(url: str) -> None:
    assert without_secrets(without_secrets(url)) == without_secrets(url)
