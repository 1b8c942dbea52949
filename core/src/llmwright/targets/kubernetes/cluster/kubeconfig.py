"""Which cluster is meant: by a kubeconfig and one of its contexts, or by the pod that this process runs in."""

from __future__ import annotations

import logging
import os
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from llmwright.errors import ConfigError, did_you_mean
from llmwright.plugins.installing import pip_install
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.values.same_place import SamePlace, cluster_options

NO_CLUSTER = "NoCluster"
NAME_ONE = "name one with --kubeconfig or KUBECONFIG"
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where Kubernetes tells a pod its namespace."""


def connect(kubeconfig: str | Path | None = None, context: str | None = None, written: SamePlace | None = None) -> Api:
    """Return a client of the cluster in ``kubeconfig``; without one, of this pod's cluster, else of ``KUBECONFIG``'s.

    ``context`` is one of the kubeconfig's, its present one where it is None.
    ``written`` is the command line that asks, without the options that name a cluster.

    Raises:
        ConfigError: the Kubernetes client is not installed, or there is no usable configuration.
    """
    try:
        from kubernetes import config
        from kubernetes.client import Configuration
    except ImportError as error:
        hint = pip_install("llmwright[kubernetes]")
        raise ConfigError("the Kubernetes client is not installed", hint=hint, reason="ExtraMissing") from error
    configuration = Configuration()
    try:
        load: Callable[..., None] = partial(config.load_kube_config, context=context)
        if kubeconfig is None and context is None and in_cluster():
            load = config.load_incluster_config
        else:
            load = partial(load, config_file=_file(kubeconfig))
            _require_context(kubeconfig, context)
        with _login_errors():
            load(client_configuration=configuration)
        place = replace(
            written or SamePlace(),
            cluster=cluster_options(kubeconfig, context),
            namespace=own_namespace(kubeconfig, context),
        )
        return Api(configuration, place)
    except ConfigError:
        raise
    except Exception as error:
        # The client raises errors of any type over a damaged kubeconfig, and OpenSSL its own over certificates.
        raise _no_cluster(error, known=isinstance(error, config.ConfigException | OSError)) from error


def _require_context(kubeconfig: str | Path | None, context: str | None) -> None:
    """Refuse a file that is not there, and a context that it does not have, with those that it has."""
    file = _file(kubeconfig) or str(Path.home() / ".kube" / "config")
    if not any(Path(each).expanduser().exists() for each in file.split(os.pathsep)):
        raise ConfigError(f"no cluster can be reached: there is no kubeconfig {file}", hint=NAME_ONE, reason=NO_CLUSTER)
    if context is None:
        return
    names = [str(each.get("name")) for each in _contexts(kubeconfig)]
    if context not in names:
        hint = did_you_mean(context, names, "kubectl config get-contexts")
        raise ConfigError(
            f"no cluster can be reached: the kubeconfig {file} has no context {context!r}", hint=hint, reason=NO_CLUSTER
        )


@contextmanager
def _login_errors() -> Iterator[None]:
    """Raise ConfigError where the client only logs that a login failed, and would go on as nobody."""
    errors = _LoggedErrors()
    root = logging.getLogger()
    root.addHandler(errors)
    try:
        yield
    finally:
        root.removeHandler(errors)
    if errors.lines:
        words = " ".join(errors.lines[0].split())[:300]
        hint = "log in again as your cluster wants it; `kubectl version` then answers too"
        raise ConfigError(f"the login that the kubeconfig names fails: {words}", hint=hint, reason="LoginFailed")


class _LoggedErrors(logging.Handler):
    """Keeps the errors that this thread logs by no logger of its own, as the client does; others log at any time."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if (record.name, record.thread) == ("root", self._thread):
            self.lines.append(record.getMessage())


def own_namespace(kubeconfig: str | Path | None = None, context: str | None = None) -> str:
    """Return the namespace of this pod, else that of the kubeconfig's context, else ``default``.

    Raises:
        ConfigError: the kubeconfig is damaged.
    """
    from kubernetes import config

    if kubeconfig is None and context is None and in_cluster():
        with suppress(OSError):
            return NAMESPACE_FILE.read_text().strip() or "default"
    try:
        chosen = _context(kubeconfig, context)
        return str((chosen.get("context") or {}).get("namespace") or "default")
    except (config.ConfigException, OSError):
        return "default"
    except Exception as error:
        raise _no_cluster(error, known=False) from error


def context_name(kubeconfig: str | Path | None = None, context: str | None = None) -> str:
    """Return the name of the context that is used; empty in a pod, and where there is none."""
    from kubernetes import config

    if context is not None:
        return context
    if kubeconfig is None and in_cluster():
        return ""
    try:
        return str(_context(kubeconfig, None).get("name") or "")
    except (config.ConfigException, OSError, AttributeError):
        return ""


def _file(kubeconfig: str | Path | None) -> str | None:
    """Return the file, or several as the variable has them; the client reads the variable only when it is imported."""
    return str(kubeconfig) if kubeconfig is not None else os.environ.get("KUBECONFIG") or None


def _context(kubeconfig: str | Path | None, context: str | None) -> Mapping[str, Any]:
    from kubernetes import config

    if context is not None:
        return next((each for each in _contexts(kubeconfig) if each.get("name") == context), {})
    read: Callable[..., tuple[list[dict[str, Any]], dict[str, Any]]] = config.list_kube_config_contexts
    return read(_file(kubeconfig))[1]


def _contexts(kubeconfig: str | Path | None) -> list[Mapping[str, Any]]:
    """Return the contexts of the kubeconfig. The client's own list wants one of them to be the present one."""
    from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigMerger

    read: Callable[[str], Any] = KubeConfigMerger
    merged = read(_file(kubeconfig) or KUBE_CONFIG_DEFAULT_LOCATION).config
    return [each.value for each in merged["contexts"]] if merged is not None else []


def _no_cluster(error: Exception, *, known: bool) -> ConfigError:
    """Return the error for a configuration that cannot be used; what is not ``known`` is one of its forms."""
    words = " ".join(str(error).split())[:300]
    if not known or isinstance(error, ssl.SSLError):
        words = f"the kubeconfig is damaged ({type(error).__name__}: {words})"
    return ConfigError(f"no cluster can be reached: {words}", hint=NAME_ONE, reason=NO_CLUSTER)


def in_cluster() -> bool:
    """Return whether this process runs in a pod."""
    return "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ
