"""Files and images that come in and go out: safe downloads, and adapters and models as OCI images.

``addresses`` and ``networks`` decide, without I/O, which URL may be read. Only ``wire`` opens connections, and it keeps
them to that decision. ``download`` fetches files. ``adapter_image`` and ``model_image`` make images; ``image_push``
and ``image_pull`` carry them over ``oci_registry``, with the user's Docker credentials. Workload processes use the same
through ``python -m llmwright.artifacts``. This room knows nothing of Workspaces, plans or settings: callers pass values
in. The meaning of a downloaded file (a data set, a row of it) does not belong here.
"""
