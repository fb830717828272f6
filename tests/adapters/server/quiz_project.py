"""A small oTree project of two pages: a question with a timer of 1 s, and the end."""

from __future__ import annotations

from pathlib import Path

REST_KEY = "key-of-the-laboratory"
PASSWORD = "password-of-the-admin"

SETTINGS = """
from os import environ
SESSION_CONFIGS = [{"name": "quiz", "app_sequence": ["quiz"], "num_demo_participants": 2, "colour": "red"}]
SESSION_CONFIG_DEFAULTS = {"real_world_currency_per_point": 1.0, "participation_fee": 0.0}
ROOMS = [
    {"name": "lab", "display_name": "Laboratory"},
    {"name": "classroom", "display_name": "Classroom"},
    {"name": "empty", "display_name": "A room without a session"},
]
LANGUAGE_CODE = "en"
ADMIN_USERNAME = "admin"
ADMIN_PASSWORD = environ.get("OTREE_ADMIN_PASSWORD")
SECRET_KEY = "not a secret, this project exists in tests only"
"""

APP = """
from otree.api import *

class C(BaseConstants):
    NAME_IN_URL = "quiz"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1

class Subsession(BaseSubsession):
    pass

class Group(BaseGroup):
    pass

class Player(BasePlayer):
    answer = models.IntegerField(min=0, max=9)

class Question(Page):
    form_model = "player"
    form_fields = ["answer"]
    timeout_seconds = 1

class End(Page):
    pass

def custom_export(players):
    yield ["participant", "answer"]
    for player in players:
        yield [player.participant.code, player.field_maybe_none("answer")]

page_sequence = [Question, End]
"""


def write_project(folder: Path, app: str = APP) -> Path:
    (folder / "_static").mkdir(parents=True, exist_ok=True)
    (folder / "quiz").mkdir(exist_ok=True)
    (folder / "settings.py").write_text(SETTINGS)
    (folder / "quiz" / "__init__.py").write_text(app)
    for page in ("Question", "End"):
        text = "{{ block content }}{{ formfields }}{{ next_button }}{{ endblock }}"
        (folder / "quiz" / f"{page}.html").write_text(text)
    return folder
