"""A session that its experimenter holds: nobody goes beyond the next wait page until it goes on.

Nobody's time runs meanwhile: whoever is on a page finishes it, and waits with the others. The button is on
the admin's Report page; it works wherever the admin pages do, and needs their login where they do.
"""

from __future__ import annotations

from typing import Any

import otree.views.admin
from otree.api import WaitPage
from otree.models import Session
from otree.views.cbv import AdminSessionPage
from starlette.requests import Request
from starlette.responses import Response

PAUSED = "paused"
"""The session variable that holds a session; REST can read and set it too."""


def is_paused(session: Session) -> bool:
    """Whether a session is held."""
    return bool(session.vars.get(PAUSED))


class PausableWaitPage(WaitPage):
    """A wait page at which a held session stays, also once everybody is there."""

    def _tally_unvisited(self) -> tuple[bool, bool]:
        is_last, someone_waits = super()._tally_unvisited()
        return is_last and not is_paused(self.session), someone_waits

    def get_context_data(self) -> dict[str, Any]:
        return {**super().get_context_data(), "paused": is_paused(self.session)}


class PauseSession(AdminSessionPage):
    """What the button sends: `paused` 1 holds the session, 0 lets it go on."""

    def post(self, request: Request, code: str) -> Response:
        hold = self.get_post_data().get(PAUSED) == "1"
        self.session.vars[PAUSED] = hold
        if not hold:
            self._go_on()
        return self.redirect("AdminReport", code=code)

    def _go_on(self) -> None:
        """Visit the wait pages in the place of those who wait: the first visit of a group finds all there."""
        for participant in list(self.session.pp_set):
            page = participant._get_page_instance()
            if isinstance(page, PausableWaitPage):
                participant._visit_current_page()


# oTree offers no way to add a page for the admin; it takes those whose classes are in this module.
PauseSession.__module__ = otree.views.admin.__name__
otree.views.admin.PauseSession = PauseSession
