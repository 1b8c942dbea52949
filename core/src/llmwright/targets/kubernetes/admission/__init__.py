"""The admission webhook: what ``check`` has against a Workspace is said while it is applied.

Every operator process serves, leading or not: it issues itself a short-lived certificate (``certificates``), has the
API server trust it (``registration``, ``rotation``), and answers AdmissionReviews (``server``, ``review``) with the
verdict of the same ``check`` as the command line (``verdict``). Nothing depends on it: what gets past it is refused
in the Workspace's status. No rule belongs here, and nothing that a network or another object decides.
"""
