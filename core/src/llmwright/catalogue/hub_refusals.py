"""Why a model hub gives no model, in the hub's words: one error for each cause, the same for every part that asks.

The hub says it by a status and a text, in the header ``X-Error-Message`` and as ``error`` in the body. A stranger gets
401 for a model that is not there as for one that is private.
"""

from __future__ import annotations

import os

from llmwright.errors import ConfigError, LLMwrightError, TargetError

_TOKENS = "https://huggingface.co/settings/tokens"


def refusal(name: str, revision: str, status: int, stated: str, *, token: bool) -> LLMwrightError:
    """Return the error for an answer that is none.

    Args:
        name: of the model, ``ORG/NAME``.
        stated: the hub's text, or the code of ``X-Error-Code``.
        token: whether one was sent.
    """
    text = stated.lower()
    if token and status == 401:
        # To a token that it knows the hub answers 403 or 404: only one that it does not know counts as none.
        return token_invalid(name)
    if "fine-grained token" in text:
        return token_without_right(name)
    if "is restricted" in text or "gatedrepo" in text or (status == 403 and token):
        return licence_not_accepted(name) if token else token_missing(name)
    if "invalid rev" in text or "revisionnotfound" in text:
        return revision_not_found(name, revision)
    if status in (401, 403, 404):
        return model_not_found(name, token)
    return TargetError(f"the hub answered {status} for {name}", hint="try again later", reason="HubFailed")


def model_page(name: str) -> str:
    """Return the address of the model's page, at ``HF_ENDPOINT`` or the public hub."""
    return f"{(os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/')}/{name}"


def token_missing(name: str) -> ConfigError:
    """Return the error for a gated model that is asked for without a token."""
    page = model_page(name)
    return ConfigError(
        f"{name} is gated, and there is no token",
        hint=f"accept its licence at {page}, make a token at {_TOKENS}, and set HF_TOKEN (on a cluster: name a Secret "
        "with that key in presetOptions.modelAccessSecret)",
        reason="TokenMissing",
    )


def token_invalid(name: str) -> ConfigError:
    """Return the error for a token that the hub does not know."""
    return ConfigError(
        f"the hub does not know the token that is sent for {name}: it is mistyped, expired or revoked",
        hint=f"make a new one at {_TOKENS} and set HF_TOKEN",
        reason="TokenInvalid",
    )


def token_without_right(name: str) -> ConfigError:
    """Return the error for a fine-grained token that was not given the right to read gated models."""
    return ConfigError(
        f"the token may not read {name}: it is fine-grained, and has no right to gated models",
        hint=f"add 'Read access to contents of all public gated repos' at {_TOKENS}",
        reason="TokenWithoutRight",
    )


def licence_not_accepted(name: str) -> ConfigError:
    """Return the error for a gated model whose licence the token's owner has not accepted."""
    return ConfigError(
        f"the token's owner has no access to {name}: its licence is not accepted, or the request not granted yet",
        hint=f"open {model_page(name)}, log in as the token's owner, and accept it",
        reason="LicenceNotAccepted",
    )


def model_not_found(name: str, token: bool) -> ConfigError:
    """Return the error for a model that is not there, as far as the hub lets this user know."""
    private = "this token may not see it" if token else "it is private and there is no token"
    return ConfigError(
        f"the hub has no model {name}, or {private}",
        hint="check ORG/NAME (upper and lower case count)" + ("" if token else ", or set HF_TOKEN"),
        reason="ModelNotFound",
    )


def revision_not_found(name: str, revision: str) -> ConfigError:
    """Return the error for a revision that the model does not have."""
    return ConfigError(
        f"{name} has no revision {revision}",
        hint=f"{model_page(name)}/commits/main lists its commits",
        reason="RevisionNotFound",
    )


def not_downloaded(name: str, revision: str) -> ConfigError:
    """Return the error for a model that is not in the cache where the hub must not be asked."""
    return ConfigError(
        f"{name} at {revision} is not in the hub's cache, and HF_HUB_OFFLINE forbids asking the hub",
        hint=f"unset it, or fetch the model before: hf download {name} --revision {revision}",
        reason="NotDownloaded",
    )


def unreachable(name: str) -> TargetError:
    """Return the error for a hub that does not answer."""
    endpoint = model_page(name).removesuffix(f"/{name}")
    return TargetError(
        f"{name} cannot be fetched: the hub at {endpoint} does not answer",
        hint="check the network, the proxy variables and HF_ENDPOINT",
        reason="HubUnreachable",
    )
