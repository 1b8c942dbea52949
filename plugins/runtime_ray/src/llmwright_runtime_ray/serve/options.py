"""The server's options: those of the engine, which reads its own flags, and those about replicas."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from llmwright.errors import ConfigError
from llmwright_runtime_hf.serve.serve_options import ServeOptions, parse_options
from llmwright_runtime_ray.command_line import END, MOST_ADAPTERS, TARGET

PROG = "python -m llmwright_runtime_ray.serve"
INGRESS_CPUS = 0.25
"""CPUs that Ray reserves for a copy of Ray Serve LLM's ingress."""
SIZES = ("--tensor-parallel-size=", "--pipeline-parallel-size=")
WITH_VLLM = frozenset(
    (
        *("--model", "--served-model-name", "--adapter", "--default-model", "--exit-with-parent"),
        *("--host", "--port", "--allowed-host", "--allowed-origin", "--no-page"),
    )
)
"""Flags of the engine ``hf`` that hold for vLLM too: names, who may ask, and the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How many replicas there are, when their number changes, and how much each takes."""

    min_replicas: int = 1
    max_replicas: int = 1
    initial_replicas: int = 1
    target_ongoing_requests: float = TARGET
    max_ongoing_requests: int = 64
    max_queued_requests: int = 256
    upscale_delay_s: float = 30.0
    downscale_delay_s: float = 600.0
    replica_cpus: float = 1.0
    replica_gpus: float = 0.0
    max_replicas_per_node: int | None = None
    max_num_adapters_per_replica: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RayOptions:
    """All options. ``state`` is the directory of the local cluster; None for one that is removed at the end.

    ``vllm`` are vLLM's own flags where it is the engine, else None. Of ``engine`` it has names and access alone.
    """

    engine: ServeOptions
    scaling: Scaling
    state: Path | None = None
    vllm: tuple[str, ...] | None = None

    @property
    def cpus(self) -> int:
        """The CPUs that all replicas reserve, with what is before them; Ray counts those of a machine as whole ones.

        Without GPUs Ray Serve LLM reserves one more for each worker of the engine.
        """
        scaling = self.scaling
        if self.vllm is None:
            return math.ceil(scaling.max_replicas * scaling.replica_cpus)
        sizes = (int(flag.partition("=")[2]) for flag in self.vllm if flag.startswith(SIZES))
        workers = 0 if scaling.replica_gpus else math.prod(sizes)
        return math.ceil(scaling.max_replicas * (scaling.replica_cpus + workers + INGRESS_CPUS))

    @property
    def most_adapters(self) -> int | None:
        """The most adapters that one replica holds at a time; None where it holds all of them."""
        most = self.scaling.max_num_adapters_per_replica
        return most if most is not None and most < len(self.engine.adapters) else None

    @property
    def of_replica(self) -> ServeOptions:
        """The options of one replica, without what the ingress has done before: it holds no key."""
        return replace(self.engine, api_key=None, allowed_hosts=(), allowed_origins=())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message, hint=f"`{self.prog} --help` lists the flags")


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> RayOptions:
    """Return the options. Raises ConfigError for a wrong flag; exits only for ``--help``, which lists all."""
    parser = _parser()
    if "--help" in argv or "-h" in argv:
        parser.print_help()
        print(f"\nand the flags of the engine, those of vllm after {END}; of hf:\n")
        parse_options(["--help"], environ)
    ours, engines = _split(argv)
    flags, rest = parser.parse_known_args(ours)
    others = {"state", "engine"}
    scaling = Scaling(
        **{name: value for name, value in vars(flags).items() if name not in others and value is not None}
    )
    _check(scaling)
    _check_engine(flags.engine, rest, engines)
    vllm = tuple(engines or ()) if flags.engine == "vllm" else None
    return RayOptions(engine=parse_options(rest, environ), scaling=scaling, state=flags.state, vllm=vllm)


def _split(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str] | None]:
    """Return the flags before and after the mark of vLLM's own; None without the mark."""
    if END not in argv:
        return argv, None
    place = list(argv).index(END)
    return argv[:place], argv[place + 1 :]


def _check_engine(engine: str, flags: Sequence[str], engines: Sequence[str] | None) -> None:
    if engine != "vllm" and engines is not None:
        raise ConfigError(f"what follows {END} are flags of vLLM", hint="write --engine vllm, or leave them out")
    foreign = [flag for flag in flags if flag.startswith("--") and flag.partition("=")[0] not in WITH_VLLM]
    if engine == "vllm" and foreign:
        raise ConfigError(f"{foreign[0]} is no flag with --engine vllm", hint=f"flags of vLLM come after {END}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROG, description="Serve replicas of a model with Ray Serve.", allow_abbrev=False, add_help=False
    )
    add = parser.add_argument
    add("--engine", choices=("hf", "vllm"), default="hf", help="the engine of each replica (default: hf)")
    add("--min-replicas", type=_count, metavar="N", help="0: none while nobody asks (default: 1)")
    add("--max-replicas", type=_above, metavar="N", help="default: 1")
    add("--initial-replicas", type=_above, metavar="N", help="default: 1")
    add("--target-ongoing-requests", type=_positive, metavar="X", help="requests of one replica to reach (default: 10)")
    add("--max-ongoing-requests", type=_above, metavar="N", help="requests sent to one replica at a time (default: 64)")
    add(
        "--max-queued-requests",
        type=_above,
        metavar="N",
        help="requests that may wait; more are refused with 429 (default: 256)",
    )
    add(
        "--upscale-delay-s",
        type=_seconds,
        metavar="S",
        help="seconds of higher load before more replicas (default: 30)",
    )
    add("--downscale-delay-s", type=_seconds, metavar="S", help="seconds of lower load before fewer (default: 600)")
    add("--replica-cpus", type=_positive, metavar="X", help="CPUs reserved for one replica (default: 1)")
    add("--replica-gpus", type=_seconds, metavar="X", help="GPUs of one replica (default: 0)")
    add("--max-replicas-per-node", type=_above, metavar="N", help="replicas on one node of a cluster (default: any)")
    add(
        MOST_ADAPTERS,
        type=_above,
        metavar="N",
        help="adapters that one replica holds at a time; others are loaded when they are asked for (default: all)",
    )
    add("--state", type=Path, metavar="DIR", help="directory for the files of the local Ray cluster")
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _above(text: str) -> int:
    if (number := _count(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return number


def _positive(text: str) -> float:
    if not (number := _seconds(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return number


def _check(scaling: Scaling) -> None:
    fewest, most, initial = scaling.min_replicas, scaling.max_replicas, scaling.initial_replicas
    if fewest > most:
        raise ConfigError(
            f"--min-replicas {fewest} is more than --max-replicas {most}", hint="raise the one, or lower the other"
        )
    if not fewest <= initial <= most:
        raise ConfigError(f"--initial-replicas {initial} is not within {fewest} and {most}", hint="choose one that is")
