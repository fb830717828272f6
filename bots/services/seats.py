"""Which participant links become bots: the last N, or those the user names; the others stay people's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from bots.adapters.links import Credentials, ParticipantLink, SessionLinks
from bots.adapters.otree_server import OTreeRest
from bots.adapters.shared_links import names_one
from bots.domain.errors import UserMustMend
from bots.services.plan import RunPlan, links_for_bots

_NUMBERS: Final = re.compile(r"(?P<first>[1-9][0-9]{0,5})(?:-(?P<last>[1-9][0-9]{0,5}))?", re.ASCII)
_OPTION: Final = "--seats"


async def links_of_bots(
    plan: RunPlan, links: SessionLinks, credentials: Credentials
) -> tuple[ParticipantLink, ...]:
    """Return the links that become bots, in the session's order.

    Raises:
        UserMustMend: a seat that the session does not have, or a label the server cannot be asked for.
    """
    if plan.seats is None:
        return links_for_bots(links.links, plan.num_bots)
    wanted = [one.strip() for one in plan.seats.split(",") if one.strip()]
    names = [one for one in wanted if not _NUMBERS.fullmatch(one)]
    labels = await _labels(links, credentials) if names else {}
    chosen = {number for one in wanted for number in _numbers(one, links.links, labels)}
    if not chosen:
        raise UserMustMend("no seat is named", where=_OPTION, mend="Name seats such as 2,4-6 or labels.")
    return tuple(link for link in links.links if link.number in chosen)


def places_wanted(plan: RunPlan) -> int:
    """Return how many bots come in by a link for many.

    Raises:
        UserMustMend: the plan does not tell, or asks for what such a link cannot give.
    """
    if plan.seats is not None:
        raise UserMustMend(
            "whoever opens a link for many gets the next free seat",
            where=_OPTION,
            mend="Say with --num-bots how many bots come, or give the address of the session's start links.",
        )
    if names_one(plan.url):
        if plan.num_bots not in {None, 1}:
            raise UserMustMend(
                "a link with a label is one participant, and so one bot",
                where="--num-bots",
                mend="Leave it out, or leave the label out of the link.",
            )
        return 1
    if plan.num_bots is None:
        raise UserMustMend(
            "a link for many does not tell how many bots are to come",
            where=plan.url,
            mend="Add --num-bots N, or give the address of the session's start links.",
        )
    return plan.num_bots


def _numbers(wanted: str, links: Sequence[ParticipantLink], labels: Mapping[str, str]) -> Iterator[int]:
    """Yield the numbers of the links that one part of the option means."""
    found = _NUMBERS.fullmatch(wanted)
    if found is None:
        yield from _labelled(wanted, links, labels)
        return
    known = {link.number for link in links}
    first, last = int(found["first"]), int(found["last"] or found["first"])
    for number in range(first, last + 1) if last - first < 100_000 else ():
        if number not in known:
            raise UserMustMend(
                f"the session has no seat {number}",
                where=_OPTION,
                mend=f"Its seats are {min(known)} to {max(known)}.",
            )
        yield number
    if last < first:
        raise UserMustMend(
            f"{wanted} ends before it begins", where=_OPTION, mend="Write the lower number first."
        )


def _labelled(wanted: str, links: Sequence[ParticipantLink], labels: Mapping[str, str]) -> Iterator[int]:
    codes = [code for code, label in labels.items() if label == wanted]
    numbers = [link.number for link in links if link.code in codes]
    if not numbers:
        known = ", ".join(sorted(filter(None, labels.values()))[:20]) or "none"
        raise UserMustMend(
            f"no participant has the label {wanted!r}", where=_OPTION, mend=f"Labels are: {known}."
        )
    yield from numbers


async def _labels(links: SessionLinks, credentials: Credentials) -> Mapping[str, str]:
    """Return the participants' labels by their codes, as the server has them."""
    if links.session_code is None:
        raise UserMustMend(
            "a links file does not tell labels",
            where=_OPTION,
            mend="Name seats by the numbers of the file's lines, or give the session's address.",
        )
    parts = urlsplit(links.links[0].url)
    base = f"{parts.scheme}://{parts.netloc}{parts.path.partition('/InitializeParticipant/')[0]}"
    told = await OTreeRest(base, credentials.rest_key).get_session(links.session_code)
    return {str(one["code"]): str(one.get("label") or "") for one in told["participants"]}
