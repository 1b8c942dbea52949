"""``WorkspaceHandle``: a Workspace of this machine, as a notebook holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from llmwright.errors import NotYet, TargetError

if TYPE_CHECKING:
    from llmwright.api.status import WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.app.model_client import Message
    from llmwright.app.session import Session
    from llmwright.values.plan import Plan

OnStatus = Callable[["WorkspaceStatus"], object]
"""Called with each new status while something waits."""


class WorkspaceHandle:
    """A Workspace that was applied on this machine.

    A handle holds only the name: every attribute and method reads the present state, and raises TargetError with the
    reason ``NotFound`` once the Workspace is deleted. In a ``with`` block the Workspace is deleted at the end.

    Example::

        with llmwright.run("demo") as ws:
            print(ws.endpoint, ws.chat("Who are you?"))
    """

    def __init__(self, session: Session, name: str, namespace: str = "default") -> None:
        self.name = name
        self.namespace = namespace
        self._session = session

    def __repr__(self) -> str:
        return f"WorkspaceHandle({self.name!r}, namespace={self.namespace!r}, state={self._state()!r})"

    def __enter__(self) -> WorkspaceHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.delete(missing_ok=True)

    @property
    def workspace(self) -> Workspace:
        """The Workspace as it was applied, with its present status."""
        return self._session.local_target.get(self.namespace, self.name)

    @property
    def status(self) -> WorkspaceStatus | None:
        """The present status, with its conditions; None until the first one is written."""
        return self.workspace.status

    @property
    def plan(self) -> Plan | None:
        """The Plan that is being carried out."""
        return self._session.local_target.recorded_plan(self.namespace, self.name)

    @property
    def endpoint(self) -> str:
        """The URL where the model answers, such as ``http://127.0.0.1:8000``.

        Raises:
            NotYet: it does not answer yet.
        """
        from llmwright.app.model_client import endpoint_of

        return endpoint_of(self.workspace)

    @property
    def models(self) -> tuple[str, ...]:
        """The names that requests may use: the base model first, then its adapters. Empty until it answers."""
        status = self.status
        return tuple(status.served_names) if status else ()

    def wait(
        self, condition: str | None = None, *, timeout_s: float | None = None, on_status: OnStatus | None = None
    ) -> WorkspaceHandle:
        """Wait until it answers, or is tuned and has given its machine back; return this handle.

        Args:
            condition: wait for this condition instead, such as ``InferenceReady`` or ``WorkspaceReady=False``.
            timeout_s: the longest wait in seconds; None waits without end.
            on_status: called with each new status.

        Raises:
            NotYet: not within ``timeout_s``.
            TargetError: it failed, with the root cause; or it was deleted meanwhile.
            ConfigError: it failed, and only the user can mend that.

        Example::

            llmwright.apply("workspace.yaml").wait(timeout_s=600)
        """
        from llmwright.lifecycle.waiting import holds, is_settled, raise_if_stalled

        key = f"{self.namespace}/{self.name}"
        try:
            for status in self._statuses(timeout_s):
                if on_status is not None:
                    on_status(status)
                if holds(status, condition, key) if condition else is_settled(status):
                    return self
                raise_if_stalled(status, f"{key}: ")
        except NotYet:
            wanted = condition or "WorkspaceReady"
            raise NotYet(f"{key}: {wanted} does not hold after {timeout_s:g} s") from None
        raise TargetError(f"{key} was deleted meanwhile", reason="Deleted")

    @overload
    def chat(
        self,
        question: str | Sequence[Message],
        *,
        model: str | None = None,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stream: Literal[False] = False,
    ) -> str: ...

    @overload
    def chat(
        self,
        question: str | Sequence[Message],
        *,
        model: str | None = None,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stream: Literal[True],
    ) -> Iterator[str]: ...

    def chat(
        self,
        question: str | Sequence[Message],
        *,
        model: str | None = None,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stream: bool = False,
    ) -> str | Iterator[str]:
        """Ask the served model, and return its answer; with ``stream`` the pieces of it as they are generated.

        Args:
            question: one question, or a conversation: messages with ``role`` and ``content``, the last one the user's.
            model: the base model or an adapter; by default the tuned one, else the base.
            system: an instruction that stands before the conversation.
            max_tokens: the most tokens of the answer; None leaves that to the server.
            temperature: 0 is greedy.

        Raises:
            NotYet: it does not answer yet.
            ConfigError: no such model is served, or the request is refused.
            TargetError: the server failed, or cannot be reached.

        Example::

            for piece in ws.chat("Who are you?", stream=True):
                print(piece, end="")
        """
        messages: list[Message] = [{"role": "system", "content": system}] if system else []
        messages += [{"role": "user", "content": question}] if isinstance(question, str) else question
        options = {"temperature": temperature, **({"max_tokens": max_tokens} if max_tokens else {})}
        pieces = self._pieces(messages, model, options)
        return pieces if stream else "".join(pieces)

    def logs(self, *, stage: str | None = None, follow: bool = False) -> Iterator[str]:
        """The lines that its processes wrote, in order, without line ends.

        Args:
            stage: only of this role (``preflight``, ``tuning``, ``serving``) or process.
            follow: go on with lines as they are written, until its processes end.

        Example::

            print(*ws.logs(stage="serving"), sep="\\\\n")
        """
        lines = self._session.local_target.logs(self.namespace, self.name, following=follow, stage=stage)
        return (line.rstrip("\n") for line in lines)

    def delete(self, *, wait: bool = True, timeout_s: float | None = None, missing_ok: bool = False) -> None:
        """End its processes and remove it. What was delivered to a directory or a registry stays.

        Args:
            wait: return only once its processes ended.
            missing_ok: it may be deleted already.

        Raises:
            NotYet: its processes did not end within ``timeout_s`` seconds.
            TargetError: it is not there, with the reason ``NotFound``; or its machines could not be given back, with
                ``NotReleased``: it stays, to be deleted once more.

        Example::

            llmwright.get("demo").delete()
        """
        try:
            self._session.local_target.delete(self.namespace, self.name, wait=wait, timeout_s=timeout_s)
        except TargetError as error:
            if error.reason != "NotFound" or not missing_ok:
                raise

    def stop(self) -> None:
        """End its processes and keep everything else; applying it again goes on from there."""
        self._session.local_target.stop(self.namespace, self.name)

    def _statuses(self, timeout_s: float | None) -> Iterator[WorkspaceStatus]:
        # Read once before: a Workspace that is not there has no statuses, and would look like one that was deleted.
        _ = self.workspace
        changes = self._session.local_target.watch(self.namespace, self.name, timeout_s)
        return (workspace.status for workspace in changes if workspace.status)

    def _pieces(self, messages: Sequence[Message], model: str | None, options: dict[str, Any]) -> Iterator[str]:
        from llmwright.app.model_client import choose_model

        workspace = self.workspace
        with self._session.model_client(self.endpoint) as client:
            yield from client.stream(choose_model(client, workspace, model), messages, options)

    def _state(self) -> str:
        try:
            status = self.status
        except TargetError as error:
            return error.reason
        return status.state if status else "Pending"
