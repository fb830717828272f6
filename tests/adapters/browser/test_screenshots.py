"""What is photographed without being asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bots.adapters.browser_settings import Screenshots
from bots.adapters.screenshots import Camera, Photographed
from bots.adapters.web_driver import Browser
from bots.domain.pages import SubmitForm
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import advance, soon

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]


async def walked(camera: Camera, browser: Browser, link: str) -> Photographed:
    """Someone who sends a form that the page's script refuses, and then one that goes."""
    session = camera.facing(1, await browser.open_session(link))
    await session.look()
    await advance(session)
    await session.act(SubmitForm({"sum": "5"}), soon())
    await session.act(SubmitForm({"sum": "4"}), soon())
    await session.close()
    return session


@pytest.mark.parametrize(
    ("when", "names"),
    [
        (Screenshots.NEVER, []),
        (Screenshots.ERROR, ["Held-refused"]),
        (Screenshots.PAGE, ["Live", "Held", "Held-refused", "Failing"]),
    ],
)
async def test_pages_are_photographed_as_asked(
    browser: Browser, neutral_server: NeutralServer, tmp_path: Path, when: Screenshots, names: list[str]
) -> None:
    camera = Camera(tmp_path / "screenshots", when, lambda: datetime.now(UTC))
    await walked(camera, browser, neutral_server.link("channel", quiz=True))
    pictures = sorted(tmp_path.glob("screenshots/seat-1/*"))
    assert [picture.stem.split("-", 1)[1] for picture in pictures] == names
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


async def test_broken_page_is_photographed_and_a_closed_seat_is_not(
    browser: Browser, neutral_server: NeutralServer, tmp_path: Path
) -> None:
    camera = Camera(tmp_path, Screenshots.ERROR, lambda: datetime.now(UTC))
    nobody = await browser.open_session(f"{neutral_server.url}/InitializeParticipant/nobody")
    session = camera.facing(2, nobody)
    await session.look()
    await session.close()
    await camera.take_all()
    (picture,) = (tmp_path / "seat-2").iterdir()
    assert picture.name.endswith("InitializeParticipant-nobody-broken.png")
