"""Settings that every test has."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.left_out"]

# A busy machine is slow and not wrong: an example has no time limit of its own, only its test has one.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
