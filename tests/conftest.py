"""Fixtures every area may ask for."""

pytest_plugins = ["tests.fixtures_server"]
