"""The reasons why weights do not come, as a process that brings them says them in its last line."""

from __future__ import annotations

from llmwright.errors import LLMwrightError

TOKEN_MISSING, TOKEN_INVALID, LICENCE = "TokenMissing", "TokenInvalid", "LicenceNotAccepted"
CAUSES = frozenset({
    TOKEN_MISSING, TOKEN_INVALID, "TokenUnusable", "TokenWithoutRight", LICENCE, "ModelNotFound", "RevisionNotFound",
    "NotDownloaded", "HubUnreachable", "HubFailed", "NoDiskSpace", "DigestMismatch", "PullDenied", "ImageNotFound",
    "NoModel", "BadImage", "SourceRefused",
})  # fmt: skip
"""The reasons of processes that bring weights (``artifacts/hub_errors.py``, ``artifacts/artifact_errors.py``)."""

OTHERS_FAULTS = frozenset({"HubUnreachable", "HubFailed"})
"""Those of them that the user cannot repair."""


def error_line(error: LLMwrightError) -> str:
    """Return the line that a workload's process writes last: with its reason where ``weight_cause`` is to find one."""
    reason = f"{error.reason}: " if error.reason in CAUSES else ""
    hint = f" ({error.hint})" if error.hint else ""
    return f"error: {reason}{'; '.join(error.message.splitlines())}{hint}"
