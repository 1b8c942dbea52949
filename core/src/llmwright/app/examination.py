"""Questions to a provisioner's cloud, for people: each in a thread of its own, with a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from llmwright.errors import LLMwrightError, PluginError
from llmwright.values.nodes import Finding

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.plugins.drivers import Provisioner
    from llmwright.targets.kubernetes.cluster.api_client import Api
    from llmwright.values.nodes import NodeRequest
    from llmwright.values.plan import Plan


def plan_findings(session: Session, plan: Plan) -> tuple[Finding, ...]:
    """Return the findings of the planned provisioner about the planned machines."""
    from llmwright.app.cluster_doctor import cluster_or_none

    cluster = cluster_or_none(session) if plan.target == "kubernetes" else None
    return examined(session, plan.provisioner.name, plan.nodes, cluster)


def asks_beforehand(session: Session, name: str) -> bool:
    """Return whether that provisioner has something to ask; raises PluginError where it cannot be loaded."""
    from llmwright.plugins.drivers import Provisioner

    return session.registry.provisioner(name).examine is not Provisioner.examine


def examined(session: Session, name: str, request: NodeRequest | None, cluster: Api | None) -> tuple[Finding, ...]:
    """Return the findings of the provisioner ``name``; one finding says why, where it cannot be asked."""
    from llmwright.plugins.driver_calls import driver_call

    about = f"provisioner {name}"
    try:
        with driver_call("provisioner", name, "__init__"):
            driver = session.drivers.provisioner(name, cluster)
    except LLMwrightError as error:
        return (Finding(about=about, state="problem", message=error.message, hint=error.hint),)
    if not asks_beforehand(session, name):
        return (Finding(about=about, state="unchecked", message="it has nothing that can be asked beforehand"),)
    findings = _in_time(about, driver, lambda: _asked(name, driver, request))
    return findings or (Finding(about=about, state="ok", message="nothing stands in the way"),)


def _asked(name: str, driver: Provisioner, request: NodeRequest | None) -> Iterator[Finding]:
    from llmwright.plugins.driver_calls import driver_call

    about = f"provisioner {name}"
    try:
        with driver_call("provisioner", name, "examine"):
            yield from tuple(driver.examine(request))
    except PluginError as error:
        yield Finding(about=about, state="problem", message=error.message, hint=error.hint)
    except LLMwrightError as error:
        message = f"{error.reason}: {error.message}"
        yield Finding(about=about, state="unchecked", message=message, hint=error.hint or "try again")


def _in_time(about: str, driver: Provisioner, ask: Callable[[], Iterable[Finding]]) -> tuple[Finding, ...]:
    """Return the answer, or that there was none in time. A thread that hangs is left behind: it cannot be ended."""
    answers: list[tuple[Finding, ...]] = []
    worker = threading.Thread(target=lambda: answers.append(tuple(ask())), name=about, daemon=True)
    worker.start()
    worker.join(driver.refresh_timeout_s)
    if answers:
        return answers[0]
    text = f"its cloud has not answered for {driver.refresh_timeout_s:g} s"
    return (
        Finding(about=about, state="unchecked", message=text, hint="try again, or look at the cloud's status page"),
    )
