"""Files and images that come in and go out: safe downloads, and adapters as OCI images.

``addresses`` and ``networks`` decide, without I/O, which URL may be read; ``wire`` is the one place that opens
connections and holds them to that decision; ``download`` fetches files; ``oci`` packs, pushes and pulls images over
``registry``, with the user's Docker credentials. ``python -m llmwright.artifacts`` is the same for workload
processes. It knows nothing of Workspaces, plans or settings: callers pass values in. What a downloaded file means
(a data set, a model) does not belong here.
"""
