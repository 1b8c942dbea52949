"""The server as a process: start, refusals to start, readiness, signals, its parent."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from tests.support.hf_server import COMMAND, RunningServer, metric, run_to_end, running_server
from tests.support.tiny_models import ServedModels, save_adapter, save_model, save_tokenizer
from tests.support.waiting import wait_until

LONG = {"prompt": "the quick brown", "max_tokens": 32000}
GRACE_S = 4.0
"""Answers under way have more seconds than that after SIGTERM."""


def assert_one_line(ended: subprocess.CompletedProcess[str], *said: str) -> None:
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert all(part in last for part in said), last
    assert ended.stderr.count("error: ") == 1


def test_before_it_is_ready_health_and_requests_say_why_not(models: ServedModels, tmp_path: Path) -> None:
    with running_server(tmp_path / "log", "--model", str(models.base)) as server, server.client() as http:
        health = http.get("/health")
        asked = http.post("/chat", json={"prompt": "a"})
        server.wait_until_ready()
        ready = http.post("/chat", json={"prompt": "a", "max_tokens": 1})

    assert health.status_code == 503
    assert health.json()["status"] == "Loading"
    assert health.json()["reason"]
    assert asked.status_code == 503
    assert asked.json()["error"]["code"] == "not_ready"
    assert ready.status_code == 200


def test_the_log_tells_loading_and_where_it_is_ready(server: RunningServer) -> None:
    log = server.log.read_text()

    assert "loading the model" in log
    assert f"ready at {server.url} after" in log
    assert "Traceback" not in log
    assert "a-key-for-tests" not in log


def test_a_taken_port_is_named_at_once(models: ServedModels) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run_to_end("--model", str(models.base), "--port", port)

    assert_one_line(ended, f"port {port}", "in use")
    assert "loading" not in ended.stderr


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    ended = run_to_end("--model", str(tmp_path / "nothing"), "--port", "0")

    assert_one_line(ended, str(tmp_path / "nothing"), "is not there")


def test_a_broken_model_is_named(models: ServedModels, tmp_path: Path) -> None:
    for file in models.base.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"not weights")

    assert_one_line(run_to_end("--model", str(tmp_path), "--port", "0"), f"the model {tmp_path}", "cannot be loaded")


def test_an_adapter_of_another_base_is_named(models: ServedModels, tmp_path: Path) -> None:
    save_model(tmp_path / "other", save_tokenizer(tmp_path / "other"), hidden=32)
    save_adapter(tmp_path / "other", tmp_path / "adapter", seed=3)

    ended = run_to_end("--model", str(models.base), "--adapter", f"odd={tmp_path / 'adapter'}", "--port", "0")

    assert_one_line(ended, "adapter odd", "size mismatch")


def test_an_empty_key_is_refused(models: ServedModels) -> None:
    assert_one_line(run_to_end("--model", str(models.base), LLMWRIGHT_API_KEY=""), "LLMWRIGHT_API_KEY")


def test_a_wrong_flag_is_one_line(models: ServedModels) -> None:
    assert_one_line(run_to_end("--model", str(models.base), "--dtype", "fp8"), "fp8")


def test_help_lists_every_flag_without_loading_torch() -> None:
    code = "import sys; sys.argv = ['serve', '--help']\n"
    code += "import runpy\ntry: runpy.run_module('llmwright_runtime_hf.serve', run_name='llmwright_help')\n"
    code += "finally: pass\nfrom llmwright_runtime_hf.serve import __main__ as m\n"
    code += "try: m.main()\nexcept SystemExit as end: assert end.code == 0\n"
    code += "assert not {'torch', 'transformers', 'fastapi', 'pydantic'} & sys.modules.keys()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "--exit-with-parent" in ended.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(models: ServedModels, tmp_path: Path, number: signal.Signals) -> None:
    with running_server(tmp_path / "log", "--model", str(models.base)) as server:
        server.wait_until_ready()
        code = server.end(number)

    assert code == 0
    assert "Traceback" not in server.log.read_text()


def test_a_signal_while_loading_ends_it_cleanly(models: ServedModels, tmp_path: Path) -> None:
    with running_server(tmp_path / "log", "--model", str(models.base)) as server:
        code = server.end()

    assert code == 0
    assert "Traceback" not in server.log.read_text()


def test_a_second_signal_does_not_wait_for_answers(models: ServedModels, tmp_path: Path) -> None:
    with running_server(tmp_path / "log", "--model", str(models.base)) as server, server.client() as http:
        server.wait_until_ready()
        with http.stream("POST", "/v1/completions", json={**LONG, "stream": True}) as answer:
            lines = answer.iter_lines()
            next(lines)
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGINT)
            code = server.process.wait(60)

    assert code == 0
    assert "Traceback" not in server.log.read_text()


def test_while_answers_finish_new_requests_are_sent_elsewhere(models: ServedModels, tmp_path: Path) -> None:
    with running_server(tmp_path / "log", "--model", str(models.base)) as server, server.client() as http:
        server.wait_until_ready()
        with http.stream("POST", "/v1/completions", json={**LONG, "stream": True}) as answer:
            lines = answer.iter_lines()
            next(lines)
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: http.get("/health").status_code == 503, "it is not healthy any more")
            refused = http.post("/v1/completions", json={"prompt": "a"})
            server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(60)

    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert "shutting down" in refused.json()["error"]["message"]
    assert code == 0


def test_a_request_that_takes_too_long_ends_with_an_error(models: ServedModels, tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "log", "--model", str(models.base), "--request-timeout", "1") as server,
        server.client() as http,
    ):
        server.wait_until_ready()
        with http.stream("POST", "/v1/completions", json={**LONG, "ignore_eos": True, "stream": True}) as answer:
            events = [line for line in answer.iter_lines() if line]
        whole = http.post("/v1/completions", json={**LONG, "ignore_eos": True})

    assert '"timeout_error"' in events[-2]
    assert events[-1] == "data: [DONE]"
    assert whole.status_code == 408
    # The official client would ask twice more, and wait as long each time.
    assert whole.headers["X-Should-Retry"] == "false"
    assert whole.json()["error"]["type"] == "timeout_error"


def test_a_short_answer_is_finished_before_the_end(models: ServedModels, tmp_path: Path) -> None:
    with running_server(tmp_path / "log", "--model", str(models.base)) as server, server.client() as http:
        server.wait_until_ready()
        with http.stream("POST", "/v1/completions", json={**LONG, "max_tokens": 200, "stream": True}) as answer:
            lines = answer.iter_lines()
            next(lines)
            server.process.send_signal(signal.SIGTERM)
            rest = list(lines)
        code = server.process.wait(60)

    assert rest[-2] == "data: [DONE]"
    assert '"finish_reason":"length"' in rest[-4]
    assert code == 0


def test_under_load_all_that_came_is_answered_before_the_end(models: ServedModels, tmp_path: Path) -> None:
    """Answers under way, and requests that wait for a place: SIGTERM breaks none off."""
    flags = ("--model", str(models.base), "--max-num-seqs", "4", "--threads", "1")
    with running_server(tmp_path / "log", *flags) as server, server.client() as http, ThreadPoolExecutor(8) as pool:
        server.wait_until_ready()
        body = {**LONG, "max_tokens": 120, "ignore_eos": True}
        asked = [pool.submit(http.post, "/v1/completions", json=body) for _ in range(8)]
        wait_until(lambda: arrived(http) == 8, "all have come", 60)
        server.process.send_signal(signal.SIGTERM)
        answers = [each.result() for each in asked]
        code = server.process.wait(60)

    assert [answer.status_code for answer in answers] == [200] * 8
    assert {answer.json()["usage"]["completion_tokens"] for answer in answers} == {120}
    assert code == 0


def arrived(http: httpx.Client) -> float:
    """Return how many requests run, wait or are answered."""
    names = ("llmwright_requests_running", "llmwright_requests_waiting")
    answered = metric(http, "llmwright_answers_total", model="base", finished_reason="length")
    return answered + sum(metric(http, name) for name in names)


def test_an_answer_beyond_the_time_for_the_end_is_broken_off_with_an_error(
    models: ServedModels, tmp_path: Path
) -> None:
    with running_server(tmp_path / "log", "--model", str(models.base)) as server, server.client() as http:
        server.wait_until_ready()
        body = {**LONG, "ignore_eos": True, "stream": True}
        with http.stream("POST", "/v1/completions", json=body) as answer:
            lines = answer.iter_lines()
            next(lines)
            server.process.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            rest = [line for line in lines if line]
        code = server.process.wait(60)

    assert "shutting down" in json.loads(rest[-2].removeprefix("data: "))["error"]["message"]
    assert rest[-1] == "data: [DONE]"
    assert time.monotonic() - begun > GRACE_S
    assert code == 0
    assert "Traceback" not in server.log.read_text()


def test_it_ends_with_its_parent(models: ServedModels, tmp_path: Path) -> None:
    """The parent is killed outright, so that it can pass nothing on."""
    command = [*COMMAND, "--model", str(models.base), "--port", "0", "--exit-with-parent"]
    code = f"import subprocess, time; print(subprocess.Popen({command!r}).pid, flush=True); time.sleep(600)"
    with (tmp_path / "log").open("wb") as log:
        parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=log, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    wait_until(lambda: "listening" in (tmp_path / "log").read_text(), "the server listens")
    parent.kill()
    parent.wait()
    parent.stdout.close()

    psutil.wait_procs([child], timeout=60)
    assert not child.is_running()


def test_another_default_template_and_context(models: ServedModels, tmp_path: Path) -> None:
    """--default-model, --chat-template, --max-model-len and --dtype, seen in what is answered."""
    template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    flags = ["--adapter", f"facts={models.facts}", "--default-model", "facts", "--chat-template", template]
    flags += ["--max-model-len", "40", "--dtype", "bfloat16"]
    with running_server(tmp_path / "log", "--model", str(models.base), *flags) as server, server.client() as http:
        server.wait_until_ready()
        chat = http.post("/chat", json={"prompt": "the quick brown", "max_tokens": 20}).json()
        plain = http.post("/v1/completions", json={"prompt": "the quick brown", "max_tokens": 20}).json()
        long = http.post("/v1/completions", json={"prompt": [5] * 40})
        metrics = http.get("/metrics").text

    assert chat["model"] == "facts"
    assert chat["response"] == plain["choices"][0]["text"]
    assert "the context is 40 tokens long" in long.json()["error"]["message"]
    assert 'dtype="bfloat16"' in metrics


def test_without_a_chat_template_chat_completions_say_so(models: ServedModels, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    for file in models.base.iterdir():
        if file.name != "chat_template.jinja":
            (base / file.name).write_bytes(file.read_bytes())
    with running_server(tmp_path / "log", "--model", str(base)) as server, server.client() as http:
        server.wait_until_ready()
        refused = http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "a"}]})
        chat = http.post("/chat", json={"prompt": "a", "max_tokens": 5}).json()
        plain = http.post("/v1/completions", json={"prompt": "a", "max_tokens": 5}).json()

    assert refused.status_code == 400
    assert "no chat template" in refused.json()["error"]["message"]
    assert chat["response"] == plain["choices"][0]["text"]
