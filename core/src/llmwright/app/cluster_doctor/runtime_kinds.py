"""The kinds by which installed runtimes serve, and whether a cluster serves them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmwright.errors import TargetError
from llmwright.values.nodes import Finding, Watch

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.targets.kubernetes.cluster.api_client import Api


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeKind:
    """A runtime's kind. ``served`` is None where the cluster does not tell, ``why`` then is the reason.

    ``chosen`` says that the settings name or configure the runtime.
    """

    runtime: str
    watch: Watch
    chosen: bool
    served: bool | None
    why: str = ""

    @property
    def idle(self) -> bool:
        """Whether nobody can use the runtime here, nor asked for it."""
        return self.served is False and not self.chosen

    @property
    def finding(self) -> Finding:
        """Whether the cluster serves it."""
        about, kind = f"objects of runtime {self.runtime}", f"{self.watch.plural}.{self.watch.group}"
        if self.served is None:
            return Finding(about=about, state="unchecked", message=self.why)
        if self.served:
            return Finding(about=about, state="ok", message=f"the cluster serves {kind}")
        # What nobody asked for stands in nobody's way.
        state: Any = "unchecked" if self.idle else "problem"
        message = f"the cluster does not serve {kind}"
        return Finding(about=about, state=state, message=message, hint=self.watch.brought_by)


def runtime_kinds(session: Session, api: Api) -> Iterator[RuntimeKind]:
    """Yield the kind of each installed runtime that serves by one of its own."""
    for name in session.registry.names("runtime"):
        runtime = session.driver_set.find_runtime(name)
        watch = runtime.serves_as if runtime is not None else None
        if watch is None:
            continue
        chosen = name == session.settings.runtime or name in session.settings.plugins.runtime
        try:
            plurals = {entry["name"] for entry in api.kinds(f"{watch.group}/{watch.version}")}
        except TargetError as error:
            yield RuntimeKind(runtime=name, watch=watch, chosen=chosen, served=None, why=error.message)
        else:
            yield RuntimeKind(runtime=name, watch=watch, chosen=chosen, served=watch.plural in plurals)
