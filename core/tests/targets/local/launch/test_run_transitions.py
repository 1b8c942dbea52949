"""What follows from an exit, a probe or a lost supervisor."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from core.tests.targets.local.support.launches import serving, tuning

from llmwright.targets.local import LocalOptions
from llmwright.targets.local.launch.run_transitions import (
    ProcessExit,
    after_exit,
    after_lost_supervisor,
    after_probe,
    after_refused_start,
    after_start,
    after_wish,
    new_run,
    observed_workload,
)
from llmwright.targets.local.store.supervisor_record import RoleRun

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPTIONS = LocalOptions(retries=2, crash_loop=2, backoff_first_s=1.0, backoff_most_s=3.0)


def job() -> RoleRun:
    return after_start(new_run("tuning", tuning(), "digest", "1", NOW), 7, 0.0, NOW)


def server() -> RoleRun:
    return after_start(new_run("serving", serving(), "digest", "1", NOW), 7, 0.0, NOW)


def crashed(run: RoleRun, times: int, **causes: bool) -> RoleRun:
    for _ in range(times):
        run = after_exit(run, ProcessExit(code=1, error="boom", **causes), NOW, OPTIONS)
    return run


def test_the_stages_of_a_job_follow_each_other() -> None:
    delivery = after_exit(job(), ProcessExit(code=0), NOW, OPTIONS)
    assert (delivery.phase, delivery.process.name, delivery.pid) == ("waiting", "deliver", None)
    assert after_exit(delivery, ProcessExit(code=0), NOW, OPTIONS).phase == "succeeded"


def test_a_job_fails_after_its_retries_and_waits_longer_before_each() -> None:
    pauses = [crashed(job(), times).due - NOW for times in (1, 2)]
    assert pauses == [timedelta(seconds=1), timedelta(seconds=2)]
    assert crashed(job(), 3).phase == "failed"


def test_a_server_is_started_again_without_end_and_counts_as_failed_in_between() -> None:
    many = crashed(server(), 50)
    assert (many.phase, many.due - NOW) == ("waiting", timedelta(seconds=3))
    assert many.reason == "ContainerCrashLoopBackOff"
    assert observed_workload(crashed(server(), 1), OPTIONS).phase == "pending"
    assert observed_workload(many, OPTIONS).phase == "failed"
    tried = observed_workload(after_start(many, 8, 1.0, NOW), OPTIONS)
    assert (tried.phase, tried.active, tried.crashing, tried.message) == ("pending", True, True, "boom")
    assert not observed_workload(after_probe(after_start(many, 8, 1.0, NOW), True, NOW), OPTIONS).crashing


def test_a_server_that_ends_well_has_failed_too() -> None:
    ended = after_exit(server(), ProcessExit(code=0), NOW, OPTIONS)
    assert (ended.phase, ended.failures) == ("waiting", 1)


def test_a_taken_port_costs_no_pause_until_it_is_a_crash_loop() -> None:
    assert crashed(server(), 2, port_taken=True).due == NOW
    assert crashed(server(), 3, port_taken=True).due > NOW


def test_a_users_mistake_fails_at_once() -> None:
    failed = after_exit(job(), ProcessExit(code=2, error="no such column"), NOW, OPTIONS)
    assert (failed.phase, failed.reason, failed.message) == ("failed", "InvalidInput", "no such column")


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (ProcessExit(code=-9, out_of_memory=True), "ContainerOOMKilled"),
        (ProcessExit(code=-9), "Killed"),
        (ProcessExit(code=1), "ProcessFailed"),
    ],
)
def test_the_cause_is_named(end: ProcessExit, reason: str) -> None:
    assert after_exit(job(), end, NOW, OPTIONS).reason == reason


def test_a_probe_makes_a_server_ready_and_unready() -> None:
    ready = after_probe(crashed(server(), 1), True, NOW)
    assert ready.phase == "waiting"
    ready = after_probe(replace(server(), failures=3, reason="ProcessFailed"), True, NOW)
    assert (ready.phase, ready.failures, ready.reason) == ("ready", 0, "")
    assert after_probe(ready, False, NOW).reason == "NotAnswering"


def test_a_lost_supervisor_is_nobodys_failure() -> None:
    resumed = after_lost_supervisor(crashed(server(), 1), NOW)
    assert (resumed.phase, resumed.pid, resumed.failures, resumed.restarts) == ("waiting", None, 1, 1)
    done = replace(job(), phase="succeeded")
    assert after_lost_supervisor(done, NOW) == done


def test_a_refusal_that_may_pass_is_tried_again_and_told() -> None:
    run = new_run("serving", serving(), "digest", "1", NOW)
    for _ in range(2):
        run = after_refused_start(run, "PortTaken", "port 1 is taken", NOW, OPTIONS)
    assert (run.phase, run.due - NOW, run.reason) == ("waiting", timedelta(seconds=2), "PortTaken")
    assert observed_workload(run, OPTIONS).phase == "failed"
    again = after_wish(run, NOW)
    assert (again.due, again.failures, again.reason) == (NOW, 0, "")
    assert after_refused_start(run, "SecretMissing", "", NOW, OPTIONS).phase == "failed"


def test_a_port_that_was_taken_is_no_mistake_of_the_user() -> None:
    """Our own server ends with 2 where it cannot bind."""
    run = after_exit(server(), ProcessExit(code=2, error="in use", port_taken=True), NOW, OPTIONS)
    assert (run.phase, run.reason, run.due) == ("waiting", "PortTaken", NOW)
