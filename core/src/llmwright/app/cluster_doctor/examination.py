"""The examination of one cluster, from its API server's address to the images that its pods start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmwright.errors import ConfigError, LLMwrightError, TargetError
from llmwright.values.nodes import Finding

if TYPE_CHECKING:
    from llmwright.app.cluster_doctor.operator_state import InstalledOperator
    from llmwright.app.cluster_doctor.runtime_kinds import RuntimeKind
    from llmwright.app.session import Session
    from llmwright.plugins.drivers import AccessRule
    from llmwright.targets.kubernetes.cluster.api_client import Api

NAMES_SHOWN = 5
ASK = "an administrator's doctor says more"
OLDEST = (1, 30)
"""The oldest release of Kubernetes that is served (docs/installation.md)."""
RELEASE = re.compile(r"v?(\d+)\.(\d+)")


def cluster_or_none(session: Session) -> Api | None:
    """Return a client of the cluster that a session means; None where it names none, and none can be used.

    Raises:
        ConfigError: the one that it names cannot be used.
    """
    from llmwright.targets.kubernetes.cluster import kubeconfig as access

    try:
        return access.connect(session.kubeconfig, session.context, session.written_place)
    except ConfigError:
        if session.kubeconfig or session.context:
            raise
        return None


class ClusterExamination:
    """Asks the cluster that a session names.

    Attributes:
        api: a client of the cluster; None before ``findings``, and where it cannot be used.
        session: with the settings of the cluster's operator, once they were found; else as it was given.
    """

    def __init__(self, session: Session, namespace: str | None = None) -> None:
        """``namespace`` is that of Workspaces, by default the context's."""
        self.api: Api | None = None
        self.session = session
        self._installed: InstalledOperator | None = None
        self._catalogue = session.catalogue
        self._namespace = namespace

    def findings(self) -> Iterator[Finding]:
        """Yield them one by one; after one that cannot be got round nothing more is asked."""
        from llmwright.app.cluster_doctor.runtime_kinds import runtime_kinds
        from llmwright.targets.kubernetes.cluster import kubeconfig as access

        session = self.session
        try:
            api = access.connect(session.kubeconfig, session.context, session.written_place)
            served = self._reach(api)
        except ConfigError as error:
            # Without a word of a cluster nobody may want one.
            state: Any = "problem" if session.on_cluster else "unchecked"
            yield Finding(about="cluster", state=state, message=error.message, hint=error.hint)
            return
        except TargetError as error:
            yield Finding(about="cluster", state="problem", message=error.message, hint=error.hint)
            return
        self.api = api
        yield self._release(api)
        yield _definition(api, served)
        if served:
            from llmwright.app.cluster_doctor.rights import own_rights

            yield from own_rights(api, self._where)
        yield from self._operator(api)
        kinds = tuple(runtime_kinds(self.session, api))
        yield from self._images(api, kinds)
        yield from self._nodes(api)
        yield from (kind.finding for kind in kinds)

    @property
    def _where(self) -> str:
        from llmwright.targets.kubernetes.cluster.kubeconfig import own_namespace

        return self._namespace or own_namespace(self.session.kubeconfig, self.session.context)

    def _reach(self, api: Api) -> bool:
        """Return whether the cluster serves Workspaces; raises TargetError with what to do."""
        from llmwright.targets.kubernetes.cluster.api_errors import ApiError
        from llmwright.targets.kubernetes.commands.access import explained

        try:
            return "workspaces" in {kind["name"] for kind in api.kinds("kaito.sh/v1beta1")}
        except ApiError as error:
            raise explained(error, api) from error

    def _release(self, api: Api) -> Finding:
        from llmwright.targets.kubernetes.cluster.kubeconfig import context_name

        name = context_name(self.session.kubeconfig, self.session.context)
        place = f"context {name}, {api.configuration.host}" if name else str(api.configuration.host)
        try:
            release = api.version()
        except TargetError as error:
            return Finding(about="cluster", state="ok", message=f"{place} answers; its version: {error.message}")
        found = RELEASE.match(release)
        if found and (int(found[1]), int(found[2])) < OLDEST:
            hint = f"upgrade it to {OLDEST[0]}.{OLDEST[1]} or later"
            return Finding(about="cluster", state="problem", message=f"{place} is Kubernetes {release}", hint=hint)
        return Finding(about="cluster", state="ok", message=f"{place} answers: Kubernetes {release}")

    def _operator(self, api: Api) -> Iterator[Finding]:
        from llmwright.app.cluster_doctor.operator_state import ABOUT, find_operator, operator_findings
        from llmwright.app.cluster_doctor.rights import rights_of_account, rights_of_process
        from llmwright.targets.kubernetes.cluster import kubeconfig as access
        from llmwright.targets.kubernetes.cluster.api_errors import ApiError
        from llmwright.targets.kubernetes.commands.access import explained

        try:
            installed = self._installed = find_operator(api)
        except ApiError as error:
            refused = explained(error, api)
            yield Finding(about=ABOUT, state="unchecked", message=refused.message, hint=refused.hint)
            return
        yield from operator_findings(api, installed)
        in_pod = access.in_cluster()
        if installed is None or in_pod:
            # The role of its pod has the rights of the provisioners that the settings name.
            yield rights_of_process(api, _rules(self.session, chosen=in_pod), in_pod=in_pod)
        if installed is None:
            yield from _obstacle(self.session, api)
            return
        if installed.settings_map:
            yield from self._take_settings(api, installed)
        yield from _obstacle(self.session, api)
        if not in_pod:
            yield rights_of_account(api, installed.account, _rules(self.session, chosen=True))

    def _take_settings(self, api: Api, installed: InstalledOperator) -> Iterator[Finding]:
        """Take the operator's settings: what follows is about what that does, and not about this machine."""
        from llmwright.app.cluster_doctor.cluster_settings import settings_of, usable_here

        settings, finding = settings_of(api, installed)
        yield finding
        if settings is None:
            return
        usable, lacking = usable_here(settings, self.session)
        self.session = replace(self.session, given_settings=usable)
        if lacking:
            message = f"what these need is not checked, for this machine lacks them: {', '.join(lacking)}"
            hint = "install here too what the value `plugins` of the chart names"
            yield Finding(about="operator's plugins", state="unchecked", message=message, hint=hint)

    def _images(self, api: Api, kinds: Sequence[RuntimeKind]) -> Iterator[Finding]:
        from llmwright.app.cluster_doctor import image_findings as images

        if self.session.settings.image_volumes:
            yield images.image_volume_finding(api, self._where)
            yield images.image_mount_finding(api)
        if self._installed is None:
            return
        idle = frozenset(f"runtime {kind.runtime}" for kind in kinds if kind.idle)
        try:
            yield from images.image_findings(self.session, self._installed.image, idle)
        except LLMwrightError as error:
            # The operator may have other plugins than this machine, which its settings name.
            message = f"the images of the operator's drivers are not known here: {error.message}"
            yield Finding(about="images", state="unchecked", message=message, hint=error.hint)

    def _nodes(self, api: Api) -> Iterator[Finding]:
        from llmwright.app.cluster_doctor.gpus import gpu_findings

        # That of this machine: directories of the operator's settings lie in its pod.
        catalogue = self._catalogue

        def gpus_of(instance_type: str) -> int:
            known = catalogue.find_instance_type(instance_type) if instance_type else None
            return known.gpus if known is not None else 0

        yield from gpu_findings(api, gpus_of)


def _definition(api: Api, served: bool) -> Finding:
    from llmwright.api.crd_fields import lacking_fields
    from llmwright.targets.kubernetes.cluster.api_errors import ApiError
    from llmwright.targets.kubernetes.cluster.api_resources import CRDS
    from llmwright.targets.kubernetes.commands.access import explained

    about = "Workspace definition"
    if not served:
        message = "the cluster does not serve workspaces.kaito.sh/v1beta1"
        return Finding(about=about, state="problem", message=message, hint=_apply_crd(api))
    try:
        installed = api.get(CRDS, None, "workspaces.kaito.sh")
    except ApiError as error:
        message = f"served; whether it is ours is not known: {explained(error, api).message}"
        return Finding(about=about, state="unchecked", message=message, hint=ASK)
    lacking = lacking_fields(installed)
    if lacking:
        rest = f" and {len(lacking) - NAMES_SHOWN} more" if len(lacking) > NAMES_SHOWN else ""
        message = f"it is another's, or older: it lacks {', '.join(lacking[:NAMES_SHOWN])}{rest}"
        return Finding(about=about, state="problem", message=message, hint=_apply_crd(api))
    return Finding(about=about, state="ok", message="the cluster serves all fields of this version")


def _apply_crd(api: Api) -> str:
    # By force: the fields of one that is there are mostly those of Helm, and without it the API server refuses.
    kubectl = api.same_place.kubectl("apply --server-side --force-conflicts -f -")
    return f"`{api.same_place.program} crd | {kubectl}`"


def _obstacle(session: Session, api: Api) -> Iterator[Finding]:
    """Yield what of KAITO's own keeps an operator from its first pass; nothing where nothing does."""
    from llmwright.targets.kubernetes.operator.process.obstacles import beside

    try:
        found = beside(api, session.settings.namespace_selector)
    except TargetError:
        # Who may not look is told of no obstacle; the operator itself looks, and says it.
        return
    if found:
        yield Finding(about="beside KAITO", state="problem", message=found, hint="see docs/from-kaito.md")


def _rules(session: Session, *, chosen: bool = False) -> tuple[AccessRule, ...]:
    """Return the rights that an operator needs; with ``chosen`` of the provisioners that the settings name alone."""
    from llmwright.targets.kubernetes.operator.rbac import RULES

    drivers = session.driver_set
    named = sorted(session.settings.named_provisioners) if chosen else []
    # One that is broken or not there has been told of.
    wanted = [name for name in named if drivers.find_provisioner(name) is not None] if chosen else None
    return (*RULES, *drivers.access_rules(wanted))
