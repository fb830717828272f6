"""What the pages of the two institutions have in common; templates and what is drawn are the apps' own."""

from __future__ import annotations

from typing import Any

from otree.api import Page
from session_market import market_of, ref_of


def timer(player: Any, page: str) -> int | None:
    """Return the seconds of a page's timer, or None where it has none."""
    return market_of(player.participant).parameters.seconds(page, ref_of(player).phase)


def is_played(player: Any) -> bool:
    """Whether the session has this round; oTree keeps rows for more."""
    return bool(player.round_number <= market_of(player.participant).parameters.rounds)


class PhaseStartPage(Page):
    """The page before the first round of a phase."""

    @staticmethod
    def is_displayed(player: Any) -> bool:
        return is_played(player) and ref_of(player).is_first

    @staticmethod
    def get_timeout_seconds(player: Any) -> int | None:
        return timer(player, "phase_start")


class ResultsPage(Page):
    """The page after each round."""

    @staticmethod
    def is_displayed(player: Any) -> bool:
        return is_played(player)

    @staticmethod
    def get_timeout_seconds(player: Any) -> int | None:
        return timer(player, "results")


class FinalPage(Page):
    """The page after the last round of a phase; after the session's last, the app is left."""

    @staticmethod
    def is_displayed(player: Any) -> bool:
        return is_played(player) and ref_of(player).is_last

    @staticmethod
    def get_timeout_seconds(player: Any) -> int | None:
        return timer(player, "final")

    @staticmethod
    def app_after_this_page(player: Any, upcoming_apps: list[str]) -> str | None:
        last = player.round_number == market_of(player.participant).parameters.rounds
        return upcoming_apps[0] if last and upcoming_apps else None

    def _increment_index_in_pages(self) -> None:
        # oTree visits every page that it skips, with queries for each: seconds for the unused rounds of a
        # large session. From just before the next app it has none to visit. Without this method the outcome
        # is the same.
        next_app = self._get_next_page_index_if_skipping_apps()
        if next_app:
            self._index_in_pages = self.participant._index_in_pages = next_app - 1
        super()._increment_index_in_pages()
