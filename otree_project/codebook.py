"""What the columns of the project's exports mean, and in which unit: itself an export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

_TRADED = "cash per share or unit"
_PRICE = "cash (per share or unit traded)"

COLUMNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "session": ("oTree's code of the session", ""),
        "market": ("Market of the session, by group of traders, from 1", ""),
        "phase": ("practice (reset, does not count) or paid", ""),
        "in_a_row": ("Which of the paid markets that the same traders play in a row; 1 in practice", ""),
        "round": ("Round of the phase, or of the paid market, from 1; a period in a double auction", ""),
        "overall": ("Round of the session, practice included, from 1", ""),
        "participant": ("oTree's code of the participant; never a label", ""),
        "seat": ("Participant's number in the session, from 1", ""),
        "trader": ("Participant's number in its market, from 1; types of traders take turns by it", ""),
        # Messages and orders
        "received": ("When the server received it", "UTC, ISO 8601"),
        "second": ("Time since the period opened", "seconds"),
        "ref": ("The sender's own name for the message", ""),
        "kind": ("place, cancel or malformed", ""),
        "side": ("buy or sell", ""),
        "quantity": ("Shares ordered, as sent; traded, among trades; waiting, in the book", "shares"),
        "limit": ("Limit price, as sent", _TRADED),
        "outcome": ("placed, cancelled or refused", ""),
        "codes": ("Why it was refused, by code", ""),
        "order_id": ("Number of the order in its market, rising with time", ""),
        "cancelled": ("When a placed order was cancelled; empty: it was not", "UTC, ISO 8601"),
        "filled": ("Shares of the order that traded", "shares"),
        # Trades and the book of a double auction
        "trade": ("Number of the trade in its period, from 1", ""),
        "buyer": ("Participant who bought", ""),
        "seller": ("Participant who sold", ""),
        "buyer_seat": ("Seat of the buyer", ""),
        "seller_seat": ("Seat of the seller", ""),
        "bid_id": ("Order that bought", ""),
        "offer_id": ("Order that sold", ""),
        "resting": ("Side whose order was there first and set the price", ""),
        "step": ("Number of the change of the book in its period, from 1", ""),
        "best_bid": ("Highest bid after it; empty: none", _TRADED),
        "best_offer": ("Lowest offer after it; empty: none", _TRADED),
        # Rounds
        "price": (
            "Price of the round; of the trade or level in tables of those; of the forecast round among "
            "forecasts. Empty: none, or not known yet",
            _PRICE,
        ),
        "volume": ("Shares that changed hands", "shares"),
        "trades": ("Number of trades", ""),
        "dividend": ("Dividend drawn", "cash per share"),
        "fundamental_value": (
            "Fundamental value before trading; empty in practice and of units",
            "cash per share",
        ),
        "traders": ("Traders in the market", ""),
        "shares_outstanding": ("Shares held by all traders together", "shares"),
        "cash_before": ("Cash before trading, of the trader or of all", "cash"),
        "cash_after": ("Cash after trading, interest and dividends, of the trader or of all", "cash"),
        "orders_placed": ("Orders accepted, those cancelled later included", ""),
        "orders_cancelled": ("Orders cancelled", ""),
        "orders_refused": ("Orders refused", ""),
        "shares_before": ("Shares before trading", "shares"),
        "shares_after": ("Shares after trading", "shares"),
        "bought": ("Shares bought", "shares"),
        "sold": ("Shares sold", "shares"),
        "interest": ("Interest received", "cash"),
        "dividends": ("Dividends received", "cash"),
        "unit_side": ("buy or sell: which way a trader's units trade, with induced values and costs", ""),
        "units": ("Values or costs of a trader's units, in the sequence in which they trade", "cash each"),
        "earnings": ("With induced values and costs: what the units traded earned", "cash"),
        "forecast_reward": ("Reward for forecasts of this round's price", "cash"),
        "trade_timed_out": ("1: the trade page was left by its timer", ""),
        "forecast_timed_out": ("1: the forecast page was left by its timer", ""),
        # Forecasts
        "horizon": ("Rounds ahead; 0 is the round in which the forecast was made", "rounds"),
        "forecast_round": ("Round whose price is forecast", ""),
        "forecast": ("The forecast", _PRICE),
        "reward": ("What the forecast earned", "cash"),
        # Payments
        "label": ("Participant's label, as in the room; this table alone has it", ""),
        "payoff_points": ("Payoff of all paid markets", "cash"),
        "payoff": ("Payoff: of a round, in cash; in the table of payments, in currency", "cash or currency"),
        "fee": ("Fee for taking part", "currency"),
        "total": ("What is paid, fee included", "currency"),
        "finished": ("1: the last page was reached", ""),
    }
)
"""Column → what it means, and its unit. Amounts are exact decimal text."""


def codebook() -> Iterator[list[str]]:
    """Yield the codebook as a table."""
    yield ["column", "meaning", "unit"]
    for column, (meaning, unit) in COLUMNS.items():
        yield [column, meaning, unit]
