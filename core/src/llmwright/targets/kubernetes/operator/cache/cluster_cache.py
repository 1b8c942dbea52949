"""All caches of one operator, put together."""

from __future__ import annotations

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_resources import WORKSPACES
from llmwright.targets.kubernetes.cluster.informer import Selection
from llmwright.targets.kubernetes.cluster.workqueue import Workqueue
from llmwright.targets.kubernetes.operator.cache.children import Children
from llmwright.targets.kubernetes.operator.cache.enqueue import Enqueue
from llmwright.targets.kubernetes.operator.cache.informer_set import InformerSet
from llmwright.targets.kubernetes.operator.cache.interest_index import InterestIndex
from llmwright.targets.kubernetes.operator.cache.projection import project
from llmwright.targets.kubernetes.operator.cache.provisioner_snapshot import ClusterSnapshot
from llmwright.targets.kubernetes.operator.memory import Memory


class ClusterCache:
    """Whole Workspaces, their children, and what provisioners read; ``enqueue`` calls for passes when they change."""

    def __init__(self, api: Api, queue: Workqueue, memory: Memory) -> None:
        self.index = InterestIndex()
        self.enqueue = Enqueue(queue, self.index)
        self.informers = InformerSet(api)
        self.workspaces = self.informers.need(
            Selection(resource=WORKSPACES, trim=project), self.enqueue.workspace
        ).store
        self.children = Children(self.informers, self.enqueue)
        self.snapshot = ClusterSnapshot(self.informers, self.enqueue, self.index, memory)
