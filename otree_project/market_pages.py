"""What the pages of the two institutions have in common; their templates are in `_templates/market`."""

from __future__ import annotations

from typing import Any

from otree.api import Page
from session_market import market_of, ref_of

from markets.institution import Institution


def timer(player: Any, page: str) -> int | None:
    """Return the seconds of a page's timer, or None where it has none."""
    return market_of(player.participant).parameters.seconds(page, ref_of(player).phase)


def is_played(player: Any) -> bool:
    """Whether the session has this round; oTree keeps rows for more."""
    return bool(player.round_number <= market_of(player.participant).parameters.rounds)


def words_of(player: Any) -> dict[str, Any]:
    """Return the template variables of pages around a phase.

    Attributes:
        practice: whether the phase is practice.
        market: number of the paid market; 0 in practice and where the session has one.
        induced: whether units have values and costs, in the place of shares.
        forecasts: whether the session asks for any.
        span: "round", or "period" in a double auction.
        all_kept: what a new phase begins anew, as the start of a sentence.
    """
    ref, parameters = ref_of(player), market_of(player.participant).parameters
    forecasts = bool(parameters.forecast_horizons)
    return {
        "practice": ref.phase == "practice",
        "market": ref.market if parameters.paid_markets > 1 and ref.phase == "paid" else 0,
        "induced": parameters.schedule is not None,
        "forecasts": forecasts,
        "span": "period" if parameters.institution == Institution.DOUBLE_AUCTION else "round",
        "all_kept": "Accounts, prices and forecasts" if forecasts else "Accounts and prices",
    }


class PhaseStartPage(Page):
    """The page before the first round of a phase."""

    @staticmethod
    def is_displayed(player: Any) -> bool:
        return is_played(player) and ref_of(player).is_first

    @staticmethod
    def get_timeout_seconds(player: Any) -> int | None:
        return timer(player, "phase_start")

    @staticmethod
    def words(player: Any) -> dict[str, Any]:
        """Return the template variables besides the data block."""
        ref, parameters = ref_of(player), market_of(player.participant).parameters
        words = words_of(player)
        return {
            **words,
            "markets": parameters.paid_markets,
            "rounds": f"{ref.of} {words['span']}{'' if ref.of == 1 else 's'}",
            "verb": "counts" if ref.of == 1 else "count",
            "had_practice": parameters.practice_rounds > 0,
        }


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

    template_name = "market/Final.html"

    @staticmethod
    def is_displayed(player: Any) -> bool:
        return is_played(player) and ref_of(player).is_last

    @staticmethod
    def get_timeout_seconds(player: Any) -> int | None:
        return timer(player, "final")

    @staticmethod
    def words(player: Any) -> dict[str, Any]:
        """Return the template variables besides the data block."""
        market = market_of(player.participant)
        last = player.round_number == market.parameters.rounds
        return {**words_of(player), "last": last, "currency": market.pay.currency}

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
