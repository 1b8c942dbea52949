"""Why the hub gives no model, told apart: token, licence, name, revision, network, disk.

The hub says it by statuses and the header ``X-Error-Code``, which ``huggingface_hub`` turns into exceptions
(``hf_raise_for_status``). A stranger gets 401 for a model that is not there as for one that is private.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from llmwright.errors import ConfigError, LLMwrightError, TargetError

_TOKENS = "https://huggingface.co/settings/tokens"


@contextmanager
def hub_errors(name: str, revision: str, *, token: bool) -> Iterator[None]:
    """Turn an exception of ``huggingface_hub`` into an error of ours. ``token`` says whether one was sent.

    Raises ConfigError (TokenMissing, TokenInvalid, TokenWithoutRight, LicenceNotAccepted, ModelNotFound,
    RevisionNotFound, NotDownloaded) and TargetError (HubUnreachable, HubFailed).
    """
    try:
        yield
    except LLMwrightError:
        raise
    except Exception as error:
        problem = _problem(error, name, revision, token)
        if problem is None:
            raise
        # Without its cause: a library's own text may hold the request, and with it more than a log is to have.
        raise problem from None


def model_page(name: str) -> str:
    """Return the address of the model's page, at ``HF_ENDPOINT`` or the public hub."""
    return f"{(os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/')}/{name}"


def _problem(error: Exception, name: str, revision: str, token: bool) -> LLMwrightError | None:
    from huggingface_hub import errors

    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return None
    response = getattr(error, "response", None)
    if response is not None:
        stated = str(response.headers.get("x-error-message", "")).lower()
        return _answered(error, name, revision, token, response.status_code, stated)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return not_downloaded(name, revision)
    if isinstance(error, errors.FileMetadataError):
        text = f"what answers for {name} at {model_page(name).removesuffix(f'/{name}')} is no model hub"
        return TargetError(text, hint="check HF_ENDPOINT, and what a proxy or firewall answers", reason="HubFailed")
    if isinstance(error, errors.LocalEntryNotFoundError | ConnectionError | TimeoutError) or _is_of_http(error):
        return unreachable(name)
    return None


def _answered(error: Exception, name: str, revision: str, token: bool, status: int, stated: str) -> LLMwrightError:
    """Return the error for a refusal by the hub: its status, and its own words in lower case (``stated``)."""
    from huggingface_hub import errors

    if token and status == 401:
        # To a token that it knows the hub answers 403 or 404: only one that it does not know counts as none.
        return token_invalid(name)
    if "fine-grained token" in stated:
        return token_without_right(name)
    if isinstance(error, errors.GatedRepoError):
        return licence_not_accepted(name) if token else token_missing(name)
    if isinstance(error, errors.RevisionNotFoundError):
        return revision_not_found(name, revision)
    if isinstance(error, errors.RepositoryNotFoundError):
        return model_not_found(name, token)
    return TargetError(f"the hub answered {status} for {name}", hint="try again later", reason="HubFailed")


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


def is_offline() -> bool:
    """Whether ``HF_HUB_OFFLINE`` forbids asking the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _is_of_http(error: BaseException | None) -> bool:
    """Whether a library of HTTP failed: by its module, for releases of the hub's library use several."""
    while error is not None:
        if type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "requests", "urllib3"):
            return True
        error = error.__cause__ or error.__context__
    return False
