"""Charts as pages show them."""

from __future__ import annotations

from dataclasses import dataclass

from bots.analysis.charts import Chart, inline_svg


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart drawn for wide and for narrow screens."""

    title: str
    wide: str
    narrow: str


def picture(chart: Chart) -> Picture:
    """Draw a chart for wide and for narrow screens."""
    return Picture(chart.title, inline_svg(chart), inline_svg(chart, narrow=True))
