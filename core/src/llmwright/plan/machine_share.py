"""The share of this machine that each copy of a server has, where a runtime itself starts several of them here."""

from __future__ import annotations

from dataclasses import replace

from llmwright.api.scaling import most_copies_field
from llmwright.plan.plan_input import PlanInput
from llmwright.plan.refusal import refuse
from llmwright.plugins.drivers import Runtime
from llmwright.values.copies import copies_of


def copies_here(inputs: PlanInput, runtime: Runtime) -> int:
    """Return how many copies share the machine at most: 1 but for a runtime that scales itself on this machine."""
    if inputs.target != "local" or not runtime.capabilities.scales_itself:
        return 1
    return max(1, copies_of(inputs.workspace).highest)


def of_one_copy(inputs: PlanInput, runtime: Runtime) -> PlanInput:
    """Return ``inputs`` with the share of one copy for the machine: whole GPUs, and its part of the host.

    Raises:
        InvalidWorkspace: there are more copies than GPUs. One GPU with two models is two slow ones.
    """
    copies, machine = copies_here(inputs, runtime), inputs.machine
    if machine.gpus and copies > machine.gpus:
        message = f"each of {copies} copies needs a GPU, and this machine has {machine.gpus}"
        raise refuse(most_copies_field(inputs.workspace), message, f"at most {machine.gpus}", "DoesNotFit")
    if copies == 1:
        return inputs
    share = replace(
        machine, gpus=machine.gpus // copies, memory_bytes=machine.memory_bytes // copies, cpus=machine.cpus // copies
    )
    return replace(inputs, machine=share)


def share_notes(copies: int) -> tuple[str, ...]:
    """Return a sentence about what each of several copies is judged by."""
    return (f"memory is reckoned for {copies} copies at once on this machine",) if copies > 1 else ()


def share_warnings(inputs: PlanInput, copies: int) -> tuple[str, ...]:
    """Return a warning where copies would take turns on the processors; ``inputs`` has the whole machine."""
    cpus = inputs.machine.cpus
    if copies == 1 or not 0 < cpus < copies:
        return ()
    return (f"{copies} copies share the {cpus} processors of this machine: more than {cpus} make no answer faster",)
