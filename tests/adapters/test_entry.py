from __future__ import annotations

import pytest

from bots.adapters.entry import is_shared, way_back

PAGE = "http://lab:8000/p/abc123/intro/Welcome/1"


@pytest.mark.parametrize(
    ("link", "shared"),
    [
        ("http://lab:8000/join/funabita", True),
        ("http://lab:8000/room/econ/", True),
        ("http://lab:8000/sub/room/econ?participant_label=A1", True),
        ("http://lab:8000/InitializeParticipant/abc123", False),
        ("http://lab:8000/p/abc123/room/Join/3", False),
    ],
)
def test_a_link_for_many_is_known_by_its_path(link: str, shared: bool) -> None:
    assert is_shared(link) is shared


@pytest.mark.parametrize(
    ("link", "page", "back"),
    [
        ("http://lab:8000/join/funabita", PAGE, "http://lab:8000/InitializeParticipant/abc123"),
        (
            "http://lab/sub/room/econ",
            "http://lab/sub/p/abc/x/Y/2",
            "http://lab/sub/InitializeParticipant/abc",
        ),
        ("http://lab:8000/join/funabita", "http://lab:8000/join/funabita", "http://lab:8000/join/funabita"),
        ("http://lab:8000/join/funabita", "http://elsewhere/p/abc/x/Y/2", "http://lab:8000/join/funabita"),
        ("http://lab:8000/InitializeParticipant/xyz", PAGE, "http://lab:8000/InitializeParticipant/xyz"),
    ],
)
def test_whoever_came_by_a_link_for_many_comes_back_as_itself(link: str, page: str, back: str) -> None:
    assert way_back(link, page) == back
