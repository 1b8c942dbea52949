"""Real little programs as Launches, and Workspaces to run them in."""

from __future__ import annotations

import textwrap
from typing import Any

from llmwright.api.workspace import Workspace
from llmwright.values.launch import Launch, Process, Volume

SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = sys.argv[3].encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
try:
    server = http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Handler)
except OSError as error:
    sys.exit(f"[Errno 98] {error.strerror}")
print("serving", flush=True)
server.serve_forever()
"""

TUNER = """
import json, os, pathlib, subprocess, sys, time
results, steps, pause = pathlib.Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
checkpoint = results / "checkpoint"
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
first = int(checkpoint.read_text()) if checkpoint.exists() else 0
with (results / "starts").open("a") as file:
    file.write(f"{first}\\n")
for step in range(first, steps):
    time.sleep(pause)
    with (results / "progress.jsonl").open("a") as file:
        file.write(json.dumps({"event": "step", "step": step + 1, "steps": steps, "loss": 1.0 / (step + 1)}) + "\\n")
    (results / "checkpoint.new").write_text(str(step + 1))
    os.replace(results / "checkpoint.new", checkpoint)
helper.kill(); helper.wait()
(results / "adapter").write_text("weights")
"""

SCRATCH = (Volume(name="results"),)


def python(name: str, code: str, *arguments: str) -> Process:
    """A process that runs ``code``."""
    return Process(name=name, argv=("$(python)", "-c", textwrap.dedent(code), *arguments))


def serving(answer: str = "base") -> Launch:
    """A server that answers every path with ``answer``."""
    main = python("serve", SERVER, "$(host)", "$(port.http)", answer)
    return Launch(main=main, volumes=SCRATCH, ports={"http": 5000})


def tuning(steps: int = 3, pause: float = 0.02, after: str = "") -> Launch:
    """A tuner that goes on from its checkpoint, and a delivery after it."""
    main = python("train", TUNER, "$(volume.results)", str(steps), str(pause))
    deliver = python("deliver", after or "import sys; print('delivered', sys.argv[1])", "$(volume.results)")
    return Launch(main=main, after=(deliver,), volumes=SCRATCH)


def failing(code: str) -> Launch:
    """A job whose one process is ``code``."""
    return Launch(main=python("train", code, "$(volume.results)"), volumes=SCRATCH)


def make_workspace(name: str = "demo", *, tuned: bool = False, **tuning_fields: Any) -> Workspace:
    """A Workspace that serves, or tunes."""
    part: dict[str, Any] = {"preset": {"name": "demo"}}
    if tuned:
        part |= {"method": "qlora", "input": {"urls": ["file:///data"]}, "output": {"image": "registry/adapter:1"}}
    kind = "tuning" if tuned else "inference"
    body = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": name}}
    return Workspace.model_validate({**body, kind: part | tuning_fields})
