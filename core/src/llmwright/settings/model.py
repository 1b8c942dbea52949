"""The pydantic model of all settings."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from llmwright.errors import nearest
from llmwright.reading.files import user_path
from llmwright.settings.namespace_selector import NamespaceSelector

Open = dict[str, Any]
Positive = Annotated[int, Field(ge=1)]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsModel(BaseModel):
    """Base of all parts: camelCase in YAML, unknown fields refused, frozen."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Limits(SettingsModel):
    """Limits on purchases in one namespace; None is no limit. An unknown price is above every limit in USD.

    ``instance_types`` are the only ones that may be bought. ``nodes`` and ``usd_per_hour`` bound one Workspace,
    ``total_usd_per_hour`` all of a namespace.
    """

    instance_types: tuple[str, ...] | None = None
    nodes: Positive | None = None
    usd_per_hour: Usd | None = None
    total_usd_per_hour: Usd | None = None

    @property
    def most_usd_per_hour(self) -> float | None:
        """The most that one Workspace may cost; None for no limit."""
        written = [limit for limit in (self.usd_per_hour, self.total_usd_per_hour) if limit is not None]
        return min(written, default=None)

    def allows_type(self, name: str) -> bool:
        """Whether the instance type may be used; case does not matter."""
        return self.instance_types is None or name.lower() in {allowed.lower() for allowed in self.instance_types}


class Sources(SettingsModel):
    """Sources of data and models.

    ``allow`` are hosts and CIDRs that downloads may come from, besides public addresses. ``remote_code`` are models
    whose own Python code may run: sources as in a preset (``hf://org/name``), with ``*`` for any part of a name.
    """

    allow: tuple[str, ...] = ()
    remote_code: tuple[str, ...] = ()

    def allows_code(self, source: str) -> bool:
        """Whether Python code from the model ``source`` may run; case does not matter."""
        return any(fnmatchcase(source.lower(), allowed.lower()) for allowed in self.remote_code)


class Endpoints(SettingsModel):
    """Addresses of servers. They bind ``host`` on one machine; ``ports`` maps a port's name to its number.

    Other ports are free ones, from ``first_port`` to ``last_port`` where these are there. ``public`` lets load
    balancers have public addresses.
    """

    host: str = "127.0.0.1"
    ports: dict[str, Port] = {}
    first_port: Port | None = None
    last_port: Port | None = None
    public: bool = False


class Orphans(SettingsModel):
    """The search for machines whose Workspace is gone: how often, and whether the operator deletes them.

    ``interval`` is in seconds; 0 is never. With ``delete`` the operator gives back what two searches named.
    """

    interval: Annotated[int, Field(ge=0)] = 600
    delete: bool = False


class Webhook(SettingsModel):
    """The address at which the API server reaches the operator's admission webhook; without it there is no webhook.

    ``service`` is ``NAMESPACE/NAME`` of a Service whose port ``service_port`` leads to ``port`` of every operator.
    ``url`` is the https address of an operator outside the cluster. ``failure_policy`` decides about a Workspace where
    no answer comes within ``timeout`` seconds. ``validity`` is the lifetime of each certificate in seconds.
    """

    service: str | None = None
    service_port: Port = 443
    url: str | None = None
    port: Port = 9443
    failure_policy: Literal["Ignore", "Fail"] = "Ignore"
    timeout: Annotated[int, Field(ge=1, le=30)] = 5
    validity: Annotated[int, Field(ge=4)] = 86400

    @property
    def enabled(self) -> bool:
        """Whether the webhook is turned on."""
        return bool(self.service or self.url)

    @field_validator("service")
    @classmethod
    def _names_a_service(cls, text: str | None) -> str | None:
        if text and not re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", text):
            raise ValueError(f"{text!r} is no NAMESPACE/NAME of a Service")
        return text

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, text: str | None) -> str | None:
        if text and not re.fullmatch(r"https://[^\s/?#@]+(/[^\s?#]*)?", text):
            raise ValueError(f"{text!r} is no https address without user, query and fragment")
        return text

    @model_validator(mode="after")
    def _is_one_place(self) -> Webhook:
        if self.service and self.url:
            raise ValueError("service and url cannot both be there")
        return self


class PluginSettings(SettingsModel):
    """Settings of single plugins by kind and name, as ``plugins.runtime.acme``; each plugin's own model judges them.

    The kinds are ``provisioner``, ``runtime``, ``tuner`` and ``hook``.
    ``required`` names hooks, or their distributions, without which no Workspace is accepted: a rule that cannot be
    loaded must not count as kept.
    """

    required: tuple[str, ...] = ()
    provisioner: dict[str, Open] = {}
    runtime: dict[str, Open] = {}
    tuner: dict[str, Open] = {}
    hook: dict[str, Open] = {}

    @model_validator(mode="before")
    @classmethod
    def _is_by_kind(cls, written: Any) -> Any:
        known = [info.alias or name for name, info in cls.model_fields.items()]
        strange = [name for name in written if name not in known] if isinstance(written, dict) else []
        if strange and all(nearest(str(name), known) is None for name in strange):
            place = f"plugins.KIND.{strange[0]}, KIND is one of {', '.join(known[1:])}"
            raise ValueError(f"{strange[0]} is no kind of plugin: write {place}")
        return written

    @property
    def by_kind(self) -> dict[str, dict[str, Open]]:
        """The settings as written, by kind and by name."""
        return {"provisioner": self.provisioner, "runtime": self.runtime, "tuner": self.tuner, "hook": self.hook}


class Settings(SettingsModel):
    """All settings. Relative paths start from the directory of the settings file.

    ``target`` is where the verbs of the command line find Workspaces: on this machine (``local``), or on the cluster of
    the kubeconfig (``kubernetes``).

    Defaults for a Workspace that names none: ``provisioner`` and ``runtime``, where None lets the target decide,
    ``instance_type`` and ``on_success`` (serve the result of tuning, or release the machines). ``cloud`` is the cloud
    whose instance types are meant. ``other_provisioners`` are those that Workspaces name besides: the operator looks
    for their machines of nobody too.

    Checks: ``preflight`` reads a data set before anything is bought. ``allow_placeholders`` accepts the upper-case
    placeholders of KAITO's examples. ``limits`` bound each namespace without limits of its own in
    ``namespace_limits``. ``sources`` are the hosts and the code that are trusted.

    Plugins: ``plugins`` has the settings of each. ``blocked_plugins`` are left out; of ``allowed_plugins``, where it
    is there, no other distribution is used. ``feature_gates`` turns KAITO's gates on and off by name.

    On a cluster: ``images`` maps an image role to an image. ``image_registry`` is a mirror: it stands before the name
    of every such image, as ``registry.example.com/mirror``. ``pods`` is merged into every pod but those of
    ``inference.template``.
    ``pod_security`` names Kubernetes' standard that pods keep: ``restricted``, or ``none``, where they run as their
    images say.
    ``pod_check`` asks the API server whether it would admit a pod before a node is asked for it.
    ``privileged_templates`` lets ``inference.template`` and ``volumeSource`` ask for what Kubernetes' standard
    ``baseline`` forbids, and for service accounts. ``host_paths`` are directories of the nodes that Workspaces may name
    in a ``hostPath``, and all that lies in them.
    ``readiness_timeout`` is in seconds. ``leader_elect`` has one of several operators work, and the others wait.
    ``namespace_selector`` is a label selector: Workspaces in other namespaces are left alone.
    ``orphans`` finds machines of nobody, and ``webhook`` judges at admission. ``node_classes`` are the names that the
    annotation ``kaito.sh/node-class-name`` may have. ``disk_class`` is the storage class of the nodes' own NVMe disks,
    for weights. ``weights_volume`` is a Kubernetes volume source for models of the hub, such as ``hostPath`` or
    ``persistentVolumeClaim``, so that a new pod downloads nothing again; without it they go with the pod.
    ``checkpoint_volume`` is one for what tuning has reached, so that a tuning whose pod is lost goes on from its last
    checkpoint; each Workspace has a folder of its own in it.
    ``image_volumes`` says that the cluster mounts images as volumes: weights in images then need no download by the
    pod. ``prometheus`` is the address at which KEDA asks Prometheus, for ``inference.autoscaling``.

    On one machine: ``endpoints`` are the addresses of servers. ``state_directory`` holds Workspaces,
    ``config_directory`` the files that ``config:`` names, ``docker_config`` the logins to registries, and
    ``preset_directories`` more packs.
    """

    target: Literal["local", "kubernetes"] = "local"
    provisioner: str | None = None
    other_provisioners: tuple[str, ...] = ()
    runtime: str | None = None
    instance_type: str | None = None
    on_success: Literal["serve", "release"] = "serve"
    preflight: bool = True
    allow_placeholders: bool = False
    readiness_timeout: Positive | None = None
    plugins: PluginSettings = PluginSettings()
    blocked_plugins: tuple[str, ...] = ()
    allowed_plugins: tuple[str, ...] | None = None
    limits: Limits = Limits()
    namespace_limits: dict[str, Limits] = {}
    sources: Sources = Sources()
    endpoints: Endpoints = Endpoints()
    orphans: Orphans = Orphans()
    webhook: Webhook = Webhook()
    leader_elect: bool = True
    namespace_selector: NamespaceSelector | None = None
    images: dict[str, str] = {}
    image_registry: str | None = None
    pods: Open = {}
    pod_security: Literal["restricted", "none"] = "restricted"
    pod_check: bool = True
    privileged_templates: bool = False
    host_paths: tuple[str, ...] = ()
    disk_class: str | None = None
    weights_volume: Open | None = None
    checkpoint_volume: Open | None = None
    image_volumes: bool = False
    prometheus: str | None = None
    state_directory: Path | None = None
    preset_directories: tuple[Path, ...] = ()
    config_directory: Path | None = None
    docker_config: Path | None = None
    cloud: str = "azure"
    node_classes: tuple[str, ...] = ()
    feature_gates: dict[str, bool] = {}

    @property
    def named_provisioners(self) -> frozenset[str]:
        """The provisioners that the settings name or configure."""
        named = {self.provisioner, *self.other_provisioners, *self.plugins.provisioner}
        return frozenset(name for name in named if name)

    @field_validator("prometheus")
    @classmethod
    def _is_reached_over_http(cls, text: str | None) -> str | None:
        if text and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
            raise ValueError(f"{text!r} is no http or https address without user, query and fragment")
        return text

    @field_validator("image_registry")
    @classmethod
    def _is_part_of_a_name(cls, text: str | None) -> str | None:
        if text and not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*/?", text):
            raise ValueError(f"{text!r} is no REGISTRY[:PORT][/PATH], such as registry.example.com/mirror")
        return text

    @field_validator("host_paths")
    @classmethod
    def _are_absolute(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := next((path for path in paths if not path.startswith("/") or ".." in path.split("/")), None):
            raise ValueError(f"{wrong!r} is no absolute path without '..'")
        return paths

    @field_validator("weights_volume", "checkpoint_volume")
    @classmethod
    def _is_one_source(cls, source: Open | None) -> Open | None:
        if source is not None and (len(source) != 1 or not isinstance(next(iter(source.values())), dict)):
            raise ValueError("expected one Kubernetes volume source, as {hostPath: {path: /var/lib/models}}")
        return source

    @field_validator("state_directory", "config_directory", "docker_config")
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        return user_path(path) if path else None

    @field_validator("preset_directories")
    @classmethod
    def _expand_all(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(user_path(path) for path in paths)

    def limits_of(self, namespace: str) -> Limits:
        """Return the limits of one namespace: its own where it has some, else the common limits."""
        return self.namespace_limits.get(namespace, self.limits)

    def state_path(self) -> Path:
        """Return the directory of this machine's Workspaces."""
        if self.state_directory:
            return self.state_directory
        from platformdirs import user_state_path

        return user_state_path("llmwright", appauthor=False)


PATH_FIELDS = ("stateDirectory", "presetDirectories", "configDirectory", "dockerConfig")
"""Settings that hold paths, by their YAML names."""
