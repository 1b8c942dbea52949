"""Challenges of registries in every form that RFC 9110 allows, and in some that it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwright.artifacts.challenge import Challenge, parse_challenges

BEARER = Challenge("bearer", {"realm": "https://a.example/t", "service": "s,1", "scope": "repository:x:pull,push"})
BEARER_TEXT = 'Bearer realm="https://a.example/t",service="s,1",scope="repository:x:pull,push"'
BASIC = Challenge("basic", {"realm": "r"})


@pytest.mark.parametrize(
    ("headers", "challenges"),
    [
        ([BEARER_TEXT], (BEARER,)),
        ([f'{BEARER_TEXT}, Basic realm="r"'], (BEARER, BASIC)),
        ([f'Basic realm="r", {BEARER_TEXT}'], (BASIC, BEARER)),
        (['Basic realm="r"', BEARER_TEXT], (BASIC, BEARER)),
        (["Negotiate", "NTLM TlRMTVNTUAAC==", "basic REALM=r"], (Challenge("negotiate"), Challenge("ntlm"), BASIC)),
        (["Negotiate, NTLM TlRMTVNTUAAC==, Basic realm=r"], (Challenge("negotiate"), Challenge("ntlm"), BASIC)),
        ([' , ,Basic   realm = "r" , '], (BASIC,)),
        (['Basic realm="r", charset="UTF-8"'], (Challenge("basic", {"realm": "r", "charset": "UTF-8"}),)),
        (['Basic realm="a \\"b\\" \\\\"'], (Challenge("basic", {"realm": 'a "b" \\'}),)),
        (
            ["Bearer realm=https://a.example/t,service=x"],
            (Challenge("bearer", {"realm": "https://a.example/t", "service": "x"}),),
        ),
        (['Basic realm="r", realm="other"'], (BASIC,)),
        (['realm="r"', "", "=", '"', 'Basic realm="open'], (Challenge("basic", {"realm": ""}),)),
        ([], ()),
    ],
)
def test_challenges_in_any_number_and_order(headers: list[str], challenges: tuple[Challenge, ...]) -> None:
    assert parse_challenges(headers) == challenges


@given(st.lists(st.text(alphabet='Bearer realm="a\\",=/ \t\u00e9'), max_size=3))
def test_any_text_ends(headers: list[str]) -> None:
    parse_challenges(headers)
