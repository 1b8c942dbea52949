"""What tests of several rooms ask for by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.http_site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """An HTTP server on loopback, whose answers the test writes."""
    site = Site()
    yield site
    site.close()
