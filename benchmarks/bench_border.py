"""What it costs a page that it is held until it is known where it leads: python benchmarks/bench_border.py

A tab of Chromium is led over small pages of one server, in turns with nothing held and with each page held as
in a run. Measured is wall time from the call for a page to its being read; docs/browsers.md tells it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.transports_table import put_between
from bots.adapters.bidi_tabs import BidiTab, BidiTabs
from bots.adapters.border import Border
from bots.adapters.browser_settings import BrowserSettings

PAGE_OF_DOCS = Path(__file__).resolve().parents[1] / "docs" / "browsers.md"
BEGIN = "<!-- made by make bench-border -->"
PAGES, TURNS, WARM = 100, 5, 10


PAGE = b"<title>Page</title><h1>Survey</h1>" + b"<p>Words.</p>" * 300


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer any address with the page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # the tab has gone on to the next page
            self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


async def milliseconds_a_page(tab: BidiTab, address: str) -> list[float]:
    """Open an address again and again and return what each time took."""
    taken = []
    for number in range(WARM + PAGES):
        started = time.perf_counter()
        await tab.open(f"{address}?{number}")
        taken.append(1e3 * (time.perf_counter() - started))
    return taken[WARM:]


async def measure(address: str) -> dict[str, list[float]]:
    """Return the milliseconds of all pages, held and not held."""
    taken: dict[str, list[float]] = {"not held": [], "held": []}
    tabs = await BidiTabs.start(BrowserSettings.find())
    try:
        for _ in range(TURNS):
            for name in taken:
                tab = await tabs.open()
                if name == "not held":
                    await _let_go(tab)
                taken[name] += await milliseconds_a_page(tab, address)
                await tab.close()
    finally:
        await tabs.close()
    return taken


async def _let_go(tab: BidiTab) -> None:
    """Hold nothing of a tab any more."""
    border, target = tab._border, tab._context
    assert isinstance(border, Border)
    await border._held[target].wait()
    session = next(session for session, one in border._targets.items() if one == target)
    await border._send("Fetch.disable", session=session)
    tab._border = None


def main() -> None:
    """Print the medians, and tell them in the documentation."""
    load = os.getloadavg()[0]
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        taken = asyncio.run(measure(f"http://127.0.0.1:{server.server_port}/page"))
        server.shutdown()
    for name, times in taken.items():
        print(f"{name:>9}: {statistics.median(times):6.2f} ms a page (median of {len(times)})")
    told = sentence(statistics.median(taken["not held"]), statistics.median(taken["held"]), load)
    print(told)
    put_between(PAGE_OF_DOCS, BEGIN, told)


def sentence(free: float, held: float, load: float) -> str:
    """Return what a page takes that is not held and one that is, in milliseconds, and what that costs."""
    return (
        f"Asking takes {held - free:.1f} ms of a page's {held:.1f} ms, {100 * (held - free) / held:.0f} % "
        f"(medians, {datetime.now(UTC):%Y-%m-%d}, load before {load:.1f})."
    )


if __name__ == "__main__":
    main()
