"""Things that provisioners made on a cluster and no Workspace needs, for a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from llmwright.errors import LLMwrightError

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.plugins.drivers import Provisioner
    from llmwright.targets.kubernetes.cluster.api_client import Api
    from llmwright.values.nodes import Orphan


def orphans(session: Session, api: Api, tell: Callable[[str], None]) -> Iterator[tuple[str, Orphan]]:
    """Yield provisioner and orphan of each; ``tell`` takes one line of a provisioner that cannot be asked."""
    for name in session.registry.names("provisioner"):
        try:
            driver = session.drivers.provisioner(name, api)
            if "kubernetes" in driver.targets:
                yield from [(name, orphan) for orphan in _orphans_of(name, driver, api)]
        except LLMwrightError as error:
            tell(f"{name}: {error.message}")


def _orphans_of(name: str, driver: Provisioner, api: Api) -> list[Orphan]:
    from llmwright.plugins.driver_calls import driver_call
    from llmwright.targets.clouds import EVERYWHERE, has_cloud
    from llmwright.targets.kubernetes.cluster.api_resources import WORKSPACES
    from llmwright.targets.kubernetes.cluster.listing import all_of, listed, living

    content: Any = None
    with driver_call("provisioner", name, "refresh"):
        if has_cloud(driver):
            content = driver.refresh(EVERYWHERE)
    snapshot = listed(api, driver.watches()) if content is None else content
    # After the snapshot: of a machine that is bought in between, nobody would know whose it is.
    tenants = living(all_of(api, WORKSPACES) or ())
    with driver_call("provisioner", name, "orphans"):
        return list(driver.orphans(tenants, snapshot))
