"""Options that are safe behind an API key alone."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.check.check_input import CheckInput
from llmwright.check.driver_options import configured, placed
from llmwright.errors import Problem
from llmwright.values.launch import API_KEY


def check_api_key(inputs: CheckInput) -> Iterator[Problem]:
    """On one machine there is a key where an option needs it. Of a cluster's Secrets nothing is known here."""
    if inputs.policy.api_key or inputs.target != "local":
        return
    for kind, name, path, options, config in configured(inputs):
        driver = inputs.drivers.installed.find(kind, name)
        for option in sorted(driver.keyed_options & {key for key in options if options[key]} if driver else ()):
            message = "is safe behind an API key alone, and none is set"
            problem = Problem(option, message, f"set the variable {API_KEY.key}", reason="KeyRequired")
            yield placed(problem, path, config, {})
