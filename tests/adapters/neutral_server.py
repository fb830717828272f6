"""A running oTree server over `tests/otree_apps`."""

from __future__ import annotations

import csv
import io
import json
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NeutralServer:
    """A running oTree server over `tests/otree_apps`."""

    url: str

    def session(self, config: str, participants: int = 1, **fields: Any) -> tuple[str, list[str]]:
        """Create a session; return its code and its participants' links."""
        body = {"session_config_name": config, "num_participants": participants}
        made = self._post("/api/sessions", body | {"modified_session_config_fields": fields})
        people = self._post(f"/api/get_session/{made['code']}", {})["participants"]
        return made["code"], [f"{self.url}/InitializeParticipant/{one['code']}" for one in people]

    def link(self, config: str, **fields: Any) -> str:
        return self.session(config, **fields)[1][0]

    def wide_link(self, config: str, participants: int) -> tuple[str, str]:
        """Create a session; return its code and the link that makes a participant of each who opens it."""
        code, _ = self.session(config, participants)
        path = urllib.parse.urlsplit(self._post(f"/api/get_session/{code}", {})["session_wide_url"]).path
        return code, self.url + path

    def in_room(self, room: str, config: str, participants: int) -> str:
        """Create a session in a room and return its code; the room's address leads to it from then on."""
        body = {"session_config_name": config, "num_participants": participants, "room_name": room}
        return str(self._post("/api/sessions", body)["code"])

    def stored(self, session: str) -> list[dict[str, str]]:
        """Return oTree's own export of a session, one row a participant."""
        with urllib.request.urlopen(f"{self.url}/api/export_wide?session_code={session}") as answer:
            return list(csv.DictReader(io.StringIO(answer.read().decode("utf-8-sig"), newline="")))

    def exported(self, app: str, session: str) -> list[dict[str, str]]:
        """Return an app's own export of a session."""
        address = f"{self.url}/api/export_app_custom?app={app}&function_name=custom_export"
        with urllib.request.urlopen(f"{address}&session_code={session}") as answer:
            return list(csv.DictReader(io.StringIO(answer.read().decode("utf-8-sig"), newline="")))

    def label(self, link: str, label: str) -> None:
        """Open a participant's link with a label, as recruiting services do."""
        urllib.request.urlopen(f"{link}?participant_label={label}").close()

    def turned(self, session: str) -> list[int]:
        """Return when each page of a session was left behind, in whole seconds of the server's clock."""
        with urllib.request.urlopen(f"{self.url}/api/export_page_times") as answer:
            rows = csv.DictReader(io.StringIO(answer.read().decode("utf-8-sig"), newline=""))
            return [int(row["epoch_time_completed"]) for row in rows if row["session_code"] == session]

    def advance(self, session: str, link: str) -> None:
        """Move a participant on, as an experimenter does on the monitor page."""
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(f"{self.url}/SessionMonitor/{session}") as monitor:
            token = re.search(r'name="csrftoken" value="([^"]+)"', monitor.read().decode())
        assert token is not None
        form = {"selected_participant": link.rsplit("/", 1)[1], "csrftoken": token[1]}
        opener.open(f"{self.url}/AdvanceSession/{session}", urllib.parse.urlencode(form).encode()).close()

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
