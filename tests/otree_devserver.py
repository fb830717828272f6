"""A program: oTree's development server for the project in this folder: python -P otree_devserver.py PORT

oTree 6 tells a group something from within a request, in an event loop of its own and under its one lock.
Where a socket of the group is just being opened it waits there for ever, and everybody with it. The shipped
project's own server cuts such a socket (`otree_project/stalled_clients.py`), and so does this one.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "otree_project"))  # behind the project served here
sys.argv = ["otree", "devserver_inner", sys.argv[1]]  # oTree takes them at its import

import uvicorn.config  # type: ignore[import-not-found]  # noqa: E402
from otree.main import execute_from_command_line  # type: ignore[import-not-found]  # noqa: E402

uvicorn.config.WS_PROTOCOLS["websockets"] = "stalled_clients:ImpatientSocket"
execute_from_command_line()
