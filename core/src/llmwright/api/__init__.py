"""The Workspace as the user writes it, in both versions, its positions in the YAML, and the CRD.

The only rules here are a field's own type and enum, and the CRD's rules in CEL. All other rules belong to ``check``.
"""
