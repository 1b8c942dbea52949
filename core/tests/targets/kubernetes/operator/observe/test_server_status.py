"""Whether a cluster knows the kind by which a runtime serves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from llmwright.lifecycle.observed import Trouble
from llmwright.targets.kubernetes.operator.observe.server_status import ServerStatus
from llmwright.testing import make_context
from llmwright.testing.fakes import FakeRuntime
from llmwright.values.nodes import Watch


class ByItself(FakeRuntime):
    """Serves by a kind of its own."""

    serves_as = Watch(group="demo.example.com", version="v1", plural="demos", brought_by="install Demo")


@pytest.mark.parametrize(("reason", "held_back"), [("KindNotServed", True), ("KindForbidden", False)])
def test_a_kind_that_is_not_served_holds_back_what_would_be_bought(reason: str, held_back: bool) -> None:
    def unseen(resource: object, kind: str, brought_by: str) -> Trouble:
        return Trouble(reason, f"{kind} ({brought_by})")

    status = ServerStatus(cast("Any", SimpleNamespace(unseen=unseen)), cast("Any", None))
    expected = Trouble("KindNotServed", "demos.demo.example.com (install Demo)") if held_back else None
    assert status.unserved(ByItself(make_context())) == expected
    assert status.unserved(FakeRuntime(make_context())) is None
    assert status.unserved(None) is None
