"""Which image of a driver runs on a machine's GPUs: the usual one, the one for older GPUs, or none."""

from __future__ import annotations

from collections.abc import Collection

from llmwright.plugins.drivers import Driver, OlderImage
from llmwright.values.instance_type import InstanceType

_OTHER_MAKERS = ("amd ", "aws ", "google ", "intel ", "qualcomm ")


def older_image(driver: type[Driver] | Driver, machine: InstanceType) -> OlderImage | None:
    """Return the image that takes the place of the usual one; None where that one serves, or neither does."""
    capability, older = machine.compute_capability, driver.older_image
    if capability is None or older is None or not _leaves_out(driver, machine):
        return None
    return older if capability >= older.built_for else None


def leaves_out(driver: type[Driver] | Driver, machine: InstanceType) -> bool:
    """Return whether no image of the driver serves the machine's GPUs."""
    return _leaves_out(driver, machine) and older_image(driver, machine) is None


def is_foreign(machine: InstanceType) -> bool:
    """Return whether its accelerators are of another maker than the images are built for."""
    return machine.compute_capability is None and machine.gpu_model.lower().startswith(_OTHER_MAKERS)


def foreign(machine: InstanceType) -> str:
    """Return the sentence about accelerators of another maker."""
    return f"the images are built for NVIDIA GPUs, not for {machine.gpu_model}"


def left_out(name: str, driver: type[Driver] | Driver, machine: InstanceType) -> str:
    """Return the sentence about a driver whose images do not serve the machine's GPUs."""
    lowest = driver.older_image.built_for if driver.older_image else driver.built_for
    has = f"{machine.gpu_model} has compute capability {_dotted(machine.compute_capability)}"
    return f"{has}, and the images of {name} are built for {_dotted(lowest)} and newer"


def stands_in(older: OlderImage, machine: InstanceType) -> str:
    """Return the sentence about the image for older GPUs."""
    has = f"{machine.gpu_model} has compute capability {_dotted(machine.compute_capability)}"
    return f"{has}: no bfloat16, no flash attention, and only the image role {older.role} ({older.contents}) serves it"


def not_named(older: OlderImage) -> str:
    """Return what to do where the settings name no image for older GPUs."""
    return (
        f"the settings name no image for {older.role}, and nothing is bought without one: build it "
        "(`llmwright images build` does ours) and write "
        f"images: {{{older.role}: REGISTRY/NAME:TAG}}, or take a newer GPU"
    )


def is_named(older: OlderImage, images: Collection[str]) -> bool:
    """Return whether the settings, whose roles are ``images``, name one."""
    return older.role in images


def _leaves_out(driver: type[Driver] | Driver, machine: InstanceType) -> bool:
    capability = machine.compute_capability
    return capability is not None and driver.built_for is not None and capability < driver.built_for


def _dotted(capability: tuple[int, int] | None) -> str:
    return ".".join(map(str, capability or ()))
