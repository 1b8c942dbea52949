"""The Workspace as the user writes it, in both versions, its positions in the YAML and the CRD's schema.

No rules beyond a field's own type and enum live here, and what the CRD says of them in CEL; all others are ``check``'s.
"""
