"""Takes the pictures of the market's pages: runs the project, lets six traders play, photographs one of them.

.venv/bin/python docs/screenshots.py [--auction]                           those the documentation shows
.venv/bin/python docs/screenshots.py --all --folder docs/images/pages      every page, for docs/pages.md
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.chromium import chromium  # noqa: E402
from tests.otree_project.otree_process import running_project  # noqa: E402
from tests.otree_project.otree_walker import Room, Walker  # noqa: E402

COLOURS = 128  # of a picture: enough for flat pages, and a third of the size
PAID_ROUNDS = 15
PHOTOGRAPHED_ROUND = 9
MOODS = (14, 14.6, 15.4, 16.5, 17.2, 18.1, 19, 19.2, 18.4, 17.6, 16.8, 16, 15.2, 14.8, 14.2)  # a small bubble


@dataclass(frozen=True)
class Format:
    """A size of window, in pixels, and a colour scheme."""

    name: str
    width: int
    height: int
    scheme: str


WIDE = Format("wide", 1280, 860, "light")
FORMATS = (
    WIDE,
    Format("wide-dark", 1280, 860, "dark"),
    Format("phone", 390, 844, "light"),
    Format("phone-dark", 390, 844, "dark"),
)
EXTREMES = (Format("small", 360, 740, "light"), Format("huge", 3840, 2160, "light"))
DOCUMENTED = {
    *(("trade", "wide"), ("trade", "wide-dark"), ("trade", "phone-dark"), ("results", "wide")),
    *(("auction", "wide"), ("auction", "wide-dark")),
}


@dataclass(frozen=True)
class Camera:
    """Photographs the browser's present page."""

    driver: webdriver.Chrome
    folder: Path
    every: bool

    def take(self, name: str) -> None:
        """Write the pictures of one page."""
        for form in (*FORMATS, *(EXTREMES if name in ("trade", "instructions") else ())):
            if self.every or (name, form.name) in DOCUMENTED:
                self._take(f"{name}-{form.name}.png", form)

    def frame(self, form: Format) -> None:
        """Give the window a size and a colour scheme."""
        size = {
            "width": form.width,
            "height": form.height,
            "deviceScaleFactor": 1,
            "mobile": form.width < 600,
        }
        scheme = {"name": "prefers-color-scheme", "value": form.scheme}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        # The page redraws its chart a moment after it was resized.
        self.driver.execute_async_script("setTimeout(arguments[0], 200)")

    def _take(self, file: str, form: Format) -> None:
        self.frame(form)
        options = {"format": "png", "captureBeyondViewport": self.every}
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", options)
        image = Image.open(io.BytesIO(base64.b64decode(picture["data"]))).convert("RGB")
        image.quantize(COLOURS).save(self.folder / file, optimize=True)


async def play(walkers: Sequence[Walker], paid: int) -> None:
    """Let everybody place an order around the round's mood and forecast it."""
    mood = MOODS[paid - 1]
    for seat, walker in enumerate(walkers):
        side, limit = ("buy", mood + 0.2 * seat) if (seat + paid) % 2 else ("sell", mood - 0.15 * seat)
        await walker.reach("trade")
        await walker.order(side, 1 + seat % 3, f"{limit:.2f}", f"r{paid}")
        await walker.reach("forecast")
        await walker.submit(f0=f"{mood:.2f}", f1=f"{mood + 0.8:.2f}", f2=f"{mood + 1.5:.2f}", f3="14.00")


async def play_through(room: Room, first: int, last: int) -> None:
    """Play paid rounds until everybody has seen the results of `last`."""
    for paid in range(first, last + 1):
        await play(room.walkers, paid)
        await room.all_reach("results")
        if paid < last:
            await room.everybody(lambda walker: walker.submit())


def order(driver: webdriver.Chrome, side: str, quantity: str, limit: str) -> None:
    """Place an order as a person does, and wait for the server's answer."""
    driver.execute_script(f"document.querySelector('[name=side][value={side}]').click()")
    for name, value in (("quantity", quantity), ("limit", limit)):
        box = driver.find_element(By.ID, name)
        box.clear()
        box.send_keys(value)
    before = answers(driver)
    driver.execute_script("document.getElementById('order-form').requestSubmit()")
    WebDriverWait(driver, 10).until(lambda here: answers(here) != before)


def answers(driver: webdriver.Chrome) -> str:
    """Return what changes with each answer of the server: what is said of it, or the data block."""
    return str(
        driver.execute_script(
            "return document.getElementById('messages').innerHTML"
            " + document.getElementById('market-view').textContent"
        )
    )


async def surroundings(base: str, driver: webdriver.Chrome, camera: Camera) -> None:
    """Photograph the pages that only some sessions have: quiz, debriefing, the way back."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=3)) as http:
        room = await Room.create(
            http,
            base,
            2,
            practice_rounds=0,
            paid_rounds=1,
            forecast_horizons="",
            quiz=True,
            announce_computer_traders=False,
            ethics_reference="IRB 2026-041",
            completion_url="https://example.org/complete?cc=ABC123",
        )
        me = room.walkers[0]
        address = f"{base}/InitializeParticipant/{me.code}"
        await room.everybody(lambda walker: walker.submit(consent="True"))
        await room.everybody(lambda walker: walker.submit())
        driver.get(address)
        camera.take("quiz")
        for name in ("interest", "dividends", "buy_back", "price"):
            driver.execute_script(f"document.querySelector('[name=quiz_{name}]').click()")
        driver.execute_script("document.getElementById('form').requestSubmit()")
        WebDriverWait(driver, 10).until(
            lambda here: here.find_elements(By.CSS_SELECTOR, ".otree-form-errors")
        )
        camera.take("quiz-refused")
        answers = {"interest": "5.00", "dividends": "3.00", "buy_back": "14.00", "price": "14.00"}
        right = {f"quiz_{name}": f"{value} cash" for name, value in answers.items()}
        await room.everybody(lambda walker: walker.submit(**right))
        await room.everybody(lambda walker: walker.reach("trade"))
        await room.all_reach("results")
        await me.reach("final")
        await me.submit()
        driver.get(address)
        camera.take("debriefing")
        await me.submit()
        driver.get(address)
        camera.take("payment-with-link")


async def take_pictures(base: str, driver: webdriver.Chrome, camera: Camera) -> None:
    """Walk one participant through the session and photograph each of its pages."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=3)) as http:
        room = await Room.create(
            http, base, 6, practice_rounds=0, paid_rounds=PAID_ROUNDS, forecast_seconds=0, trade_seconds=60
        )
        me, others = room.walkers[0], room.walkers[1:]

        def photograph(name: str) -> None:
            driver.get(f"{base}/InitializeParticipant/{me.code}")
            camera.take(name)

        photograph("consent")
        await me.submit(consent="True")
        photograph("instructions")
        await me.submit()
        photograph("phase-start")
        await me.reach("trade")
        photograph("trade-first")
        await play_through(room, 1, PHOTOGRAPHED_ROUND - 1)
        await room.everybody(lambda walker: walker.submit())
        driver.get(f"{base}/InitializeParticipant/{me.code}")
        camera.frame(WIDE)
        order(driver, "buy", "1", "18.20")
        order(driver, "sell", "2", "19.50")
        order(driver, "buy", "60", "18.00")
        camera.take("trade")
        await me.reach("forecast")
        photograph("forecast")
        await me.submit(f0="18.40", f1="a lot", f2="-3")
        driver.execute_script("document.getElementById('id_f1').value = 'a lot'")
        driver.execute_script("document.getElementById('form').requestSubmit()")
        camera.take("forecast-refused")
        await me.submit(f0="18.40", f1="17", f2="14.5")
        photograph("wait")
        await play(others, PHOTOGRAPHED_ROUND)
        await room.all_reach("results")
        photograph("results")
        await room.everybody(lambda walker: walker.submit())
        await play_through(room, PHOTOGRAPHED_ROUND + 1, PAID_ROUNDS)
        await me.reach("final")
        photograph("final")
        await me.reach("payment")
        photograph("payment")


async def auction(base: str, driver: webdriver.Chrome, camera: Camera) -> None:
    """Photograph the double auction in the middle of a period, and its results."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=3)) as http:
        config = {"practice_rounds": 0, "trade_seconds": 60, "phase_start_seconds": 0}
        room = await Room.create(http, base, 6, preset="auction_demo", **config)
        me = room.walkers[0]
        await room.all_reach("trade")
        driver.get(f"{base}/InitializeParticipant/{me.code}")
        camera.frame(WIDE)
        draw = random.Random(8)
        for number in range(38):
            walker, side = draw.choice(room.walkers[:5]), draw.choice(["buy", "sell"])
            drift = number * 3
            limit = 1400 + drift + (draw.randint(-70, 15) if side == "buy" else draw.randint(-15, 70))
            await walker.order(side, draw.randint(1, 2), f"{limit / 100:.2f}", f"{number}")
            await asyncio.sleep(0.7)  # trades are drawn against time
        order(driver, "buy", "1", "14.10")
        order(driver, "sell", "1", "16.40")
        order(driver, "buy", "60", "14.00")
        camera.take("auction")
        await room.all_reach("results")
        driver.get(f"{base}/InitializeParticipant/{me.code}")
        camera.take("auction-results")


async def forecasting(base: str, driver: webdriver.Chrome, camera: Camera) -> None:
    """Photograph a learning-to-forecast session."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=3)) as http:
        room = await Room.create(http, base, 6, preset="ltf_positive", paid_rounds=12, noise_seed="7")
        me = room.walkers[0]
        address = f"{base}/InitializeParticipant/{me.code}"
        driver.get(address)
        camera.take("forecasting-introduction")
        await room.everybody(lambda walker: walker.submit(consent="True"))
        last = 50.0
        for number in range(1, 9):
            for seat, walker in enumerate(room.walkers):
                await walker.submit(f0=f"{last + (60 - last) * 0.3 + 3 * (seat - 2.5):.2f}")
            await me.wait()
            last = float(me.page.view.history[-1].price or 60)
            if number < 8:
                await room.everybody(lambda walker: walker.open())
                await room.everybody(lambda walker: walker.submit())
        driver.get(address)
        camera.take("forecasting-results")
        await room.everybody(lambda walker: walker.open())
        await room.everybody(lambda walker: walker.submit())
        driver.get(address)
        camera.take("forecasting")


async def report(base: str, driver: webdriver.Chrome, camera: Camera) -> None:
    """Photograph the experimenter's report on two markets under way."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=3)) as http:
        room = await Room.create(
            http, base, 12, practice_rounds=1, paid_rounds=10, traders_per_market=6, forecast_horizons=""
        )
        for paid in range(1, 7):
            for seat, walker in enumerate(room.walkers):
                mood, side = MOODS[paid - 1] + seat // 6 * 0.4 * paid, "buy" if (seat + paid) % 2 else "sell"
                await walker.reach("trade")
                limit = mood + (0.2 if side == "buy" else -0.15) * (seat % 6)
                await walker.order(side, 1 + seat % 3, f"{limit:.2f}", f"r{paid}")
            if paid < 6:
                await room.all_reach("results")
                await room.everybody(lambda walker: walker.submit())
        for walker in room.walkers[:4]:
            await walker.submit()
        driver.get(f"{base}/AdminReport/{room.code}")
        camera.take("report-running")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every page in every format, whole pages")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--auction", action="store_true", help="those of the double auction alone")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_project(Path(folder)) as base,
        chromium("--hide-scrollbars") as driver,
    ):
        camera = Camera(driver, options.folder, options.all)
        if options.all:
            asyncio.run(surroundings(base, driver, camera))
        if not options.auction:
            for pages in (forecasting, report, take_pictures):
                asyncio.run(pages(base, driver, camera))
        asyncio.run(auction(base, driver, camera))


if __name__ == "__main__":
    main()
