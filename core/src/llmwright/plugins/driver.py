"""The base of all drivers: what each declares, and how it reads what the user wrote."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from llmwright.plugins.context import Context
from llmwright.plugins.declarations import AccessRule, OlderImage
from llmwright.values.plan import Target

if TYPE_CHECKING:
    from pydantic import BaseModel


class Driver(ABC):
    """The base of all drivers."""

    targets: ClassVar[frozenset[Target]]
    """Where it can be used."""

    aliases: ClassVar[frozenset[str]] = frozenset()
    """Further entry points of this class: other names for it. It is chosen by default under its own name only."""

    default_rank: ClassVar[Mapping[Target, int]] = {}
    """Rank by target among the drivers that are chosen where a Workspace and the settings name none. The highest that
    can do the work wins; of equals the first by name. Without a rank for a target it must be named there. The drivers
    of this project have 50 and 100."""

    access_rules: ClassVar[tuple[AccessRule, ...]] = ()
    """Rights in the cluster that the operator needs for this driver, beyond its own."""

    built_for: ClassVar[tuple[int, int] | None] = None
    """The lowest CUDA compute capability that its image is built for. On a cluster an older GPU is refused, unless
    ``older_image`` serves it; on one machine, where the installed libraries decide, a plan warns."""

    image_roles: ClassVar[frozenset[str] | None] = None
    """The image roles that its processes name, beside that of ``older_image``: the setting ``images`` may name an image
    for each. None where it does not tell; an operator then refuses no role in its settings."""

    older_image: ClassVar[OlderImage | None] = None
    """An image for older GPUs, whose role takes the place of the usual one where a process has GPUs."""

    config_template: ClassVar[str] = ""
    """KAITO's ConfigMap that stands for the config of a Workspace that names none; empty for none."""

    config_model: ClassVar[type[BaseModel] | None] = None
    """Validates the open object beside the driver's name in the YAML; None refuses any key."""

    described_by: ClassVar[type[BaseModel] | None] = None
    """Describes the options to people where ``config_model`` does not, because ``configure`` reads them by itself."""

    settings_model: ClassVar[type[BaseModel] | None] = None
    """Validates ``plugins.<kind>.<name>`` of the settings; None refuses any key."""

    keyed_options: ClassVar[frozenset[str]] = frozenset()
    """Options that are safe behind an API key alone. On one machine they are refused without; in pods the Launch takes
    ``API_KEY`` as one that must be there."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def configure(self, options: Mapping[str, Any], files: Mapping[str, str]) -> Any:
        """Return the user's configuration in the form that this driver's other methods take; pure.

        An override begins with ``super().configure(options, files)``, which says of each wrong option where it is.

        Args:
            options: ``provisionerConfig``, ``runtimeConfig`` or ``methodConfig`` as written.
            files: the files of the config that the Workspace names (a ConfigMap's data), by file name.

        Returns:
            By default an instance of ``config_model``, or ``{}`` without one.

        Raises:
            InvalidWorkspace: problems with paths relative to ``options``, or starting with a file's name.
        """
        from llmwright.plugins.configuration import validate_options

        return validate_options(self.config_model, options)

    @classmethod
    def asks_remote_code(
        cls,
        options: Mapping[str, Any],  # noqa: ARG003 - for drivers that override it
        files: Mapping[str, str],  # noqa: ARG003
    ) -> Iterable[str]:
        """Return the places where the user's configuration asks to run Python code from the model's repository; pure.

        Such a Workspace is refused, unless the settings allow that model's code. Paths are as in ``configure``.
        """
        return ()

    def images(self) -> Mapping[str, str]:
        """Return the image roles of its processes, each with the image that its Launch names; pure.

        An empty name stands for an image that is built under the role's name. ``llmwright images list`` shows them to
        whoever fills a mirror; by default a driver tells none.
        """
        return {}

    def program(self) -> str:
        """Return the program that it starts on one machine, by name or path; empty for this Python; pure."""
        return ""
