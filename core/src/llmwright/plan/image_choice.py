"""Which image a role of a Launch is, after settings, driver and mirror; pure."""

from __future__ import annotations

from llmwright.settings.model import Settings
from llmwright.values.image_names import built_image, mirrored
from llmwright.values.launch import Launch
from llmwright.values.plan import Plan


def role_image(settings: Settings, launch: Launch, role: str) -> str:
    """Return the image that the settings name for the role, else the driver's, else one built under the role's name.

    Before each of them stands the mirror of the settings.
    """
    image = settings.images.get(role) or launch.images.get(role) or built_image(role)
    return mirrored(image, settings.image_registry)


def plan_images(settings: Settings, plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return each image that the pods of a plan start, with the roles that it has in them."""
    launches = [launch for launch in (plan.preflight, plan.tuning, plan.serving) if launch is not None]
    named: dict[str, dict[str, None]] = {}
    for launch in launches:
        for process in launch.processes:
            named.setdefault(role_image(settings, launch, process.image), {})[process.image] = None
    return {image: tuple(roles) for image, roles in named.items()}
