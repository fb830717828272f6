"""Tables of runs, column by column: the schema tables are made with, and the codebook readers get.

Amounts are in cash (points), prices in cash per share, quantities in shares. Where units have values and
costs they stand in the place of shares; where forecasts alone make the price nothing is traded, and prices
and forecasts are plain cash. Numbers are 64-bit floats, fit for statistics; the exact decimals stand in the
journal. Times are UTC. An empty cell (null) means not known or not applicable, never 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import polars as pl


class Kind(Enum):
    """Types of columns."""

    TEXT = pl.String()
    WHOLE = pl.Int64()
    NUMBER = pl.Float64()
    FLAG = pl.Boolean()
    TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it says, in which unit."""

    name: str
    kind: Kind
    about: str
    unit: str = ""


@dataclass(frozen=True)
class TableSpec:
    """One table: what a row is, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @cached_property
    def schema(self) -> dict[str, pl.DataType]:
        """The columns' types, in order."""
        return {column.name: column.kind.value for column in self.columns}


_TEXT, _WHOLE, _NUMBER, _FLAG, _TIME = Kind.TEXT, Kind.WHOLE, Kind.NUMBER, Kind.FLAG, Kind.TIME
_SHARE, _UNIT = "cash per share", "cash per unit"
_TRADED = "cash per share or unit"
_PRICE = "cash (per share or unit traded)"
_IN_BOOK = "in the book at clearing; in a double auction, at the close of the period"
_AS_IF = "in practice, what it would have"
_ALL_SENT = "those taken back or traded included"

RUN = (
    Column("run", _TEXT, "Name of the run folder, e.g. run-3"),
    Column("run_id", _TEXT, "Name of the run, unique among all runs"),
)
MARKET = (*RUN, Column("market", _WHOLE, "Market within the session, from 1"))
SEAT = (
    *MARKET,
    Column("seat", _WHOLE, "Seat of the bot, 1 for the first link of the run's bots; null for people"),
    Column("participant", _TEXT, "Participant code of oTree"),
    Column("is_bot", _FLAG, "Whether a bot of this run sat there"),
    Column("trader_kind", _TEXT, "model, strategy or person"),
    Column("trader", _TEXT, "Model (provider:model) or strategy as asked for; person for people"),
    Column("model", _TEXT, "Model as asked for (provider:model); null for strategies and people"),
    Column("strategy", _TEXT, "Strategy of the literature; null for models and people"),
    Column("persona", _TEXT, "Persona the model was given; null where it had none"),
)
ROUND = (
    Column("phase", _TEXT, "practice or paid"),
    Column("round", _WHOLE, "Round within the phase, from 1; paid markets in a row are numbered through"),
    Column("overall", _WHOLE, "Round within the session, practice included, from 1"),
)

_RUNS = TableSpec(
    "runs",
    "run",
    (
        *RUN,
        Column("model", _TEXT, "Model name the run was started with"),
        Column("notes", _TEXT, "Notes of the user"),
        Column("production", _FLAG, "Kept as a production run"),
        Column("started", _TIME, "Start of the run"),
        Column("ended", _TIME, "End of the run"),
        Column("outcome", _TEXT, "finished, seats-failed, timed-out, interrupted, failed or running"),
        Column("reason", _TEXT, "Why it did not finish"),
        Column("subjects", _WHOLE, "Participants of the session", "participants"),
        Column("bots", _WHOLE, "Participants played by this run's bots", "participants"),
        Column("practice_rounds", _WHOLE, "Practice rounds planned", "rounds"),
        Column("paid_rounds", _WHOLE, "Paid rounds planned, of each paid market", "rounds"),
        Column("fallback", _TEXT, "Strategy that acts where a decision fails"),
        Column("seed", _WHOLE, "Seed of seats and traders' draws"),
        Column("commit", _TEXT, "Commit of the code; + marks uncommitted changes"),
    ),
)
_MARKET_ROUNDS = TableSpec(
    "market_rounds",
    "market and round",
    (
        *MARKET,
        *ROUND,
        Column("price", _NUMBER, "Price of the round; null where the rules say it has none", _PRICE),
        Column("volume", _WHOLE, "Shares that changed hands", "shares"),
        Column("fundamental", _NUMBER, "Fundamental value in the round; of paid rounds", _PRICE),
        Column("dividend", _NUMBER, "Dividend drawn", _SHARE),
        Column("traders", _WHOLE, "Traders in the market", "traders"),
        Column(
            "shares",
            _NUMBER,
            "Shares outstanding; without oTree's tables people count as the mean bot",
            "shares",
        ),
        Column("bots", _WHOLE, "Traders of the market that are bots of this run", "traders"),
        Column("bids", _WHOLE, f"Shares bid {_IN_BOOK}", "shares"),
        Column("offers", _WHOLE, f"Shares offered {_IN_BOOK}", "shares"),
        Column("bid_orders", _WHOLE, f"Bids {_IN_BOOK}", "orders"),
        Column("offer_orders", _WHOLE, f"Offers {_IN_BOOK}", "orders"),
        Column("best_bid", _NUMBER, f"Highest bid {_IN_BOOK}; null: none", _TRADED),
        Column("best_offer", _NUMBER, f"Lowest offer {_IN_BOOK}; null: none", _TRADED),
        Column("bids_submitted", _WHOLE, f"Bids accepted in the round, {_ALL_SENT}", "orders"),
        Column("offers_submitted", _WHOLE, f"Offers accepted in the round, {_ALL_SENT}", "orders"),
        Column(
            "equilibrium",
            _NUMBER,
            "Competitive price (the middle of several), of units with values and costs",
            _UNIT,
        ),
        Column("surplus", _NUMBER, "What the units traded earned all traders together", "cash"),
        Column("surplus_possible", _NUMBER, "The most that they could have earned", "cash"),
        Column("efficiency", _NUMBER, "Allocative efficiency, surplus / possible surplus", "share"),
        Column("smith_alpha", _NUMBER, "Smith's α of the round's trades about the equilibrium", "%"),
    ),
)
_TRADER_ROUNDS = TableSpec(
    "trader_rounds",
    "trader and round",
    (
        *SEAT,
        *ROUND,
        Column("bought", _WHOLE, "Shares bought", "shares"),
        Column("sold", _WHOLE, "Shares sold", "shares"),
        Column("price", _NUMBER, "Price of the round", _PRICE),
        Column("interest", _NUMBER, "Interest received", "cash"),
        Column("dividends", _NUMBER, "Dividends received", "cash"),
        Column("cash", _NUMBER, "Cash after the round", "cash"),
        Column("shares", _WHOLE, "Shares after the round", "shares"),
        Column("wealth", _NUMBER, "Cash + shares at the fundamental value of the next round", "cash"),
        Column("forecast_earnings", _NUMBER, f"Earned by forecasts of the round's price; {_AS_IF}", "cash"),
    ),
)
_TRADERS = TableSpec(
    "traders",
    "trader",
    (
        *SEAT,
        Column("outcome", _TEXT, "finished, failed, timed-out, interrupted or running; of bots"),
        Column("reason", _TEXT, "Why the seat did not finish"),
        Column("endowment_cash", _NUMBER, "Cash at the start of a phase", "cash"),
        Column("endowment_shares", _WHOLE, "Shares at the start of a phase", "shares"),
        Column("final_cash", _NUMBER, "Cash after the last paid round, buy-back not included", "cash"),
        Column("final_shares", _WHOLE, "Shares after the last paid round", "shares"),
        Column(
            "final_wealth",
            _NUMBER,
            "Final cash + buy-back · final shares; what units earned in the last market, at least 0",
            "cash",
        ),
        Column(
            "expected_wealth",
            _NUMBER,
            "Expected final wealth of a trader who never trades, in one paid market",
            "cash",
        ),
        Column("forecast_earnings", _NUMBER, "Earned by forecasts in the last paid market", "cash"),
        Column("payoff", _NUMBER, "Payoff with the participation fee", "currency of the session"),
        Column("orders", _WHOLE, "Orders placed", "orders"),
        Column("refused", _WHOLE, "Orders the server refused", "orders"),
        Column("decisions", _WHOLE, "Trade and forecast decisions", "decisions"),
        Column("fallbacks", _WHOLE, "Decisions made by the declared fallback", "decisions"),
        Column("missed", _WHOLE, "Pages whose time was over before the trader acted", "pages"),
        Column("calls", _WHOLE, "Requests to a model", "requests"),
        Column("input_tokens", _WHOLE, "Sum over requests that told it", "tokens"),
        Column("output_tokens", _WHOLE, "Sum over requests that told it", "tokens"),
        Column("cost_usd", _NUMBER, "Sum over requests that told it", "US dollars"),
    ),
)
_ORDERS = TableSpec(
    "orders",
    "order sent",
    (
        *SEAT,
        *ROUND,
        Column("ref", _TEXT, "The trader's name for the order, unique in a run"),
        Column("order_id", _WHOLE, "The server's number for the order; null where it was not placed"),
        Column("side", _TEXT, "buy or sell"),
        Column("quantity", _WHOLE, "Shares ordered", "shares"),
        Column("limit", _NUMBER, "Limit price", _TRADED),
        Column("status", _TEXT, "placed, refused, cancelled or unanswered"),
        Column(
            "filled",
            _WHOLE,
            "Shares filled; null where not known; of bots in a call market by price, then time",
            "shares",
        ),
        Column("standing", _WHOLE, f"Shares of it {_IN_BOOK}; null where not known", "shares"),
        Column("price", _NUMBER, "Price of the round", _TRADED),
        Column("words", _TEXT, "The server's words"),
        Column("sent", _TIME, "When it was sent; of people, when the server had it"),
        Column("seconds", _NUMBER, "Until the server's answer", "seconds"),
    ),
)
_TRADES = TableSpec(
    "trades",
    "trader's side of a trade; in a call market, all it traded on one side in a round",
    (
        *SEAT,
        *ROUND,
        Column("trade", _WHOLE, "Number of the trade in its period of a double auction, from 1"),
        Column("side", _TEXT, "buy or sell"),
        Column("quantity", _WHOLE, "Shares traded", "shares"),
        Column("price", _NUMBER, "Price paid or received; null where not known", _TRADED),
        Column("fundamental", _NUMBER, "Fundamental value in the round; of paid rounds", _SHARE),
    ),
)
_FORECASTS = TableSpec(
    "forecasts",
    "forecast given",
    (
        *SEAT,
        *ROUND,
        Column("horizon", _WHOLE, "Rounds ahead; 0 is this round", "rounds"),
        Column("target_round", _WHOLE, "Round within the phase whose price is forecast"),
        Column("forecast", _NUMBER, "Price forecast", _PRICE),
        Column("price", _NUMBER, "Price that came", _PRICE),
        Column("error", _NUMBER, "Forecast - price", _PRICE),
        Column("hit", _FLAG, "Within the session's tolerance"),
        Column("reward", _NUMBER, f"What it earned; {_AS_IF}", "cash"),
    ),
)
_DECISIONS = TableSpec(
    "decisions",
    "decision",
    (
        *SEAT,
        *ROUND,
        Column("decision", _TEXT, "Name of the decision, unique in a run"),
        Column("page", _TEXT, "trade or forecast"),
        Column("made", _TIME, "When it was made"),
        Column("by", _TEXT, "Who made it: the trader or the declared fallback"),
        Column("fallback", _FLAG, "Whether the declared fallback made it"),
        Column("failure", _TEXT, "How the trader's own decision failed; null where it did not"),
        Column("failure_reason", _TEXT, "Why it failed, in words"),
        Column("seconds", _NUMBER, "From seeing the page to the decision", "seconds"),
        Column("orders", _WHOLE, "Orders decided on", "orders"),
        Column("cancels", _WHOLE, "Own orders to be taken back", "orders"),
        Column("forecasts", _WHOLE, "Forecasts decided on", "forecasts"),
        Column("plan", _TEXT, "Plan carried to later rounds, in the model's words"),
        Column("insight", _TEXT, "Insight carried to later rounds, in the model's words"),
        Column("reasoning", _TEXT, "Reasons given, in the model's words"),
        Column("content", _TEXT, "The whole decision as JSON, amounts exact"),
    ),
)
_MODEL_CALLS = TableSpec(
    "model_calls",
    "request to a model",
    (
        *SEAT,
        *ROUND,
        Column("decision", _TEXT, "Decision the request belongs to"),
        Column("attempt", _WHOLE, "From 1; asking again or repeating is the next one"),
        Column("asked", _TIME, "When it was sent"),
        Column("model", _TEXT, "Model asked for"),
        Column("served_model", _TEXT, "Model that answered, as its provider names it"),
        Column("parameters", _TEXT, "Parameters sent, as JSON"),
        Column("seconds", _NUMBER, "Until the whole reply was there", "seconds"),
        Column("input_tokens", _WHOLE, "Tokens read", "tokens"),
        Column("output_tokens", _WHOLE, "Tokens written", "tokens"),
        Column("cached_tokens", _WHOLE, "Tokens read from the provider's cache", "tokens"),
        Column("reasoning_tokens", _WHOLE, "Tokens of hidden reasoning", "tokens"),
        Column("cost_usd", _NUMBER, "Cost; null where not known", "US dollars"),
        Column("error", _TEXT, "What went wrong; null where a reply came"),
        Column("prompt_hash", _TEXT, "Hash of the whole prompt"),
        Column("prompt", _TEXT, "Messages of this request that no earlier attempt holds"),
        Column("reply", _TEXT, "Reply as it came"),
    ),
)
_PAGES = TableSpec(
    "pages",
    "page seen",
    (
        *SEAT,
        *ROUND,
        Column("seen", _TIME, "When the trader saw it"),
        Column("page", _TEXT, "Name of the page"),
        Column("kind", _TEXT, "market, form, wait, end or broken"),
        Column("location", _TEXT, "Path of its address"),
        Column("seconds_left", _NUMBER, "Of the page's timer", "seconds"),
        Column("missed", _TEXT, "Why the trader did not act in time; null where it did"),
        Column("errors", _TEXT, "The page's words about a refused form"),
        Column("text", _TEXT, "Text of pages that are not the market's own"),
    ),
)
_MEASURES = TableSpec(
    "measures",
    "market and measure, over paid rounds; of markets in a row, their mean",
    (
        *MARKET,
        Column("treatment", _TEXT, "Model name the run was started with"),
        Column("measure", _TEXT, "Name of the measure"),
        Column("label", _TEXT, "The measure as papers write it"),
        Column("value", _NUMBER, "Null where not defined"),
        Column("unit", _TEXT, "Unit of the value"),
        Column("reason", _TEXT, "Why it is not defined"),
    ),
)

TABLES: Mapping[str, TableSpec] = {
    spec.name: spec
    for spec in (
        *(_RUNS, _MARKET_ROUNDS, _TRADER_ROUNDS, _TRADERS, _ORDERS, _TRADES, _FORECASTS),
        *(_DECISIONS, _MODEL_CALLS, _PAGES, _MEASURES),
    )
}
"""Every table of a run by name."""


def codebook() -> pl.DataFrame:
    """Return one row a column of every table: table, column, type, unit, meaning."""
    rows = [
        {
            "table": spec.name,
            "row_is_a": spec.row,
            "column": column.name,
            "type": _type(column),
            "unit": column.unit,
            "meaning": column.about,
        }
        for spec, column in _columns()
    ]
    return pl.DataFrame(rows)


def codebook_markdown() -> str:
    """Return the codebook as Markdown, one section a table."""
    parts = ["# Codebook\n", " ".join((__doc__ or "").split("\n\n", 1)[1].split()) + "\n"]
    for spec in TABLES.values():
        parts.append(f"\n## {spec.name}\n\nOne row is one {spec.row}.\n\n| column | type | unit | meaning |")
        parts.append("|---|---|---|---|")
        parts += [f"| `{c.name}` | {_type(c)} | {c.unit} | {c.about} |" for c in spec.columns]
    return "\n".join(parts) + "\n"


def _columns() -> Iterator[tuple[TableSpec, Column]]:
    return ((spec, column) for spec in TABLES.values() for column in spec.columns)


def _type(column: Column) -> str:
    return {
        _TEXT: "text",
        _WHOLE: "whole number",
        _NUMBER: "number",
        _FLAG: "true or false",
        _TIME: "time (UTC)",
    }[column.kind]
