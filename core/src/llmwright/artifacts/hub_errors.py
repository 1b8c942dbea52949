"""Why the hub gives no model, told apart: token, licence, name, revision, network, disk.

The hub says it by statuses and the header ``X-Error-Code``, which ``huggingface_hub`` turns into exceptions
(``hf_raise_for_status``). A stranger gets 401 for a model that is not there as for one that is private.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from llmwright.catalogue.hub_refusals import model_page, not_downloaded, refusal, unreachable
from llmwright.errors import LLMwrightError, TargetError


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


def _problem(error: Exception, name: str, revision: str, token: bool) -> LLMwrightError | None:
    from huggingface_hub import errors

    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return None
    response = getattr(error, "response", None)
    if response is not None:
        stated = " ".join(response.headers.get(f"x-error-{part}", "") for part in ("code", "message"))
        return refusal(name, revision, response.status_code, stated, token=token)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return not_downloaded(name, revision)
    if isinstance(error, errors.FileMetadataError):
        text = f"what answers for {name} at {model_page(name).removesuffix(f'/{name}')} is no model hub"
        return TargetError(text, hint="check HF_ENDPOINT, and what a proxy or firewall answers", reason="HubFailed")
    if isinstance(error, errors.LocalEntryNotFoundError | ConnectionError | TimeoutError) or _is_of_http(error):
        return unreachable(name)
    return None


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
