"""Requests to a served model, as curl would send them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx


def request(endpoint: str, path: str, body: Mapping[str, Any] | None = None, key: str | None = None) -> httpx.Response:
    """Send GET, or POST where there is a ``body``, with ``key`` as the bearer's token."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    method = "GET" if body is None else "POST"
    return httpx.request(method, endpoint + path, json=body, headers=headers, timeout=60, trust_env=False)


def answer_of(endpoint: str, model: str, question: str) -> str:
    """Return the greedy answer of ``model``."""
    body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0}
    response = request(endpoint, "/v1/chat/completions", body)
    assert response.status_code == httpx.codes.OK, response.text
    return str(response.json()["choices"][0]["message"]["content"]).strip()
