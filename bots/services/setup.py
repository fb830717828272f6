"""What `bots setup` does: makes oTree's environment, and says what else is missing."""

from __future__ import annotations

import asyncio

from bots.adapters.otree_environment import make_otree_environment, otree_python, users_environment
from bots.domain.errors import UserMustMend
from bots.services.demo import otree_python_of
from bots.services.room import Room


async def set_up(room: Room) -> int:
    """Make what can be made; return 0, or 2 where the user has to install a browser."""
    from bots.adapters.browser import BrowserSettings

    named = otree_python_of(room.environment)
    try:
        python = otree_python(named)
    except UserMustMend:
        if named is not None:
            raise
        room.say(f"Making oTree's environment in {users_environment()} …")
        python = await asyncio.to_thread(make_otree_environment)
    room.say(f"oTree's environment: {python}")
    browser = BrowserSettings.find()
    room.say(f"Browser:             {browser.browser}")
    return 0
