"""Generate the package ``karpenter_client`` from the API server's own OpenAPI document; needs Java 11 or later.

``python generate.py`` reads ``openapi.json`` beside this file. With ``--document FILE`` (``-`` for stdin), that file is
first made anew from the output of ``kubectl get --raw /openapi/v3/apis/karpenter.sh/v1`` of a cluster with Karpenter.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE / "openapi.json"
PACKAGE = "llmwright_provisioner_karpenter"
CLIENT = HERE.parent / "src" / PACKAGE / "karpenter_client"
VERBS = {"{name}": {"delete", "patch"}, "": {"get"}}
"""The methods that the driver uses: on one object, and on all of a kind."""

LEFT_OUT = "apiDocs=false,modelDocs=false,apiTests=false,modelTests=false"

Document = dict[str, Any]


def prepare(document: Document) -> Document:
    """Return the part of the API server's document that the driver uses, in the form that the generator needs.

    A patch is server-side apply. Its body is text for the generator, which knows no schema for YAML. Answers are
    JSON; the API server's other encodings only make the client longer.
    """
    paths = {path: _methods(path, methods) for path, methods in document["paths"].items() if _wanted(path)}
    schemas = document["components"]["schemas"]
    used: dict[str, Any] = {}
    open_ = [*_references(paths)]
    while open_:
        name = open_.pop()
        if name not in used:
            used[name] = schemas[name]
            open_ += _references(schemas[name])
    return {**document, "paths": paths, "components": {"schemas": dict(sorted(used.items()))}}


def as_text(document: Document) -> str:
    """Return the document as it is stored."""
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def generate(document: Path, client: Path) -> None:
    """Generate the package from ``document``, and replace the folder ``client`` with it."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            str(Path(sys.executable).with_name("openapi-generator-cli")), "generate", "-g", "python",
            "-i", str(document), "-o", scratch, f"--package-name={PACKAGE}.karpenter_client",
            f"--global-property=apis,models,supportingFiles,{LEFT_OUT}",
            "--additional-properties=hideGenerationTimestamp=true,generateSourceCodeOnly=true",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"openapi-generator-cli failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        shutil.rmtree(client, ignore_errors=True)
        shutil.copytree(Path(scratch) / PACKAGE / "karpenter_client", client)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--document", type=argparse.FileType())
    file = parser.parse_args().document
    if file is not None:
        DOCUMENT.write_text(as_text(prepare(json.load(file))))
    generate(DOCUMENT, CLIENT)


def _wanted(path: str) -> bool:
    return path.rsplit("/", 1)[1] in ("nodeclaims", "nodepools") or path.endswith("/{name}")


def _methods(path: str, methods: Document) -> Document:
    keep = VERBS["{name}" if path.endswith("{name}") else ""] | {"parameters"}
    kept: Document = {name: json.loads(json.dumps(method)) for name, method in methods.items() if name in keep}
    if "patch" in kept:
        content = {"application/apply-patch+yaml": {"schema": {"type": "string"}}}
        kept["patch"]["requestBody"] = {"content": content, "required": True}
    for method in (each for name, each in kept.items() if name != "parameters"):
        for answer in method["responses"].values():
            if "content" in answer:
                answer["content"] = {"application/json": answer["content"]["application/json"]}
    return kept


def _references(part: Any) -> Iterator[str]:
    """Yield the names of the schemas that ``part`` refers to."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield str(part["$ref"]).rsplit("/", 1)[1]
        part = list(part.values())
    for each in part if isinstance(part, list) else ():
        yield from _references(each)


if __name__ == "__main__":
    main()
