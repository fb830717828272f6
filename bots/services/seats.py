"""Which participant links become bots: the last N, or those the user names; the others stay people's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bots.adapters.links import Credentials, LoginWanted, ParticipantLink, SessionLinks, read_links
from bots.adapters.otree_server import OTreeRest
from bots.adapters.shared_links import is_room, is_way_in, names_one, with_label
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
    wanted = _parts(plan.seats)
    labels = await _labels(links, credentials) if _names(plan.seats) else {}
    chosen = {number for one in wanted for number in _numbers(one, links.links, labels)}
    if not chosen:
        raise UserMustMend("no seat is named", where=_OPTION, mend="Name seats such as 2,4-6 or labels.")
    return tuple(link for link in links.links if link.number in chosen)


async def read_session(plan: RunPlan, credentials: Credentials) -> SessionLinks | None:
    """Return the session's links; None where bots have to come in as participants do, by `ways_in`.

    That is so with a link for many, and with a room's bare address where seats are named by its labels, which
    the server does not tell before they are taken, or where only the admin may see the session.

    Raises:
        UserMustMend: no links, or none without a login.
    """
    if is_way_in(plan.url) or (is_room(plan.url) and any(_names(plan.seats))):
        return None
    try:
        return await read_links(plan.url, credentials)
    except LoginWanted:
        if is_room(plan.url) and plan.num_bots is not None:
            return None
        raise


def ways_in(plan: RunPlan) -> tuple[str, ...]:
    """Return the link by which each bot comes in where the address is one for many, or a room's.

    Raises:
        UserMustMend: the plan does not tell how many, or asks for what such a link cannot give.
    """
    if plan.seats is not None:
        return tuple(with_label(plan.url, label) for label in _labels_in_room(plan))
    if names_one(plan.url):
        if plan.num_bots not in {None, 1}:
            raise UserMustMend(
                "a link with a label is one participant, and so one bot",
                where="--num-bots",
                mend=f"Leave it out, or leave the label out of the link and name labels with {_OPTION}.",
            )
        return (plan.url,)
    if plan.num_bots is None:
        raise UserMustMend(
            "a link for many does not tell how many bots are to come",
            where=plan.url,
            mend="Add --num-bots N, or give the address of the session's start links.",
        )
    return (plan.url,) * plan.num_bots


def _labels_in_room(plan: RunPlan) -> Sequence[str]:
    if not is_room(plan.url) or names_one(plan.url):
        raise UserMustMend(
            "whoever opens a link for many gets the next free seat",
            where=_OPTION,
            mend="Say with --num-bots how many bots come, or give the address of the session's start links.",
        )
    labels = _parts(plan.seats)
    if len(labels) != len(set(labels)) or not labels:
        raise UserMustMend("each label is to be named once", where=_OPTION, mend="Name labels such as A7,B2.")
    return labels


def _parts(seats: str | None) -> list[str]:
    return [one.strip() for one in (seats or "").split(",") if one.strip()]


def _names(seats: str | None) -> list[str]:
    """Return the parts of the option that are labels."""
    return [one for one in _parts(seats) if not _NUMBERS.fullmatch(one)]


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
    told = await OTreeRest(links.server, credentials.rest_key).get_session(links.session_code)
    return {str(one["code"]): str(one.get("label") or "") for one in told["participants"]}
