"""A model of each family, saved once for the session where a test asks for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from tests.support.model_families import SavedFamily, save_family


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], SavedFamily]:
    """Return the saved model of a family, with the model itself."""
    from llmwright_runtime_hf.serve.engine.model_loading import quiet_libraries

    quiet_libraries(1)
    root: Path = tmp_path_factory.mktemp("families")
    return cache(lambda family: save_family(root / family, family))
