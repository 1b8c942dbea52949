"""The Jobs of a Workspace: tuning, and the preflight before nodes are bought."""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests.object_metadata import metadata, workload_annotations
from llmwright.targets.kubernetes.manifests.object_names import preflight_job_name
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput

PREFLIGHT_RETRIES = 2


def tuning_job(source: RenderInput, launch_digest: str, pod: Manifest) -> Manifest:
    """Return the Job that fetches data, tunes and delivers, on the nodes that were bought for it."""
    return _job(source, source.name, launch_digest, {"template": pod})


def preflight_job(source: RenderInput, launch_digest: str, pod: Manifest) -> Manifest:
    """Return the Job that checks all that can be known before a node is bought."""
    spec = {"backoffLimit": PREFLIGHT_RETRIES, "template": pod}
    return _job(source, preflight_job_name(source.name), launch_digest, spec)


def _job(source: RenderInput, name: str, launch_digest: str, spec: Manifest) -> Manifest:
    about = metadata(source, name, workload_annotations(source, launch_digest))
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": about, "spec": spec}
