"""The shipped oTree project on a real server, started once for all tests that ask for it."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from bots.adapters.otree_server import OTreeServer, ServerPlan

# What a developer has in the environment must not reach the server under test.
NEUTRAL = dict.fromkeys(("DATABASE_URL", "OTREE_AUTH_LEVEL", "OTREE_REST_KEY", "OTREE_ADMIN_PASSWORD"), "")


LOG_LINES = 150


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show, with a test that failed, what the server wrote last."""
    report = yield
    server = getattr(item, "funcargs", {}).get("market_server")
    if report.failed and isinstance(server, OTreeServer):
        lines = server.log.read_text(encoding="utf-8", errors="replace").splitlines()
        report.sections.append(("oTree server's log", "\n".join(lines[-LOG_LINES:])))
    return report


@pytest.fixture(scope="session")
def market_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OTreeServer]:
    """The shipped project in production mode, with timeout worker, on a throw-away PostgreSQL.

    Sessions are made with `await market_server.rest.create_session("demo", 6, modified={...})`.
    """
    log = tmp_path_factory.mktemp("market-server") / "server.log"
    plan = ServerPlan(env=NEUTRAL | {"OTREE_PRODUCTION": "1"}, log=log)
    with OTreeServer.start_blocking(plan) as server:
        yield server
