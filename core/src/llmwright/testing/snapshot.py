"""A cluster's caches made of plain objects, for tests of provisioners."""

from llmwright.values.object_snapshot import Object, ObjectSnapshot

__all__ = ["Object", "ObjectSnapshot"]
