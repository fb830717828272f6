"""Charts of runs: the same drawing for the report (colours follow the page) and for a paper (SVG, PDF)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from bots.analysis.benchmark import HUMAN_MEAN_PATH
from bots.analysis.over_periods import quiet
from bots.analysis.panel import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

JOURNAL_INCHES: Final = 6.3
WIDE_INCHES: Final = 8.2
NARROW_INCHES: Final = 4.0
MARKETS_FOR_QUARTILES: Final = 4

INK, MUTED, GRID, SHADE, PAPER = "#2b2f36", "#7d848e", "#dfe2e6", "#eceef1", "#fefefe"
PRICE, VALUE, HUMAN, BID, OFFER = "#1f5fa8", "#b4532a", "#5b7f3a", "#2a7f78", "#8a4f9e"
SERIES: Final = ("#1f5fa9", "#b4532b", "#3f7d4e", "#8a4f9f", "#a67c00", "#2a7f79", "#b0406a", "#5d6674")
_VARIABLES: Final = {
    INK: "ink",
    MUTED: "muted",
    GRID: "line",
    SHADE: "shade",
    PAPER: "paper",
    PRICE: "c1",
    VALUE: "c2",
    HUMAN: "c3",
    BID: "c6",
    OFFER: "c4",
    **{colour: f"c{number}" for number, colour in enumerate(SERIES, start=1)},
}
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
}
_IDS = re.compile(r' id="[a-z_A-Z0-9]+_\d+"')


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing by name: `draw` fills an empty figure of `width` by `width / aspect` inches."""

    name: str
    title: str
    draw: Callable[[Figure], None]
    aspect: float = 1.9


def inline_svg(chart: Chart, *, narrow: bool = False) -> str:
    """Return a chart as an SVG element whose colours are the page's CSS variables."""
    width, aspect = (NARROW_INCHES, chart.aspect * 0.66) if narrow else (WIDE_INCHES, chart.aspect)
    kept = io.StringIO()
    _draw(chart, width, aspect, {"svg": kept})
    text = kept.getvalue()
    text = _IDS.sub("", text[text.index("<svg") :])
    text = re.sub(r'(<svg [^>]*?)width="[\d.]+pt" height="[\d.]+pt"', r"\1", text, count=1, flags=re.DOTALL)
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    label = chart.title.replace("&", "and")
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def write_charts(charts: Sequence[Chart], folder: Path) -> tuple[Path, ...]:
    """Write charts as SVG and PDF at a journal's text width, without the time of drawing."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for chart in charts:
        svg, pdf = folder / f"{chart.name}.svg", folder / f"{chart.name}.pdf"
        with svg.open("w") as as_svg, pdf.open("wb") as as_pdf:
            _draw(chart, JOURNAL_INCHES, chart.aspect, {"svg": as_svg, "pdf": as_pdf})
        files += [svg, pdf]
    return tuple(files)


def _draw(chart: Chart, width: float, aspect: float, streams: Mapping[str, Any]) -> None:
    """Draw a chart once and write it to a stream by format."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({**_STYLE, "svg.hashsalt": f"{chart.name} {width}"}):
        figure = Figure(figsize=(width, width / aspect), layout="constrained")
        chart.draw(figure)
        for kind, stream in streams.items():
            undated: dict[str, None] = {"Date": None} if kind == "svg" else {"CreationDate": None}
            figure.savefig(stream, format=kind, metadata=undated, transparent=True)
            figure.set_layout_engine("none")  # as it was laid out for the first


def price_chart(prices: pl.DataFrame, *, human: bool) -> Chart:
    """Price against fundamental value or equilibrium above, volume below; practice rounds on grey ground.

    Args:
        prices: `market_rounds` of one market, in order.
        human: draw the mean path of the human markets over paid rounds.
    """
    rows = prices.sort("overall")
    units = _has(rows, "equilibrium")
    level, name = ("equilibrium", "Equilibrium price") if units else ("fundamental", "Fundamental value")
    places, practice = rows["overall"].to_numpy(), _practice(rows)

    def draw(figure: Figure) -> None:
        upper, lower = by_round(figure, rows, (2.7, 1))
        if _has(rows, level):
            upper.plot(places, floats(rows, level), color=VALUE, label=name)
        if human:
            path = HUMAN_MEAN_PATH[: len(rows) - practice]
            upper.plot(
                practice + 1 + np.arange(len(path)),
                path,
                color=HUMAN,
                ls=(0, (4, 2)),
                label="Human mean path",
            )
        values = floats(rows, "price")
        for part in (slice(0, practice), slice(practice, None)):
            upper.plot(
                places[part], values[part], color=PRICE, lw=1.8, label="Price" if part.stop is None else None
            )
        traded = rows["volume"].to_numpy() > 0
        upper.plot(places[traded], values[traded], "o", ms=4.5, color=PRICE, mec=PRICE)
        if not traded.all():
            label = "Price without trade"
            upper.plot(places[~traded], values[~traded], "o", ms=4.5, mfc=PAPER, mec=PRICE, label=label)
        upper.set_ylabel(price_unit(rows))
        upper.margins(y=0.12)
        legend(upper)
        lower.bar(places, rows["volume"].to_numpy(), color=PRICE, width=0.62)
        if not traded.any():
            lower.set_ylim(0, 1)
        lower.set_ylabel("Volume")
        whole_numbers(lower)
        figure.align_ylabels()

    return Chart("price-and-volume", f"Price, {name.lower()} and volume by round", draw, 1.75)


def _has(rows: pl.DataFrame, column: str) -> bool:
    return rows[column].null_count() < rows.height


def price_unit(rows: pl.DataFrame) -> str:
    """Return what the prices of a market are for."""
    return "Cash per unit" if _has(rows, "equilibrium") else "Cash per share"


def book_chart(prices: pl.DataFrame, *, continuous: bool = False) -> Chart:
    """Price with the best bid and offer at clearing, or at the close of a period, above; excess bids below.

    Args:
        prices: `market_rounds` of one market, in order.
        continuous: of a double auction: the excess counts the orders submitted, else shares in the book.
    """
    rows = prices.sort("overall")
    places = rows["overall"].to_numpy()

    def draw(figure: Figure) -> None:
        upper, lower = by_round(figure, rows, (2.2, 1))
        upper.plot(places, floats(rows, "price"), color=PRICE, label="Price")
        upper.plot(places, floats(rows, "best_bid"), "^", color=BID, ms=5, label="Best bid")
        upper.plot(places, floats(rows, "best_offer"), "v", color=OFFER, ms=5, label="Best offer")
        if _has(rows, "equilibrium"):
            upper.plot(places, floats(rows, "equilibrium"), color=VALUE, label="Equilibrium price")
        upper.set_ylabel(price_unit(rows))
        _limit_to(upper, rows)
        legend(upper)
        excess = excess_bids(rows, continuous=continuous)
        colours = np.where(excess >= 0, BID, OFFER).tolist()
        lower.bar(places, np.nan_to_num(excess), color=colours, width=0.62)
        if not np.nan_to_num(excess).any():
            lower.set_ylim(-1, 1)
        lower.axhline(0, color=MUTED, lw=0.7)
        lower.set_ylabel("Bids − offers")
        whole_numbers(lower)
        figure.align_ylabels()

    return Chart("book", "Best bid, best offer and imbalance by round", draw)


def excess_bids(prices: pl.DataFrame, *, continuous: bool) -> Floats:
    """Return bids less offers by round, NaN where not known: shares in the book of a call market, orders
    submitted in a period of a double auction, as Smith, Suchanek, Williams (1988) count them."""
    bids, offers = ("bids_submitted", "offers_submitted") if continuous else ("bids", "offers")
    return floats(prices, bids) - floats(prices, offers)


def forecast_chart(forecasts: pl.DataFrame, prices: pl.DataFrame) -> Chart:
    """Mean forecast by horizon, placed at the round it is for, against the price; the band is one SD wide."""
    rows = prices.filter(pl.col("phase") == "paid").sort("round")
    paid = forecasts.filter(pl.col("phase") == "paid")
    by = paid.group_by("horizon", "target_round").agg(
        pl.col("forecast").mean().alias("mean"), pl.col("forecast").std().fill_null(0.0).alias("sd")
    )

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(rows["round"].to_numpy(), floats(rows, "price"), color=INK, lw=2, label="Price", zorder=3)
        for number, horizon in enumerate(sorted(by["horizon"].unique().to_list())):
            one = by.filter(pl.col("horizon") == horizon).sort("target_round")
            xs, mean, sd = (one[name].to_numpy() for name in ("target_round", "mean", "sd"))
            colour = SERIES[number % len(SERIES)]
            axes.fill_between(xs, mean - sd, mean + sd, color=colour, alpha=0.12, lw=0)
            name = "This round" if horizon == 0 else f"{horizon} ahead"
            axes.plot(xs, mean, "o-", color=colour, ms=3, lw=1.1, label=name)
        axes.set_ylabel("Cash per share" if _has(rows, "volume") else "Price")
        axes.set_xlabel("Paid round forecast")
        whole_numbers(axes, along="x")
        legend(axes)

    return Chart("forecasts", "Forecasts by horizon against the price", draw)


def wealth_chart(rounds: pl.DataFrame, expected: Sequence[float]) -> Chart:
    """Wealth of each trader after each paid round, cash + shares at the next fundamental value."""
    paid = rounds.filter(pl.col("phase") == "paid")
    traders = sorted(paid["trader"].unique().to_list())
    colours = {name: SERIES[number % len(SERIES)] for number, name in enumerate(traders)}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        named: set[str] = set()
        for (name, _), one in paid.sort("round").group_by("trader", "participant", maintain_order=True):
            label = None if name in named else str(name)
            named.add(str(name))
            axes.plot(
                one["round"], floats(one, "wealth"), color=colours[str(name)], lw=1.2, alpha=0.9, label=label
            )
        if len(expected):
            places = np.arange(1, len(expected) + 1)
            axes.plot(places, expected, color=INK, ls=(0, (4, 2)), lw=1.3, label="Expected without trade")
        axes.set_ylabel("Wealth (cash)")
        axes.set_xlabel("Paid round")
        whole_numbers(axes, along="x")
        legend(axes)

    return Chart("wealth", "Wealth by trader", draw)


@dataclass(frozen=True, slots=True)
class Paths:
    """What a treatment's markets did over paid rounds: prices and volumes, shape (markets, n)."""

    prices: Floats
    volumes: Floats


def comparison_chart(
    groups: Mapping[str, Paths],
    level: Floats,
    *,
    human: bool,
    units: bool = False,
    traded: bool = True,
    relative: bool = False,
) -> Chart:
    """Mean price of each treatment's markets with its band, mean volume below.

    The band holds the middle half of the markets; fewer than four are spanned from the lowest to the highest.

    Args:
        groups: by treatment.
        level: fundamental value by paid round, of `units` the equilibrium price; may be empty.
        traded: whether there are volumes to draw.
        relative: prices are multiples of the fundamental value.
    """
    level_name, unit = ("Equilibrium price", "unit") if units else ("Fundamental value", "share")
    label = "Price / fundamental value" if relative else f"Cash per {unit}" if traded else "Price"

    def draw(figure: Figure) -> None:
        if traded:
            axes, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.7, 1))
        else:
            axes = lower = figure.subplots()
        if len(level):
            axes.plot(np.arange(1, len(level) + 1), level, color=INK, lw=1, label=level_name)
        if human:
            path = HUMAN_MEAN_PATH[: len(level)]
            axes.plot(np.arange(1, len(path) + 1), path, color=MUTED, ls=(0, (4, 2)), label="Human mean path")
        for number, (name, paths) in enumerate(groups.items()):
            colour, places = SERIES[number % len(SERIES)], np.arange(1, paths.prices.shape[1] + 1)
            masked = np.ma.masked_invalid(paths.prices)
            axes.fill_between(places, *_band(paths.prices), color=colour, alpha=0.16, lw=0)
            mean, counted = masked.mean(axis=0).filled(np.nan), f"{name} ({len(paths.prices)})"
            axes.plot(places, mean, color=colour, lw=1.8, label=counted)
            if traded:
                volume = np.ma.masked_invalid(paths.volumes).mean(axis=0).filled(np.nan)
                lower.plot(places, volume, color=colour, lw=1.3)
        axes.set_ylabel(label)
        axes.tick_params(length=0)
        if traded:
            lower.set_ylabel("Volume")
            lower.set_ylim(bottom=0)
            whole_numbers(lower)
        lower.set_xlabel("Paid round")
        lower.set_xlim(0.5, max(paths.prices.shape[1] for paths in groups.values()) + 0.5)
        whole_numbers(lower, along="x")
        legend(axes)
        figure.align_ylabels()

    title = "Prices and volumes by treatment" if traded else "Prices by treatment"
    return Chart("prices-by-treatment", title, draw, 1.6 if traded else 1.9)


def _band(prices: Floats) -> tuple[Floats, Floats]:
    """Return the quartiles of the markets by round, of fewer than four the extremes; NaN without a price."""
    if not len(prices):
        return np.full(prices.shape[1], np.nan), np.full(prices.shape[1], np.nan)
    ends = (25, 75) if len(prices) >= MARKETS_FOR_QUARTILES else (0, 100)
    with quiet():
        low, high = np.nanpercentile(prices, ends, axis=0)
    return low, high


def floats(rows: pl.DataFrame, column: str) -> Floats:
    """Return a column of numbers, NaN where it is empty."""
    return np.array(rows[column].cast(pl.Float64).fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _practice(rows: pl.DataFrame) -> int:
    return int((rows["phase"] == "practice").sum())


def by_round(figure: Figure, rows: pl.DataFrame, heights: tuple[float, float]) -> tuple[Axes, Axes]:
    """Return two axes, one above the other, that have rounds from left to right."""
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    rounds_axis(upper, rows)
    rounds_axis(lower, rows)
    return upper, lower


def rounds_axis(axes: Axes, rows: pl.DataFrame) -> None:
    """Name the rounds P1, P2, 1, 2, …; shade practice."""
    practice, total = _practice(rows), len(rows)
    axes.set_xlim(0.4, total + 0.6)
    wide = axes.figure.get_figure(root=True).get_size_inches()[0] > 5
    step = max(1, -(-total // (24 if wide else 10)))
    ticks = [*range(1, practice + 1), *range(practice + 1, total + 1)][::step]
    axes.set_xticks(ticks, [f"P{one}" if one <= practice else str(one - practice) for one in ticks])
    axes.tick_params(length=0)
    axes.grid(visible=False, axis="x")
    if practice:
        axes.axvspan(0.4, practice + 0.5, color=SHADE, zorder=0, lw=0)


def _limit_to(axes: Axes, rows: pl.DataFrame) -> None:
    """Keep far-off limits from flattening the chart: show up to half below and above the prices.

    Where the limits of all orders are bounded, by values and costs, they are all shown.
    """
    known = np.concatenate([floats(rows, "price"), floats(rows, "fundamental")])
    known = known[~np.isnan(known)]
    if len(known) and not _has(rows, "equilibrium"):
        axes.set_ylim(0.5 * known.min(), 1.5 * known.max())
    else:
        axes.margins(y=0.12)


def whole_numbers(axes: Axes, along: str = "y") -> None:
    """Let an axis have whole numbers alone."""
    from matplotlib.ticker import MaxNLocator

    axis = axes.yaxis if along == "y" else axes.xaxis
    axis.set_major_locator(MaxNLocator(integer=True, nbins=3 if along == "y" else 10))
    if along == "x":
        axes.set_xlim(left=0.5)  # rounds begin with 1
    axes.tick_params(length=0)


def legend(axes: Axes) -> None:
    """Put the legend above the axes."""
    wide = axes.figure.get_figure(root=True).get_size_inches()[0] > 5
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=4 if wide else 2,
        borderaxespad=0.2,
        handlelength=1.6,
        columnspacing=1.4,
    )
