"""Nodes by Karpenter's API: NodeClaims of our own (``nodeclaim``), or a static NodePool per Workspace (``nodepool``).

Any controller of Karpenter's API may stand behind it: Karpenter with a cloud's provider, or KAITO's gpu-provisioner
for the first way. Decisions are pure and read the target's caches; ``client.py`` alone talks to the API server, through
``karpenter_client``, which is generated from that server's OpenAPI document (``client/generate.py``) and not edited.
What pods look like and when they start does not belong here.
"""
