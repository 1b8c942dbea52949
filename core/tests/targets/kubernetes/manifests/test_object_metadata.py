"""Labels and owners of all objects."""

from __future__ import annotations

from core.tests.targets.kubernetes.support.rendered import serving


def test_every_object_has_the_workspace_as_label_and_owner() -> None:
    for manifest in serving():
        about = manifest["metadata"]
        assert about["labels"] == {"kaito.sh/workspace": "ws"}
        (owner,) = about["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("Workspace", "ws", "1-2", True)


def test_a_workspace_without_uid_owns_nothing_yet() -> None:
    assert all("ownerReferences" not in manifest["metadata"] for manifest in serving(metadata={"uid": None}))
