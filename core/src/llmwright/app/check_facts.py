"""The facts that the rules of ``check`` read beside the Workspace: catalogue, drivers, cluster and policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmwright.errors import InvalidWorkspace, LLMwrightError, PluginError, Problem

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.checker import CheckMode, ConfigFiles
    from llmwright.app.session import Session
    from llmwright.check import CatalogueFacts, CheckInput, DriverFacts, PolicyFacts
    from llmwright.plugins.discovery import Kind
    from llmwright.values.preset import Preset


class CheckFacts:
    """The facts for checks in one mode, with the settings, plugins and catalogue of one session."""

    def __init__(self, session: Session, mode: CheckMode) -> None:
        self._session = session
        self._mode = mode

    def input_of(self, workspace: Workspace, files: ConfigFiles, old: Workspace | None) -> CheckInput:
        """Return what the rules read of ``workspace``, which replaces ``old``; ``files`` are its configs."""
        from llmwright.check import CheckInput, ClusterFacts
        from llmwright.values.feature_gates import FeatureGates

        mode = self._mode
        inputs = CheckInput(
            written=workspace,
            old=old,
            target=mode.target,
            catalogue=self._catalogue(workspace),
            drivers=self._drivers(),
            cluster=ClusterFacts(
                gates=FeatureGates(self._session.settings.feature_gates),
                # One that lies beside the Workspace is judged, also where another may be on the cluster already.
                config_files=(lambda _, name: files.get(name)) if mode.knows_configs or files else None,
            ),
            policy=self._policy(workspace.namespace),
        )
        return mode.environment.applied_to(inputs) if mode.environment else inputs

    def _catalogue(self, workspace: Workspace) -> CatalogueFacts:
        from llmwright.app.machines import catalogue_for
        from llmwright.check import CatalogueFacts

        mode = self._mode
        catalogue = catalogue_for(self._session, workspace, mode.target)
        described = mode.environment.cloud_provider if mode.environment else None
        cloud = self._session.settings.cloud if described is None else described
        cloud = catalogue.offered[0].cloud if catalogue.offered else cloud
        return CatalogueFacts(
            find_preset=self.find_preset,
            preset_names=lambda: [preset.name for preset in catalogue.presets()],
            find_instance_type=lambda name: catalogue.find_instance_type(name, cloud),
            cloud_of=lambda name: machine.cloud if (machine := catalogue.find_instance_type(name)) else None,
            instance_type_names=lambda: [machine.name for machine in catalogue.instance_types(cloud)],
            cloud=cloud,
        )

    def _drivers(self) -> DriverFacts:
        from llmwright.check import DriverFacts

        settings = self._session.settings
        return DriverFacts(
            installed=self._session.driver_set,
            provisioner=settings.provisioner,
            runtime=settings.runtime,
            configure=self._configure,
        )

    def _policy(self, namespace: str) -> PolicyFacts:
        from llmwright.artifacts.addresses import SourceRules, check_url
        from llmwright.artifacts.image_reference import reference_problem
        from llmwright.check import PolicyFacts

        settings, mode = self._session.settings, self._mode
        rules, limits = SourceRules(settings.sources.allow), settings.limits_of(namespace)
        return PolicyFacts(
            node_classes=settings.node_classes,
            image_problem=reference_problem,
            url_problem=lambda url: check_url(url, rules, local=mode.target == "local"),
            refuse_placeholders=mode.buys and not settings.allow_placeholders,
            buys=mode.buys,
            images=frozenset(settings.images),
            on_success=settings.on_success,
            allowed_instance_types=limits.instance_types,
            allowed_nodes=limits.nodes,
            allowed_usd_per_hour=limits.most_usd_per_hour,
            prometheus=bool(settings.prometheus),
            allows_code=settings.sources.allows_code,
            privileged_templates=settings.privileged_templates,
            host_paths=settings.host_paths,
            api_key=mode.target == "local" and self._session.wants_api_key,
        )

    def find_preset(self, name: str) -> Preset | None:
        """Return the preset of that name, in a pack or, where this mode asks it, on the hub; None for none."""
        from llmwright.catalogue.model_directory import names_a_directory

        # Nobody on a cluster may have the files of the operator's machine described.
        if not self._mode.asks_hub or (self._mode.target != "local" and names_a_directory(name)):
            return self._session.catalogue.find_preset(name)
        try:
            return self._session.preset(name)
        except LLMwrightError:
            return None

    def _configure(
        self, kind: Kind, name: str, options: Mapping[str, Any], files: Mapping[str, str], model: Preset | None
    ) -> Iterable[Problem]:
        try:
            driver = self._session.drivers.driver(kind, name)
            config = driver.configure(options, files)
        except InvalidWorkspace as error:
            return error.problems
        except PluginError as error:
            return [Problem("", error.message, error.hint, reason=error.reason)]
        return tuple(_further(driver, config, model))


def _further(driver: Any, config: Any, model: Preset | None) -> Iterator[Problem]:
    from llmwright.plugins.drivers import Runtime, Tuner

    if isinstance(driver, Tuner):
        yield from driver.check(config)
    if isinstance(driver, Runtime) and model is not None:
        yield from driver.check(model, config)
