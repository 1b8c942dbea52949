"""The names of the application and of its deployment in Ray Serve."""

from __future__ import annotations

NAME = "llmwright"
DEPLOYMENT = "model"
