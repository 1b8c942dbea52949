"""The page of a served model, for a person with a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmwright.cli.show.output import note
from llmwright.errors import LLMwrightError

if TYPE_CHECKING:
    from llmwright.app.session import Session


def page_of(session: Session, endpoint: str) -> str | None:
    """Return the address of the page at ``endpoint``, None where a browser would see none."""
    with session.model_client(endpoint) as client:
        return f"{endpoint}/" if client.has_page() else None


def note_page(session: Session, namespace: str, name: str) -> None:
    """Say on stderr where the page is, if that Workspace answers already on this machine."""
    if session.on_cluster:
        return
    from llmwright.app.model_client import endpoint_of

    try:
        page = page_of(session, endpoint_of(session.target.get(namespace, name)))
    except LLMwrightError:
        return
    if page:
        note(f"open {page} in a browser")
