"""Wait in a test for something that another process or thread brings about."""

from __future__ import annotations

from llmwright.testing.cluster.waiting import wait_until

__all__ = ["wait_until"]
