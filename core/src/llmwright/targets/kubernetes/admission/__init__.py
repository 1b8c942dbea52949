"""The admission webhook: it runs ``check`` on a Workspace while the user applies it.

Every operator process serves, whether it leads or not. It issues itself a short-lived certificate (``certificates``),
replaces it in time (``certificate_rotation``), and has the API server trust it (``webhook_configuration``). It answers
AdmissionReviews (``https_server``, ``admission_review``) with the result of the same ``check`` as the command line
(``validation``). Nothing depends on the webhook: a pass refuses in the status what the webhook did not see.

No rule belongs here, and no decision that needs the network or another object.
"""
