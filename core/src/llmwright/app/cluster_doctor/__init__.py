"""The cluster, as the doctor sees it: reach, definition of Workspaces, rights, operator, GPUs, kinds and images."""

from llmwright.app.cluster_doctor.examination import ClusterExamination, cluster_or_none

__all__ = ["ClusterExamination", "cluster_or_none"]
