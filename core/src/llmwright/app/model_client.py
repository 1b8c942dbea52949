"""Talking to a served model over HTTP, in the OpenAI API's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmwright.errors import ConfigError, TargetError

if TYPE_CHECKING:
    import httpx

Message = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model answers; the key is sent as a bearer token and never shown."""

    url: str
    api_key: str | None = field(default=None, repr=False)

    def client(self) -> httpx.Client:
        """A client bound to this endpoint. Proxies are for the outside: a model of this machine is asked directly."""
        import httpx

        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=httpx.Timeout(10, read=600), trust_env=False)


def answer(client: httpx.Client, model: str, prompt: str, max_tokens: int) -> str:
    """The whole greedy answer of ``model`` to one prompt.

    Raises:
        TargetError: the endpoint refused or did not answer.
    """
    body = _body(model, [{"role": "user", "content": prompt}], max_tokens)
    reply = _checked(client, body)
    return str(reply["choices"][0]["message"]["content"])


def stream(client: httpx.Client, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> Iterator[str]:
    """The pieces of an answer as they are generated.

    Raises:
        TargetError: the endpoint refused, or broke off.
    """
    import httpx

    body = {"model": model, "messages": list(messages), "stream": True, **options}
    try:
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            if response.status_code != httpx.codes.OK:
                response.read()
                raise _refusal(response)
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                yield from _pieces(response.iter_lines())
                return
            # A runtime that does not stream answers in one piece.
            yield str(json.loads(response.read())["choices"][0]["message"]["content"])
    except httpx.HTTPError as error:
        raise _unreachable(client, error) from error


def models(client: httpx.Client) -> list[str]:
    """The names that requests may use: the base model first, then its adapters."""
    import httpx

    try:
        response = client.get("/v1/models")
    except httpx.HTTPError as error:
        raise _unreachable(client, error) from error
    if response.status_code != httpx.codes.OK:
        raise _refusal(response)
    return [str(item["id"]) for item in response.json()["data"]]


def _body(model: str, messages: list[Message], max_tokens: int) -> dict[str, Any]:
    return {"model": model, "messages": messages, "max_tokens": max_tokens, "temperature": 0}


def _checked(client: httpx.Client, body: Mapping[str, Any]) -> Any:
    import httpx

    try:
        response = client.post("/v1/chat/completions", json=body)
    except httpx.HTTPError as error:
        raise _unreachable(client, error) from error
    if response.status_code != httpx.codes.OK:
        raise _refusal(response)
    return response.json()


def _pieces(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        event = json.loads(data)
        if "error" in event:
            raise TargetError(f"the model's server broke off: {event['error'].get('message', event['error'])}")
        for choice in event.get("choices", ()):
            yield choice.get("delta", {}).get("content") or ""


def _unreachable(client: httpx.Client, error: Exception) -> TargetError:
    return TargetError(
        f"no answer from {client.base_url}: {error or type(error).__name__}",
        hint="`llmwright get` shows whether it is ready, `llmwright logs NAME` what it wrote",
        reason="EndpointUnreachable",
    )


def _refusal(response: httpx.Response) -> ConfigError | TargetError:
    try:
        text = response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        text = response.text[:500] or response.reason_phrase
    if response.status_code == 401:
        return ConfigError(f"{response.url} wants an API key: {text}", hint="set LLMWRIGHT_API_KEY")
    kind = ConfigError if response.status_code < 500 else TargetError
    return kind(f"{response.url.path} answered {response.status_code}: {text}")
