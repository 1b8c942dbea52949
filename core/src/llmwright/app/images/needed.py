"""The images that a setup needs: of the operator, of every installed driver, or of the Workspaces of some files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from llmwright.artifacts.image_reference import parse_reference
from llmwright.errors import ConfigError, PluginError
from llmwright.values.image_names import LOCAL, built_image, mirrored

if TYPE_CHECKING:
    from llmwright.app.documents import LoadedWorkspace
    from llmwright.app.planner import Planner
    from llmwright.app.session import Session
    from llmwright.plugins.discovery import Kind
    from llmwright.plugins.drivers import Driver

OPERATOR = "operator"
DEVICE_PLUGIN_ROLE = "device-plugin"
DEVICE_PLUGIN = "nvcr.io/nvidia/k8s-device-plugin:v0.17.1"
"""The image that the chart starts on nodes with GPUs, where its values turn that on."""
_POD_KEYS = ("containers", "initContainers")


@dataclass(frozen=True, slots=True)
class NeededImage:
    """One image: its role, its name as pods have it, and who needs it.

    ``source`` is its name before the mirror of the settings: what to copy from. ``built`` says that `llmwright images
    build` makes it. ``compute_capability`` is the lowest of the GPUs that it serves, as text, empty where none is told.
    """

    role: str
    image: str
    source: str
    built: bool
    used_by: tuple[str, ...] = field(default=())
    compute_capability: str = ""


def all_images(session: Session) -> list[NeededImage]:
    """Return the images of the operator, of every installed driver that serves clusters, and of the chart, by role."""
    needed: dict[str, _Need] = {OPERATOR: _Need("", ["operator"])}
    for kind, name, driver in _drivers(session):
        for role, image in driver.images().items():
            need = needed.setdefault(role, _Need(image))
            need.used_by.append(f"{kind} {name}")
            if not image:
                need.serves(driver.built_for)
        older = driver.older_image
        if older is not None:
            need = needed.setdefault(older.role, _Need(""))
            need.used_by.append(f"{kind} {name}, older GPUs")
            need.serves(older.built_for)
    needed[DEVICE_PLUGIN_ROLE] = _Need(DEVICE_PLUGIN, ["chart devicePlugin"])
    return [_named(session, role, need) for role, need in needed.items()]


def images_of(session: Session, planner: Planner, documents: Iterable[LoadedWorkspace]) -> list[NeededImage]:
    """Return the images that the pods of these Workspaces would start, and the volumes that are images.

    Raises:
        InvalidWorkspace: a Workspace cannot be accepted.
        PluginError: a driver that one needs is missing or broken.
    """
    from llmwright.app.cluster_objects import cluster_objects

    found: dict[str, list[str]] = {}
    for loaded in documents:
        for manifest in cluster_objects(session, planner, loaded):
            for image in rendered_images(manifest):
                used_by = found.setdefault(image, [])
                workspace = f"{loaded.workspace.metadata.namespace or 'default'}/{loaded.workspace.name}"
                if workspace not in used_by:
                    used_by.append(workspace)
    known = {need.image: need for need in all_images(session)}
    return [_found(image, tuple(used_by), known) for image, used_by in found.items()]


def copy_lines(session: Session, needed: Iterable[NeededImage], program: str) -> list[str]:
    """Return the commands that fill the mirror of the settings with what others publish: ``skopeo`` or ``oras``.

    Raises:
        ConfigError: the settings name no mirror.
    """
    if session.settings.image_registry is None:
        hint = "imageRegistry: registry.example.com/mirror in llmwright.yaml"
        raise ConfigError("the settings name no mirror to copy to", hint=hint, reason="NoMirror")
    public = [image for image in needed if not image.built and image.image != image.source]
    return [_copy_line(program, _whole(image.source), _whole(image.image)) for image in public]


def rendered_images(manifest: Any) -> Iterator[str]:
    """Yield the images of all containers and volumes of an object, wherever its pod templates lie in it."""
    if isinstance(manifest, Mapping):
        for key, value in manifest.items():
            if key in _POD_KEYS and isinstance(value, list | tuple):
                yield from (part["image"] for part in value if isinstance(part, Mapping) and part.get("image"))
            elif key == "volumes" and isinstance(value, list | tuple):
                volumes = (part.get("image") for part in value if isinstance(part, Mapping))
                yield from (image["reference"] for image in volumes if image)
            else:
                yield from rendered_images(value)
    elif isinstance(manifest, list | tuple):
        for value in manifest:
            yield from rendered_images(value)


@dataclass(slots=True)
class _Need:
    image: str
    used_by: list[str] = field(default_factory=list)
    capability: tuple[int, int] | None = None

    def serves(self, lowest: tuple[int, int] | None) -> None:
        """Take the lowest that any of its drivers tells."""
        if lowest is not None:
            self.capability = min(lowest, self.capability or lowest)


def _drivers(session: Session) -> Iterator[tuple[Kind, str, Driver]]:
    """Yield the drivers that work and serve clusters, each under its own name."""
    kinds: tuple[Kind, ...] = ("runtime", "tuner")
    for kind in kinds:
        for name in session.registry.names(kind):
            try:
                driver = session.drivers.driver(kind, name)
            except PluginError:
                continue
            if "kubernetes" in driver.targets and name not in driver.aliases:
                yield kind, name, driver


def _named(session: Session, role: str, need: _Need) -> NeededImage:
    settings = session.settings
    source = settings.images.get(role) or need.image or built_image(role)
    image = mirrored(source, settings.image_registry)
    return NeededImage(role, image, source, source.startswith(LOCAL), tuple(need.used_by), _dotted(need.capability))


def _found(image: str, used_by: tuple[str, ...], known: Mapping[str, NeededImage]) -> NeededImage:
    need = known.get(image)
    if need is None:
        return NeededImage("", image, image, image.startswith(LOCAL), used_by)
    return NeededImage(need.role, image, need.source, need.built, used_by, need.compute_capability)


def _copy_line(program: str, source: str, target: str) -> str:
    if program == "skopeo":
        return f"skopeo copy --all --preserve-digests docker://{source} docker://{target}"
    return f"oras copy --recursive {source} {target}"


def _whole(image: str) -> str:
    """Return a name with its registry, and with its digest alone where it has one: no program takes tag and digest."""
    name = parse_reference(image)
    return str(replace(name, tag="") if name.digest else name)


def _dotted(capability: tuple[int, int] | None) -> str:
    return ".".join(map(str, capability or ()))
