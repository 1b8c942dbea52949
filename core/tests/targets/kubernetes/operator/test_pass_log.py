"""Each line of a pass tells which Workspace and which pass it is of."""

from __future__ import annotations

import io
import json
import logging
import threading

from llmwright.targets.kubernetes.operator.pass_log import pass_fields, pass_over
from llmwright.targets.kubernetes.operator.process.operator_log import JsonLines
from llmwright.targets.kubernetes.operator.tasks import Tasks


def test_lines_of_a_pass_have_fields_and_others_have_none() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines())
    log = logging.Logger("there")
    log.addHandler(handler)
    with pass_over(("ns", "ws")):
        log.info("within")
    log.info("outside")
    within, outside = map(json.loads, out.getvalue().splitlines())
    assert (within["namespace"], within["name"], len(within["reconcileID"])) == ("ns", "ws", 36)
    assert outside.keys() == {"time", "level", "logger", "message"}


def test_a_task_tells_of_the_pass_that_asked_for_it() -> None:
    tasks, done, seen = Tasks(1), threading.Event(), []
    with pass_over(("ns", "ws")):
        tasks.submit("it", lambda: seen.append(dict(pass_fields())), lambda _: done.set())
        here = dict(pass_fields())
    assert done.wait(10)
    assert seen == [here]
