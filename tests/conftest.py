"""Fixtures every area may ask for, and what every test with examples is held to."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.fixtures_server"]

# How long an example takes, or its making, says how busy the machine is; pytest ends what hangs.
settings.register_profile(
    "any-speed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-speed")
