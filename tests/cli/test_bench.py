"""``llmwright bench``: what is printed where, files beside it, and how it ends."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.command import Run
from tests.support.openai_peer import Manner, openai_peer
from tests.support.waiting import wait_until

from llmwright.app.port_forward import PortForward

FEW = ("--concurrency", "1,2", "--requests", "4", "--input-tokens", "31", "--output-tokens", "4", "--warmup", "0")


def test_the_table_is_on_stdout_and_the_rest_on_stderr(run: Run) -> None:
    with openai_peer() as peer:
        ended = run("bench", peer.url + "/v1", *FEW)
    assert ended.code == 0
    head, rates, times = ended.out.split("\n\n")
    assert head.startswith(f"tiny at {peer.url}, ")
    assert "prompts of 31 tokens, streamed answers of at most 4 tokens (chat, seed 0)" in head
    assert rates.splitlines()[0].split("   ")[0] == "CONCURRENCY"
    assert [line.split()[:3] for line in rates.splitlines()[1:]] == [["1", "4", "0"], ["2", "4", "0"]]
    assert [line.split()[-2:] for line in rates.splitlines()[1:]] == [["31", "4"]] * 2
    assert re.findall(r"\((\w+)\)", times) == ["TTFT", "TPOT", "ITL"]
    assert "concurrency 2: 4 of 4 requests" in ended.err
    assert "note: p99 of fewer than 100 requests" in ended.err


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_for_programs(run: Run, output: str) -> None:
    with openai_peer() as peer:
        ended = run("bench", peer.url, *FEW, "-o", output)
    result = json.loads(ended.out) if output == "json" else yaml.safe_load(ended.out)
    assert (result["model"], result["complete"], len(result["levels"])) == ("tiny", True, 2)
    assert result["levels"][1]["ttftMs"]["count"] == 4
    assert result["levels"][1]["failures"] == []


def test_failures_are_in_a_table_and_some_are_no_failure_of_the_command(run: Run) -> None:
    with openai_peer(
        lambda number, body: Manner(status=429 if number % 5 == 0 and body["max_tokens"] == 4 else 200)
    ) as peer:
        ended = run("bench", peer.url, *FEW, "--requests", "9")
    assert ended.code == 0
    assert re.search(r"^HTTP 429 +1 +\d +not now$", ended.out, re.MULTILINE)


def test_a_level_without_an_answer_is_one(run: Run) -> None:
    with openai_peer(lambda _, body: Manner(status=500 if body["max_tokens"] == 4 else 200)) as peer:
        ended = run("bench", peer.url, *FEW, "--kaito")
    assert ended.code == 1
    assert re.search(r'^KAITO_BENCHMARK_RESULT \S+Z {"vllm_total_tpm":-1.0,', ended.out, re.MULTILINE)


def test_nobody_is_there(run: Run) -> None:
    with openai_peer() as peer:
        gone = peer.url
    ended = run("bench", gone, *FEW)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"error: no answer from {gone}")
    assert "nowhere" in run("bench", "nowhere", *FEW).err


def test_nothing_is_printed_where_nothing_was_measured(run: Run) -> None:
    with openai_peer(Manner(status=404)) as peer:
        ended = run("bench", peer.url, *FEW, "-o", "json", "--plot", "p.svg")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: a trial request has no answer: HTTP 404: not now\n"


def test_ctrl_c_prints_what_was_measured(run: Run, here: Path, heard_interrupts: None) -> None:
    """In the middle of the second level."""
    arrived, waiting = threading.Event(), itertools.count(1)

    def script(_: int, body: Mapping[str, Any]) -> Manner:
        waits = body["max_tokens"] == 4 and sum(each["max_tokens"] == 4 for each in peer.bodies) >= 6
        if waits and next(waiting) == 2:
            # Both clients wait now, so both have read the answers before.
            arrived.set()
        return Manner(first_piece_s=60.0 * waits)

    def interrupt() -> None:
        arrived.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    with openai_peer(script) as peer:
        thread.start()
        ended = run("bench", peer.url, *FEW, "--plot", "p.svg")
        thread.join()
    assert ended.code == 130
    assert "interrupted: this is what was measured until then" in ended.out
    rates = ended.out.split("\n\n")[1].splitlines()
    assert [line.split()[:3] for line in rates[1:]] == [["1", "4", "0"], ["2", "2", "0"]]
    assert (here / "p.svg").exists()


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_picture(run: Run, here: Path, ending: str) -> None:
    with openai_peer() as peer:
        ended = run("bench", peer.url, *FEW, "--plot", f"p.{ending}")
    assert ended.code == 0
    assert f"the plot is in p.{ending}" in ended.err
    assert (here / f"p.{ending}").read_bytes().startswith(b"<?xml" if ending == "svg" else b"\x89PNG")


def test_own_prompts(run: Run, here: Path) -> None:
    (here / "p.jsonl").write_text('"a"\n{"messages": [{"role": "user", "content": "b"}]}\n')
    with openai_peer() as peer:
        ended = run("bench", peer.url, *FEW, "--prompts", "p.jsonl")
        assert ended.code == 0, ended.err
        (here / "p.jsonl").write_text('"a"\n{}\n')
        refused = run("bench", peer.url, *FEW, "--prompts", "p.jsonl")
    assert "own prompts, streamed answers" in ended.out
    assert refused.code == 2
    assert refused.err.startswith('error: p.jsonl:2: has no "prompt" or "messages"')


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--concurrency", "1,,2"), "'1,,2' is no list of numbers"),
        (("--concurrency", "0"), "'0' is no list of numbers"),
        (("--concurrency", "99999"), "each level is a number from 1 to 10,000"),
        (("--duration", "soon"), "'soon' is no span of time"),
        (("--timeout", "0"), "timeout_s: 0"),
        (("--plot", "p.pdf"), "a plot is written as .svg or .png"),
        (("--plot", "nowhere/p.svg"), "the directory nowhere of the plot is not there"),
        (("--prompts", "none.jsonl"), "none.jsonl: no such file"),
        (("--kaito", "-o", "json"), "--kaito prints lines of its own"),
    ],
)
def test_options_that_cannot_be_used(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """Before anybody is asked: port 9 would not answer."""
    ended = run("bench", "http://127.0.0.1:9", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


KUBECTL = """#!/bin/sh
echo "$@" > {arguments}
echo 'warning: a line before it' >&2
{last}
"""


def kubectl(folder: Path, monkeypatch: pytest.MonkeyPatch, last: str) -> Path:
    """Put a kubectl first in PATH that says ``last``; return the file that has its arguments."""
    arguments = folder / "arguments"
    program = folder / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL.format(arguments=arguments, last=last))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return arguments


def test_a_workspace_on_a_cluster_is_measured_through_kubectl(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai_peer() as peer:
        opened = f"echo 'Forwarding from {peer.url.removeprefix('http://')} -> 5000'; exec sleep 60"
        arguments = kubectl(tmp_path, monkeypatch, opened)
        ended = run("bench", "mine", "--cluster", "-n", "models", "--kubeconfig", "/no/where", *FEW)
    assert ended.code == 0, ended.err
    assert ended.out.startswith(f"tiny at {peer.url}, ")
    assert "through kubectl: one pod" in ended.err
    asked = "--namespace models --kubeconfig /no/where port-forward --address=127.0.0.1 service/mine :80"
    assert arguments.read_text().split() == asked.split()


def test_kubectl_may_say_a_line_for_each_connection(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not read them holds kubectl up, and with it every request, once the pipe is full."""
    with openai_peer() as peer:
        many = "i=0; while [ $i -lt 4000 ]; do echo 'Handling connection for 40000 to the port 5000'; i=$((i+1)); done"
        opened = f"echo 'Forwarding from {peer.url.removeprefix('http://')} -> 5000'"
        kubectl(tmp_path, monkeypatch, f"{opened}; {many}; touch {tmp_path}/said; exec sleep 60")
        with PortForward("models", "mine"):
            wait_until((tmp_path / "said").exists, "kubectl has written its lines", 10)


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ("echo 'Error from server (NotFound): services \"mine\" not found' >&2; exit 1", 'services "mine" not found'),
        ("exit 1", "a line before it"),
    ],
)
def test_kubectl_s_last_words_are_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str, words: str
) -> None:
    kubectl(tmp_path, monkeypatch, last)
    ended = run("bench", "mine", "--cluster", *FEW)
    assert ended.code != 0
    assert ended.out == ""
    assert "kubectl does not reach service/mine" in ended.err
    assert words in ended.err
    assert "name the URL" in ended.err


def test_without_kubectl_the_url_is_the_way(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = run("bench", "mine", "--cluster", *FEW)
    assert ended.code == 2
    assert "kubectl, which is not here" in ended.err
    assert run("bench", "http://127.0.0.1:1", "--cluster", *FEW).code == 2


def test_a_name_that_is_not_here_may_be_on_a_cluster(run: Run) -> None:
    ended = run("bench", "nobody", *FEW)
    assert ended.code != 0
    assert "--cluster" in ended.err
