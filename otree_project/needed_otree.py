"""The one version of oTree that this project runs on."""

from __future__ import annotations

import otree

NEEDED = "6.0.15"
"""`pausing` takes its place among oTree's own pages, which no other version promises to keep."""


class OtherOTree(Exception):
    """The installed oTree is not the one that the project needs."""


def refuse_other_otree(installed: str = otree.__version__) -> None:
    """Let a server start on the needed version alone.

    Raises:
        OtherOTree: it is another version.
    """
    if installed != NEEDED:
        raise OtherOTree(
            f"this project needs oTree {NEEDED}, but {installed} is installed: run `pip install -r "
            "otree_project/requirements.txt` in the server's environment (`make setup` does it)"
        )
