"""The routes beside generation: health and version."""

from __future__ import annotations

import httpx


def test_version(http: httpx.Client) -> None:
    assert http.get("/version").json().keys() == {"version", "transformers"}


def test_health(http: httpx.Client) -> None:
    assert http.get("/health").json() == {"status": "Healthy"}
