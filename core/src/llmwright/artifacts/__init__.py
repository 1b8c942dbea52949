"""Files and images that come in and go out: safe downloads, and adapters as OCI images.

``addresses`` and ``networks`` decide, without I/O, which URL may be read. Only ``wire`` opens connections, and it keeps
them to that decision. ``download`` fetches files. ``adapter_image`` packs, pushes and pulls images over
``oci_registry``, with the user's Docker credentials. Workload processes use the same through
``python -m llmwright.artifacts``. This room knows nothing of Workspaces, plans or settings: callers pass values in.
The meaning of a downloaded file (a data set, a model) does not belong here.
"""
