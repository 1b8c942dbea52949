"""``python -m llmwright.artifacts``: downloads and images for workload processes.

Ends with 0; with 2 and one line on standard error where the user can repair the cause; with 1 where the machine, the
network or the registry refused. Secrets come from files and the environment, never from arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from llmwright.artifacts.download import Progress
from llmwright.artifacts.transfer_events import TransferEvents
from llmwright.errors import ConfigError, LLMwrightError

PROGRESS_VARIABLE = "LLMWRIGHT_PROGRESS"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    from llmwright.plugins.progress_server import downloads_told

    options = _parser().parse_args(arguments)
    try:
        verb: Callable[[argparse.Namespace], str] = options.verb
        with downloads_told() as options.tell:
            print(verb(options))
    except LLMwrightError as error:
        print(f"error: {error.reason}: {error.text}".replace("\n", " "), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _download(options: argparse.Namespace) -> str:
    from llmwright.artifacts.addresses import SourceRules
    from llmwright.artifacts.download import fetch

    rules, names, lines = SourceRules(tuple(options.allow)), set[str](), []
    for url in _whole_urls(options.url):
        file = fetch(
            url,
            options.to,
            sources=rules,
            local=options.allow_local,
            taken=names,
            progress=_progress(options, "download"),
        )
        names.add(file.path.name)
        lines.append(f"{file.path} {file.bytes} sha256:{file.sha256}")
    return "\n".join(lines)


def _whole_urls(urls: Sequence[str]) -> list[str]:
    """Return ``urls`` with the secrets that were kept from the command line."""
    from llmwright.values.url_secrets import URLS_VARIABLE, whole_urls

    try:
        return whole_urls(urls, os.environ.get(URLS_VARIABLE, ""))
    except KeyError as url:
        text, hint = f"the secrets of {url.args[0]} are not at hand", "apply the Workspace again, with the whole URL"
    except ValueError:
        text, hint = f"{URLS_VARIABLE} cannot be read", "apply the Workspace again"
    raise ConfigError(text, hint=hint, reason="SecretMissing")


def _pack(options: argparse.Namespace) -> str:
    from llmwright.artifacts.adapter_image import pack_adapter

    return pack_adapter(options.adapter, options.layout, options.reference, options.preset)


def _push(options: argparse.Namespace) -> str:
    from llmwright.artifacts.addresses import SourceRules
    from llmwright.artifacts.credentials import find_credentials
    from llmwright.artifacts.image_push import push
    from llmwright.artifacts.image_reference import parse_reference

    return push(
        options.layout,
        options.reference,
        find_credentials(parse_reference(options.reference).name, options.docker_config),
        sources=SourceRules(tuple(options.allow)),
        insecure=tuple(options.insecure),
        progress=_progress(options, "push"),
    )


def _pull(options: argparse.Namespace) -> str:
    from llmwright.artifacts.addresses import SourceRules
    from llmwright.artifacts.credentials import find_credentials
    from llmwright.artifacts.image_pull import pull
    from llmwright.artifacts.image_reference import parse_reference
    from llmwright.artifacts.model_image import check_model

    digest = pull(
        options.reference,
        options.to,
        find_credentials(parse_reference(options.reference).name, options.docker_config),
        sources=SourceRules(tuple(options.allow)),
        insecure=tuple(options.insecure),
        progress=_progress(options, "pull"),
        resumable=options.model,
        check=check_model if options.model else None,
    )
    missing = [name for name in options.expect if not (options.to / name).is_file()]
    if missing:
        names = " and no ".join(missing)
        text = f"the adapter in {options.reference} has no {names}, without which it is served otherwise"
        hint = "an early version made it: tune again, or push it with that file beside its weights"
        raise ConfigError(f"{text} than it was tuned", hint=hint, reason="AdapterIncomplete")
    return digest


def _fetch_model(options: argparse.Namespace) -> str:
    from llmwright.artifacts.addresses import SourceRules
    from llmwright.artifacts.hub_snapshot import fetch_snapshot

    directory = fetch_snapshot(
        options.model,
        options.revision,
        sources=SourceRules(tuple(options.allow)),
        cache=options.cache,
        progress=_progress(options, "download"),
        files=options.files,
    )
    return str(directory)


def _check_push(options: argparse.Namespace) -> str:
    from llmwright.artifacts.addresses import SourceRules
    from llmwright.artifacts.credentials import find_credentials
    from llmwright.artifacts.image_push import check_push
    from llmwright.artifacts.image_reference import parse_reference

    credentials = find_credentials(parse_reference(options.reference).name, options.docker_config)
    rules = SourceRules(tuple(options.allow))
    check_push(options.reference, credentials, sources=rules, insecure=tuple(options.insecure))
    return f"{options.reference} can be pushed to"


def _progress(options: argparse.Namespace, event: str) -> Progress | None:
    """Return what writes JSON lines, and tells them on the port that the environment names; None where nobody looks.

    The file is that of ``--progress``, else the environment names it.
    """
    named = os.environ.get(PROGRESS_VARIABLE)
    path = options.progress or (Path(named) if named else None)
    takers = [taker for taker in (partial(_append, path) if path else None, options.tell) if taker is not None]
    if not takers:
        return None

    def tell(line: Mapping[str, Any]) -> None:
        for taker in takers:
            taker(line)

    return TransferEvents(event, tell)


def _append(path: Path, line: Mapping[str, Any]) -> None:
    try:
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
    except OSError as error:
        raise ConfigError(f"cannot write progress to {path}: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m llmwright.artifacts", description=__doc__, allow_abbrev=False)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    download = _verb(verbs, "download", _download, "fetch files under the address rules")
    download.add_argument("--url", nargs="+", required=True, action="extend", help="http, https or hf URL")
    download.add_argument("--to", type=Path, required=True, help="directory")
    download.add_argument("--allow-local", action="store_true", help="read file: URLs and paths too")
    _add_allow(download)
    pack = _verb(verbs, "pack", _pack, "write an adapter as an OCI image layout")
    pack.add_argument("--adapter", type=Path, required=True, help="directory that peft wrote")
    pack.add_argument("--layout", type=Path, required=True, help="directory of the layout")
    pack.add_argument("--reference", required=True, help="name of the image")
    pack.add_argument("--preset", required=True, help="name of the base model's preset")
    push = _verb(verbs, "push", _push, "push an OCI image layout")
    push.add_argument("--layout", type=Path, required=True, help="directory of the layout")
    _add_registry(push)
    _add_allow(push)
    pull = _verb(verbs, "pull", _pull, "put an image's /data into a directory")
    pull.add_argument("--to", type=Path, required=True, help="directory")
    pull.add_argument("--model", action="store_true", help="it is a model: go on where a pull ended, check what came")
    pull.add_argument("--expect", action="append", default=[], help="file that the image must have brought")
    _add_registry(pull)
    _add_allow(pull)
    model = _verb(verbs, "fetch-model", _fetch_model, "bring a model of the hub into the hub's cache")
    model.add_argument("--model", required=True, help="ORG/NAME")
    model.add_argument("--revision", default="main", help="commit, tag or branch")
    model.add_argument("--cache", type=Path, help="directory of the cache, the hub's own where left out")
    model.add_argument("--files", default="", help="pattern of the weights, those that a loader reads where left out")
    _add_allow(model)
    check = _verb(verbs, "check-push", _check_push, "show that a push would be let in")
    _add_registry(check)
    _add_allow(check)
    return parser


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], str],
    text: str,
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.set_defaults(verb=run)
    parser.add_argument("--progress", type=Path, help="file to append JSON lines to")
    return parser


def _add_registry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reference", required=True, help="name of the image")
    parser.add_argument("--docker-config", type=Path, help="config.json, or a directory with one")
    parser.add_argument("--insecure", action="append", default=[], help="registry that may be without TLS")


def _add_allow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--allow", action="append", default=[], help="host, address or CIDR, as in sources.allow")


if __name__ == "__main__":
    sys.exit(main())
