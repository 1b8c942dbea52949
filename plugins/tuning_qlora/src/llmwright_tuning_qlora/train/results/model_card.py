"""The model card: README.md of the adapter, with the header that model hubs read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def model_card(record: Mapping[str, Any]) -> str:
    """Return the text of README.md, for the record of a run (``training.json``)."""
    base = record["base_model"]
    return f"""---
base_model: {json.dumps(base)}
library_name: peft
pipeline_tag: text-generation
tags: [lora, {record["method"]}, llmwright]
---

# Adapter for {base}

Made by LLMwright with {record["method"]} in {record["steps"]} steps on {record["rows"]} rows; final loss
{record["final_loss"]:.4f}. `training.json` beside this file holds the whole configuration and the digest of the data,
`loss.png` the loss curve.

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({json.dumps(base)}), "PATH_OF_THIS_DIRECTORY")
```
"""
