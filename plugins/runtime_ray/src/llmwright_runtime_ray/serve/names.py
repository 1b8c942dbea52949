"""The names of the application and of its deployments in Ray Serve."""

from __future__ import annotations

NAME = "llmwright"
DEPLOYMENT = "model"
LLM_DEPLOYMENT = "LlmServer"
"""The name of vLLM's deployment begins with it: Ray Serve LLM adds the model's."""
