"""Figures of a run, at the size of a journal's column."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bots.analysis.market_path import MarketRound, market_rounds
from bots.analysis.played import PlayedRun
from bots.analysis.surplus import equilibrium_price

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PRICE = "#1f5fa8"
_FUNDAMENTAL = "#b4532a"
_INK = "#2b2f36"
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.edgecolor": "#8a9099",
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "svg.hashsalt": "price-and-volume",
}


def price_and_volume(run: PlayedRun, folder: Path) -> tuple[Path, ...]:
    """Draw each market's price against its fundamental value or equilibrium above, its volume below.

    Args:
        run: one of whose markets has finished a round at least.
        folder: where `price-and-volume.png`, `.svg` and `.pdf` go; of several markets, with their numbers.
            `price.png` and so on where forecasts alone make the price, and nothing is traded.

    Returns:
        The files written; none where no round was finished.
    """
    several = len(run.markets) > 1
    alone = run.rules is not None and run.rules.forecasts_alone
    about = "price" if alone else "price-and-volume"
    files: list[Path] = []
    for market in run.markets:
        if rounds := market_rounds(run, market):
            name = f"{about}-market-{market}" if several else about
            files += _write(rounds, equilibrium_price(run, market), folder / name, traded=not alone)
    return tuple(files)


def _write(
    rounds: Sequence[MarketRound], equilibrium: float | None, name: Path, *, traded: bool
) -> tuple[Path, ...]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(6.3, 3.9), layout="constrained")
        if traded:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.6, 1))
            _draw_prices(upper, rounds, equilibrium)
            _mark_trade(upper, rounds)
            _draw_volumes(lower, rounds, unit="shares" if equilibrium is None else "units")
        else:
            upper = lower = figure.subplots()
            _draw_prices(upper, rounds, equilibrium)
            upper.set_ylabel("Price")
        _legend(upper)
        _name_rounds(lower, rounds)
        figure.align_ylabels()
        files = tuple(name.with_name(f"{name.name}.{kind}") for kind in ("png", "svg", "pdf"))
        for file in files:
            figure.savefig(file, dpi=200, metadata=_undated(file))
    return files


def _undated(file: Path) -> dict[str, None]:
    """Leave the time of drawing out, so that the same run gives the same file."""
    return {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(file.suffix, {})


def _draw_prices(axes: Axes, rounds: Sequence[MarketRound], equilibrium: float | None) -> None:
    """Draw practice on grey ground; practice rounds have no fundamental value."""
    places = range(1, len(rounds) + 1)
    _shade_practice(axes, rounds, name="Practice")
    if equilibrium is not None:
        axes.axhline(equilibrium, color=_FUNDAMENTAL, lw=1.3, label="Equilibrium price")
    elif any(one.fundamental is not None for one in rounds):
        told = _floats([one.fundamental for one in rounds])
        axes.plot(places, told, color=_FUNDAMENTAL, lw=1.3, label="Fundamental value")
    prices = _floats([r.price for r in rounds])
    for phase in ("practice", "paid"):
        xs = [x for x, r in zip(places, rounds, strict=True) if r.phase == phase]
        ys = [y for y, r in zip(prices, rounds, strict=True) if r.phase == phase]
        axes.plot(xs, ys, color=_PRICE, lw=1.3, zorder=2, label="Price" if phase == "paid" else None)
    axes.set_ylabel("Cash per share" if equilibrium is None else "Cash per unit")
    axes.margins(y=0.18)


def _mark_trade(axes: Axes, rounds: Sequence[MarketRound]) -> None:
    """Mark each price: filled where something was traded."""
    places, prices = range(1, len(rounds) + 1), _floats([r.price for r in rounds])
    for traded in (True, False):
        xs = [x for x, r in zip(places, rounds, strict=True) if (r.volume > 0) is traded]
        ys = [y for y, r in zip(prices, rounds, strict=True) if (r.volume > 0) is traded]
        face = _PRICE if traded else "white"
        label = None if traded or not xs else "Price without trade"
        axes.plot(xs, ys, "o", ms=4, mfc=face, mec=_PRICE, mew=1.1, zorder=3, label=label)


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, loc="upper left", ncols=3, bbox_to_anchor=(0, 1.16), borderaxespad=0)


def _draw_volumes(axes: Axes, rounds: Sequence[MarketRound], unit: str) -> None:
    from matplotlib.ticker import MaxNLocator

    places = range(1, len(rounds) + 1)
    _shade_practice(axes, rounds)
    axes.bar(places, [r.volume for r in rounds], color=_PRICE, width=0.62)
    axes.set_ylabel(f"Volume ({unit})")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))


def _name_rounds(axes: Axes, rounds: Sequence[MarketRound]) -> None:
    axes.set_xlabel("Round")
    places, step = range(1, len(rounds) + 1), max(1, len(rounds) // 20)
    axes.set_xticks(list(places)[::step], [_tick(r) for r in rounds][::step])


def _tick(one: MarketRound) -> str:
    return f"P{one.round}" if one.phase == "practice" else str(one.round)


def _shade_practice(axes: Axes, rounds: Sequence[MarketRound], name: str = "") -> None:
    practice = sum(one.phase == "practice" for one in rounds)
    axes.set_xlim(0.4, len(rounds) + 0.6)
    if practice:
        axes.axvspan(0.4, practice + 0.5, color="#eceef1", zorder=0, lw=0)
        place = axes.get_xaxis_transform()
        axes.text(0.55, 0.96, name, transform=place, va="top", color="#6a707a", fontsize=7.5)


def _floats(values: Sequence[Decimal | None]) -> list[float]:
    return [float("nan") if value is None else float(value) for value in values]
