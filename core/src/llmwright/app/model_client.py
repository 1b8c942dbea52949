"""Talking to a served model over HTTP, with the OpenAI API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from llmwright.app.model_answers import content_of, pieces_of, refusal, text_of_response, well_formed
from llmwright.errors import ConfigError, NotYet, TargetError
from llmwright.values.same_place import SamePlace

if TYPE_CHECKING:
    import httpx

    from llmwright.api.workspace import Workspace

Message = Mapping[str, str]
"""``role`` and ``content``."""

CONNECT_S = 10.0
ANSWER_S = 600.0
LOOK = "`llmwright get` shows whether it is ready, `llmwright logs NAME` what it wrote"


class ModelClient:
    """A client of one endpoint; the API key is sent as a bearer token and never shown. Close it, or use it in ``with``.

    Its methods raise TargetError where the endpoint does not answer or fails, and ConfigError where it refuses what
    was asked, or where the key cannot be sent. ``transport`` replaces the network, for tests; ``hint`` says where to
    look once it answers no more.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        transport: httpx.BaseTransport | None = None,
        *,
        hint: str = "",
    ) -> None:
        self.url = url
        self.hint = hint or LOOK
        self._api_key = sendable_key(api_key)
        self._transport = transport

    def __enter__(self) -> ModelClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def models(self) -> list[str]:
        """The names that requests may use: the base model first, then its adapters."""
        import httpx

        try:
            response = self._http.get("/v1/models")
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        listed = content_of(response).get("data") or ()
        return [str(item["id"]) for item in listed if isinstance(item, Mapping) and "id" in item]

    def has_page(self) -> bool:
        """Whether a browser that opens the endpoint sees a page; False where nothing answers."""
        import httpx

        try:
            response = self._http.get("/", headers={"Accept": "text/html"})
        except httpx.HTTPError:
            return False
        kind = response.headers.get("content-type", "")
        return response.status_code == httpx.codes.OK and kind.startswith("text/html")

    def answer(self, model: str, messages: Sequence[Message], options: Mapping[str, Any]) -> str:
        """The whole answer; ``options`` are fields of the request, such as ``temperature`` and ``max_tokens``."""
        import httpx

        body = {"model": model, "messages": _sendable(messages), **options}
        try:
            response = self._http.post("/v1/chat/completions", json=body)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        return text_of_response(response)

    def stream(
        self,
        model: str,
        messages: Sequence[Message],
        options: Mapping[str, Any],
        on_reasoning: Callable[[str], None] | None = None,
    ) -> Iterator[str]:
        """The pieces of the answer as they are generated; ``on_reasoning`` gets those of the reasoning before it."""
        import httpx

        body = {"model": model, "messages": _sendable(messages), "stream": True, **options}
        try:
            with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise refusal(response)
                if response.headers.get("content-type", "").lower().startswith("text/event-stream"):
                    yield from pieces_of(response.iter_bytes(), on_reasoning)
                    return
                response.read()
                # A runtime that does not stream answers in one piece.
                yield text_of_response(response)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    @cached_property
    def _http(self) -> httpx.Client:
        import httpx

        headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        timeout = httpx.Timeout(CONNECT_S, read=ANSWER_S)
        # Proxies are for the outside: a model of this machine is asked directly.
        return httpx.Client(
            base_url=self.url, headers=headers, timeout=timeout, trust_env=False, transport=self._transport
        )

    def _unreachable(self, error: Exception) -> TargetError:
        return TargetError(
            f"no answer from {self._http.base_url}: {error or type(error).__name__}",
            hint=self.hint,
            reason="EndpointUnreachable",
        )


class Conversation:
    """A conversation with one model: what was said so far, and how answers are made.

    A turn that fails is taken back, so that the next one may be tried.
    """

    def __init__(
        self,
        client: ModelClient,
        model: str,
        *,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float = 0.0,
    ) -> None:
        self.model = model
        self.messages: list[Message] = [{"role": "system", "content": system}] if system else []
        self._client = client
        self._options = {"temperature": temperature, **({"max_tokens": max_tokens} if max_tokens else {})}

    def ask(self, question: str) -> str:
        """The whole answer to the next question; raises as ``ModelClient``."""
        turn = [*self.messages, {"role": "user", "content": question}]
        answer = self._client.answer(self.model, turn, self._options)
        self.messages = [*turn, {"role": "assistant", "content": answer}]
        return answer

    def stream(self, question: str, on_reasoning: Callable[[str], None] | None = None) -> Iterator[str]:
        """The pieces of the answer to the next question as they are generated; as ``ModelClient.stream``."""
        turn = [*self.messages, {"role": "user", "content": question}]
        pieces = []
        for piece in self._client.stream(self.model, turn, self._options, on_reasoning):
            pieces.append(piece)
            yield piece
        self.messages = [*turn, {"role": "assistant", "content": "".join(pieces)}]


def sendable_key(api_key: str | None) -> str | None:
    """Return the API key as a header holds it; None for none.

    Raises:
        ConfigError: no header can hold it.
    """
    # A secret that was made with ``echo`` ends with a line break, which no header can hold.
    key = (api_key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            "the API key has characters that no HTTP header can hold", hint="set LLMWRIGHT_API_KEY to plain ASCII"
        )
    return key or None


def where_to_look(workspace: Workspace, place: SamePlace) -> str:
    """Return the hint for a server of ``workspace`` that answers no more."""
    get, logs = (place.command(f"{verb} {workspace.name}", workspace.namespace) for verb in ("get", "logs"))
    return f"`{get}` shows whether it is ready, `{logs}` what it wrote"


def endpoint_of(workspace: Workspace, place: SamePlace | None = None) -> str:
    """The URL where ``workspace`` answers; ``place`` is where it is asked for.

    Raises:
        NotYet: it does not answer yet; the message says what it waits for.
    """
    status = workspace.status
    ready = status.condition("InferenceReady") if status else None
    if status is None or not status.endpoint or ready is None or ready.status != "True":
        why = ready.message if ready else "it was not started yet"
        words = f"wait {workspace.name} --for=condition=InferenceReady --timeout=10m"
        raise NotYet(
            f"{workspace.namespace}/{workspace.name} does not answer yet: {why}",
            hint=(place or SamePlace()).command(words, workspace.namespace),
        )
    return status.endpoint


def choose_model(client: ModelClient, workspace: Workspace, name: str | None) -> str:
    """The model to ask: ``name``, else the adapter that ``workspace`` tuned, else its base model.

    Raises:
        ConfigError: no model of that name is served.
        TargetError: the endpoint does not answer.
    """
    served = client.models()
    if name is not None and name not in served:
        raise ConfigError(f"no model {name!r} is served there", hint=f"served: {', '.join(served)}")
    if not served:
        raise TargetError("the endpoint lists no model", hint=client.hint)
    tuned = workspace.name if workspace.tuning and workspace.name in served else served[0]
    return name or tuned


def _sendable(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Return ``messages`` as they can be sent: a terminal that is not UTF-8 leaves surrogates in what was typed."""
    return [{name: well_formed(value) for name, value in message.items()} for message in messages]
