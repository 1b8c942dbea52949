"""The machines that can be named: those of the packs, and those that a provisioner alone offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from llmwright.errors import LLMwrightError

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.session import Session
    from llmwright.catalogue.catalogue import Catalogue
    from llmwright.values.instance_type import InstanceType
    from llmwright.values.plan import Target


def catalogue_for(session: Session, workspace: Workspace, target: Target) -> Catalogue:
    """Return the catalogue as the provisioner of that Workspace has it: with its own machines, where it offers some.

    Raises:
        PluginContract: it failed, or returned anything else than instance types.
    """
    from llmwright.errors import PluginContract
    from llmwright.plugins.selection import choose_provisioner

    catalogue, drivers = session.catalogue, session.driver_set
    if target == "local":
        return catalogue
    try:
        name = choose_provisioner(workspace, session.settings, target, drivers).name
        return catalogue.offering(drivers.instance_types(name))
    except PluginContract:
        raise
    except LLMwrightError:
        # A name that nothing answers to is told where the provisioner is asked for.
        return catalogue


def offered(session: Session, tell: Callable[[str], None]) -> Iterator[InstanceType]:
    """Yield the machines that installed provisioners offer; ``tell`` takes one line of one that cannot be asked."""
    for name in session.registry.names("provisioner"):
        try:
            yield from session.driver_set.instance_types(name)
        except LLMwrightError as error:
            tell(f"{name}: {error.message}")


def find(session: Session, name: str, cloud: str | None) -> InstanceType | None:
    """Return the machine of that name, of the packs or of any provisioner; None where there is none."""
    known = session.catalogue.find_instance_type(name, cloud)
    others = offered(session, lambda _: None) if known is None else ()
    return known or next((machine for machine in others if machine.name.lower() == name.lower()), None)
