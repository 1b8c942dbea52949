"""Why weights do not come, as a process said it last: our own processes by a reason, engines by their libraries' words.

Pure. The texts of the libraries are those of huggingface_hub and transformers, whose exceptions an engine lets end it.
"""

from __future__ import annotations

import re

from llmwright.lifecycle.observed import Trouble
from llmwright.values.weight_reasons import CAUSES, LICENCE, TOKEN_INVALID, TOKEN_MISSING

_OWN = re.compile(rf"(?:^|\berror: )({'|'.join(sorted(CAUSES))}): (.*)", re.DOTALL)
_LIBRARIES = (
    (re.compile(r"invalid credentials in authorization header|invalid user token", re.IGNORECASE), TOKEN_INVALID),
    (re.compile(r"fine-grained token", re.IGNORECASE), "TokenWithoutRight"),
    (re.compile(r"not in the authorized list|awaiting a review", re.IGNORECASE), LICENCE),
    (re.compile(r"GatedRepoError|(?<!private or )gated repo", re.IGNORECASE), TOKEN_MISSING),
    (re.compile(r"RevisionNotFoundError|is not a valid git identifier"), "RevisionNotFound"),
    (re.compile(r"RepositoryNotFoundError|is not a valid model identifier"), "ModelNotFound"),
    (re.compile(r"No space left on device|NoSpaceLeft"), "NoDiskSpace"),
    (re.compile(r"couldn't connect to '|OfflineModeIsEnabled|LocalEntryNotFoundError"), "HubUnreachable"),
)
"""In this order: a refusal with a token names the gated repository too, and a gated one is a missing one's subclass.
Of a missing one it says that it may be `private or gated`."""
_SECRET = "on a cluster: name a Secret with that key in presetOptions.modelAccessSecret"  # noqa: S105 - a hint
_HINTS = {
    TOKEN_MISSING: f"accept its licence on its page, and set HF_TOKEN; {_SECRET}",
    TOKEN_INVALID: f"make a new token and set HF_TOKEN; {_SECRET}",
    LICENCE: "log in as the token's owner, and accept its licence on its page",
}
"""Hints, which a library cannot give. Our own processes give them themselves."""


def weight_cause(text: str) -> Trouble | None:
    """Return the cause in the last words of a process that ended; None where they tell of none."""
    own = _OWN.search(text)
    if own:
        return Trouble(own[1], own[2].strip())
    reason = next((reason for form, reason in _LIBRARIES if form.search(text)), None)
    if reason is None:
        return None
    hint = _HINTS.get(reason)
    return Trouble(reason, f"{text.strip()} ({hint})" if hint else text.strip())
