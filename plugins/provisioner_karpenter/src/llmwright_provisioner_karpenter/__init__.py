"""Nodes through Karpenter's API: own NodeClaims (``nodeclaim``), or a static NodePool per Workspace (``nodepool``).

Any controller of Karpenter's API may act on them: Karpenter with a cloud's provider, or KAITO's gpu-provisioner
for the first mode. Decisions are pure and read the target's caches. Only ``client.py`` talks to the API server, through
``karpenter_client``, which ``client/generate.py`` makes from that server's OpenAPI document: do not edit it. Pods, and
when they start, do not belong here.
"""
