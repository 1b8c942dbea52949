"""Why weights do not come, in the last words of processes and engines."""

from __future__ import annotations

import pytest

from llmwright.api.status import Condition, WorkspaceStatus
from llmwright.errors import LLMwrightError
from llmwright.lifecycle.waiting import raise_if_stalled
from llmwright.lifecycle.weight_causes import weight_cause

GATED = "401 Client Error.\n\nCannot access gated repo for url http://hub/acme/tiny/resolve/main/config.json.\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("TokenMissing: acme/tiny is gated, and there is no token (set HF_TOKEN)", "TokenMissing"),
        ("loading\nerror: NoDiskSpace: no disk space under /workspace", "NoDiskSpace"),
        ("INFO: begun\nerror: TokenMissing: acme/tiny is gated", "TokenMissing"),
        ("error: Loading: no\nerror: PullDenied: log in", "PullDenied"),
        ("error: SourceRefused: https://10.0.0.1/v2/m: 10.0.0.1 is a private address", "SourceRefused"),
        (f"huggingface_hub.errors.GatedRepoError: {GATED}Access is restricted. Please log in.", "TokenMissing"),
        (
            f"{GATED}Access to model acme/tiny is restricted and you are not in the authorized list.",
            "LicenceNotAccepted",
        ),
        ("OSError: You are trying to access a gated repo.\nMake sure to have access to it", "TokenMissing"),
        ("GatedRepoError: 403. Please enable access in your fine-grained token settings", "TokenWithoutRight"),
        ("HfHubHTTPError: 401 Client Error\nInvalid credentials in Authorization header", "TokenInvalid"),
        ("OSError: acme/none is not a local folder and is not a valid model identifier listed on", "ModelNotFound"),
        ("RevisionNotFoundError: 404 Client Error", "RevisionNotFound"),
        ("RepositoryNotFoundError: 404. If you are trying to access a private or gated repo, log in", "ModelNotFound"),
        ("OSError: v9 is not a valid git identifier (branch name, tag name or commit id)", "RevisionNotFound"),
        ("OSError: [Errno 28] No space left on device", "NoDiskSpace"),
        ("OSError: We couldn't connect to 'https://huggingface.co' to load the files", "HubUnreachable"),
        ("ValueError: the checkpoint has 12 heads", None),
        ("InvalidInput: a row is odd", None),
        ("", None),
    ],
)
def test_each_cause_is_told_apart(text: str, reason: str | None) -> None:
    cause = weight_cause(text)
    assert (cause.reason if cause else None) == reason


def test_the_words_of_a_library_are_told_with_what_to_do() -> None:
    cause = weight_cause(f"GatedRepoError: {GATED}Access is restricted. Please log in.")
    assert cause is not None
    assert cause.message.startswith("GatedRepoError: 401")
    assert "name a Secret with that key in presetOptions.modelAccessSecret" in cause.message


def test_our_own_words_lose_their_reason() -> None:
    cause = weight_cause("error: TokenInvalid: the hub does not know the token (make a new one)")
    assert cause is not None
    assert cause.message == "the hub does not know the token (make a new one)"


@pytest.mark.parametrize(("reason", "code"), [("TokenMissing", 2), ("LicenceNotAccepted", 2), ("HubUnreachable", 1)])
def test_a_command_that_waits_ends_as_for_other_mistakes(reason: str, code: int) -> None:
    stalled = Condition(type="Stalled", status="True", reason=reason, message="no weights", last_transition_time="")
    with pytest.raises(LLMwrightError, match="no weights") as ended:
        raise_if_stalled(WorkspaceStatus(conditions=[stalled]))
    assert (ended.value.exit_code, ended.value.reason) == (code, reason)
