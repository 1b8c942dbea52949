"""Containers: probes, ranks and GPUs."""

from __future__ import annotations

from dataclasses import replace

from core.tests.targets.kubernetes.support.rendered import NODES, SERVER, container, pod, serving

from llmwright.values.launch import Exec, Probe, Process, Ranks


def test_each_of_several_machines_runs_the_command_of_its_rank() -> None:
    ranks = Ranks(count=2, leader=("lead", "--n=2"), worker=("follow", "$(leader)"), rendezvous_port=6379)
    live = Probe(check=Exec(("ask", "$(leader)")), termination_grace_s=1)
    launch = replace(SERVER, ranks=ranks, main=replace(SERVER.main, argv=("serve", "it's"), live=live))
    main = container(serving(launch, replace(NODES, count=2)))
    leader = "ws-0.ws-headless.ns.svc.cluster.local"
    line = f"""if [ "${{POD_INDEX}}" = "0" ]; then lead --n=2 && exec serve 'it'"'"'s'; else exec follow {leader}; fi"""
    assert main["command"] == ["/bin/sh", "-c", line]
    assert main["livenessProbe"]["exec"] == {"command": ["ask", leader]}
    assert main["livenessProbe"]["terminationGracePeriodSeconds"] == 1
    assert main["env"][-1]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['apps.kubernetes.io/pod-index']"


def test_machines_that_meet_by_themselves_are_told_their_rank() -> None:
    ranks = Ranks(count=2, leader=(), worker=("serve", "--rank=$(rank)", "$(other)"), rendezvous_port=29500)
    launch = replace(SERVER, ranks=ranks, main=replace(SERVER.main, argv=("serve",)))
    main = container(serving(launch, replace(NODES, count=2)))
    line = """if [ "${POD_INDEX}" = "0" ]; then exec serve; else exec serve '--rank=$(POD_INDEX)' '$$(other)'; fi"""
    assert main["command"] == ["/bin/sh", "-c", line], "the kubelet fills in the index, and nothing else"


def test_an_image_comes_from_settings_else_driver_else_our_build() -> None:
    role = SERVER.main.image
    named = replace(SERVER, images={role: "driver.example/i:1"})
    assert container(serving(named, settings={"images": {role: "own.example/i:1"}}))["image"] == "own.example/i:1"
    assert container(serving(named))["image"] == "driver.example/i:1"
    assert container(serving())["image"].startswith(f"localhost/llmwright/{role}:")


def test_every_container_tells_its_last_words() -> None:
    prepare = Process(name="fetch", argv=("fetch",))
    objects = serving(replace(SERVER, prepare=(prepare,)))
    containers = [*pod(objects)["initContainers"], *pod(objects)["containers"]]
    assert {each["terminationMessagePolicy"] for each in containers} == {"FallbackToLogsOnError"}
    assert len(containers) == 2
