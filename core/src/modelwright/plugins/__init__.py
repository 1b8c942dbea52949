"""Where plugins meet the core: driver base classes, hook specifications, and the one registry.

Only ``registry`` imports stevedore and pluggy. A driver is chosen by a name the user wrote and is answered by exactly
one plugin; a hook may be answered by any number.
"""
