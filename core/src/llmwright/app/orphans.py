"""Things that provisioners made and no Workspace of a cluster, or of this machine, needs, for a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from llmwright.errors import LLMwrightError

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.plugins.drivers import Provisioner
    from llmwright.targets.kubernetes.cluster.api_client import Api
    from llmwright.values.nodes import LivingWorkspace, Orphan


def orphans(session: Session, api: Api | None, tell: Callable[[str, str], None]) -> Iterator[tuple[str, Orphan]]:
    """Yield provisioner and orphan of each, on this machine where there is no ``api``.

    ``tell`` takes the name of a provisioner that cannot be asked, and why.
    """
    from llmwright.targets.kubernetes.cluster.api_errors import ApiError
    from llmwright.targets.kubernetes.commands.access import explained

    for name in session.registry.names("provisioner"):
        try:
            driver = session.drivers.provisioner(name, api)
            if ("local" if api is None else "kubernetes") in driver.targets:
                yield from [(name, orphan) for orphan in _orphans_of(session, name, driver, api)]
        except ApiError as error:
            assert api is not None
            # A cluster that does not answer, or not to this user, must not read as one where nothing is left.
            raise explained(error, api) from error
        except LLMwrightError as error:
            tell(name, error.message)


def is_named(session: Session, provisioner: str) -> bool:
    """Return whether the settings name it: one that nobody uses has made nothing."""
    settings = session.settings
    return provisioner in {settings.provisioner, *settings.other_provisioners, *settings.plugins.provisioner}


def _orphans_of(session: Session, name: str, driver: Provisioner, api: Api | None) -> list[Orphan]:
    from llmwright.plugins.driver_calls import driver_call
    from llmwright.targets.clouds import EVERYWHERE, has_cloud
    from llmwright.targets.kubernetes.cluster.listing import listed

    content: Any = None
    with driver_call("provisioner", name, "refresh"):
        if has_cloud(driver):
            content = driver.refresh(EVERYWHERE)
    snapshot = listed(api, driver.watches()) if content is None and api is not None else content
    # After the snapshot: of a machine that is bought in between, nobody would know whose it is.
    tenants = _tenants_here(session) if api is None else _tenants_of(api)
    with driver_call("provisioner", name, "orphans"):
        return list(driver.orphans(tenants, snapshot))


def _tenants_of(api: Api) -> tuple[LivingWorkspace, ...]:
    from llmwright.targets.kubernetes.cluster.api_resources import WORKSPACES
    from llmwright.targets.kubernetes.cluster.listing import all_of, living

    return living(all_of(api, WORKSPACES) or ())


def _tenants_here(session: Session) -> tuple[LivingWorkspace, ...]:
    """Return the Workspaces of this machine; damaged files raise, for a machine must not be called lost for them."""
    from llmwright.targets.kubernetes.cluster.listing import living

    return living(each.model_dump(mode="json", by_alias=True) for each in session.local_target.list())
