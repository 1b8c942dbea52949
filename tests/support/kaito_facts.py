"""Where KAITO's recorded facts lie: cases, objects, presets, prices. They are beside this checkout, not in it."""

from __future__ import annotations

from pathlib import Path

KAITO = Path(__file__).resolve().parents[3] / "shared" / "kaito"
MANIFESTS = KAITO / "manifests.json"
PRESETS = KAITO / "presets.json"
SIZING = KAITO / "sizing.jsonl"
VALIDATION = KAITO / "validation.jsonl"
