"""Models of every provider against a local server that speaks its protocol."""

from __future__ import annotations

import logging
import sys
import time
import traceback

import pytest

from bots.adapters.clock import SystemClock
from bots.adapters.models.catalogue import Catalogue
from bots.domain.errors import DecisionFailed, UserMustMend
from bots.domain.market import Decision
from bots.domain.records import EVENTS, Event, ModelAsked, ModelReplied
from bots.services.trader_checks import check_parameters
from bots.services.trader_specs import resolve
from bots.services.traders import Traders
from tests.agents.sights import sight, situation
from tests.models.asking import KEY, ONE_A_PROVIDER, ask
from tests.standins.model_server import SERVED_MODEL, Fault, ModelServer, repaired_answer

MODELS = [
    "gpt-4o",
    "gpt-3.5",
    "gpt-5",
    "claude-sonnet-4-6",
    "mistral-large",
    "gemini-2.5-pro",
    "grok-4",
    "local",
]


@pytest.mark.parametrize("page", ["trade", "forecast"])
@pytest.mark.parametrize("model", MODELS)
async def test_model_of_every_provider_decides_and_its_exchange_is_recorded(
    model: str, page: str, server: ModelServer, catalogue: Catalogue
) -> None:
    made, events = await ask(model, server, catalogue, page=page)
    assert isinstance(made, Decision), made
    assert len(made.orders if page == "trade" else made.forecasts) == (1 if page == "trade" else 4)
    asked, replied = events
    assert isinstance(asked, ModelAsked)
    assert isinstance(replied, ModelReplied)
    assert asked.model == resolve(model, catalogue).name
    assert replied.served_model == SERVED_MODEL
    assert (replied.usage.input_tokens, replied.usage.output_tokens) == (900, 60)
    assert replied.usage.cost_usd is not None
    assert "The price looks fair." in str(replied.reply)
    assert not server.asked[0].body.get("stream")


@pytest.mark.parametrize(
    ("model", "extra"),
    [
        ("gpt-4o", "openai"),
        ("grok-4", "openai"),
        ("claude-sonnet-4-6", "anthropic"),
        ("mistral-large", "mistral"),
        ("gemini-2.5-pro", "google"),
    ],
)
async def test_model_whose_library_is_missing_is_told_before_a_run_with_the_extra_that_brings_it(
    model: str, extra: str, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"pydantic_ai.models.{extra}", None)
    with pytest.raises(UserMustMend, match=rf"llm-trading-agents\[{extra}\]"):
        await check_parameters([resolve(model, catalogue)], catalogue)


@pytest.mark.parametrize("model", ONE_A_PROVIDER)
async def test_model_of_every_provider_repairs_an_order_it_is_told_about(
    model: str, server: ModelServer, catalogue: Catalogue
) -> None:
    server.answer = repaired_answer
    made, _ = await ask(model, server, catalogue)
    assert isinstance(made, Decision)
    assert len(server.asked) == 2


@pytest.mark.parametrize("model", ONE_A_PROVIDER)
async def test_key_is_found_nowhere(
    model: str, server: ModelServer, catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    environment = server.environment(KEY)
    server.script = [Fault.BROKEN, Fault.KEY_REFUSED]
    async with Traders(catalogue, environment, SystemClock()) as traders:
        trader = traders.build(resolve(model, catalogue), seed=1)
        events: list[Event] = []
        with pytest.raises(DecisionFailed) as failed:
            await trader.decide(situation(sight()), time.monotonic() + 5, events.append)
        everything = [
            *(EVENTS.dump_json(event).decode() for event in events),
            *(f"{vars(record)}" for record in caplog.records),
            repr(trader),
            repr(vars(trader)),
            repr(traders),
            repr(vars(traders)),
            repr(failed.value),
            _our_frames(failed.value),
        ]
    assert any(KEY in str(asked.headers) for asked in server.asked)
    assert "[key]" in "".join(everything)
    assert not [text for text in everything if KEY in text]


def _our_frames(error: BaseException) -> str:
    """The traceback below the test, with every local variable and every chained error."""
    told: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        frames = traceback.TracebackException.from_exception(
            seen, capture_locals=True, max_group_width=0
        ).stack
        told += [f"{frame.name} {frame.locals}" for frame in frames if "/tests/" not in frame.filename]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\n".join(told)


async def test_library_that_turned_its_log_on_is_quiet_again(
    server: ModelServer, catalogue: Catalogue
) -> None:
    async with Traders(catalogue, server.environment(KEY), SystemClock()) as traders:
        traders.build(resolve("gpt-4o", catalogue), 1)
        logging.getLogger("openai").setLevel(logging.DEBUG)
        traders.build(resolve("gpt-4.1", catalogue), 1)
        assert not logging.getLogger("openai._base_client").isEnabledFor(logging.INFO)


async def test_key_that_a_reply_repeats_is_cut_out(server: ModelServer, catalogue: Catalogue) -> None:
    server.script = [f"Your key is {KEY}."] * 3
    _, events = await ask("gpt-4o", server, catalogue)
    assert KEY not in "".join(event.model_dump_json() for event in events)
