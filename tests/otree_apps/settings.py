"""A small oTree project with neutral pages, for the contract tests of participant sessions."""

from os import environ

ONE_WIDGET = [
    "one_text", "one_long_text", "one_whole", "one_decimal", "one_amount", "one_radio", "one_scale",
    "one_tick", "one_yes_no", "one_menu", "one_list", "one_slider", "one_raw", "one_table", "one_choice",
]  # fmt: skip
SESSION_CONFIGS = [
    {"name": "questions", "app_sequence": ["questions"], "num_demo_participants": 1},
    {"name": "pairs", "app_sequence": ["pairs"], "num_demo_participants": 2},
    {"name": "channel", "app_sequence": ["channel"], "num_demo_participants": 1},
    {"name": "calls", "app_sequence": ["calls"], "num_demo_participants": 6},
    {"name": "bakery", "app_sequence": ["bakery"], "num_demo_participants": 1},
    {"name": "games", "app_sequence": ["games"], "num_demo_participants": 2},
    {"name": "anything", "app_sequence": ["anything"], "num_demo_participants": 1},
    {"name": "odd", "app_sequence": ["odd"], "num_demo_participants": 1},
    {"name": "commons", "app_sequence": ["commons"], "num_demo_participants": 4},
    {"name": "ways", "app_sequence": ["ways"], "num_demo_participants": 1},
    {"name": "widgets", "app_sequence": ONE_WIDGET, "num_demo_participants": 1},
    {"name": "arrivals", "app_sequence": ["arrivals"], "num_demo_participants": 2},
]
ROOMS = [
    {"name": "open", "display_name": "Who comes gets the next seat"},
    {"name": "listed", "display_name": "Labels", "participant_label_file": "_rooms/seats.txt"},
    {"name": "empty", "display_name": "Without a session"},
]
SESSION_CONFIG_DEFAULTS = {
    "real_world_currency_per_point": 1,
    "participation_fee": 0,
    "timer": 60,  # of the timed page, in seconds
    "scripted": False,  # the form has hidden fields that its script fills
    "upload": "",  # a page comes that takes a file: optional, or required
    "rule": "sum",  # of a page that takes no answers but those that add up, or none at all: never
    "quiz": False,  # a page comes whose script decides whether its form goes: in the page, or "in a file"
    "talk": False,  # the games have a chat
    "practice": 3,  # rounds of the market that offers readPage()
    "paid": 5,
    "market_seconds": 20,
    "refused_price": 0,  # that the server takes for no number
    "unanswered_price": 0,  # of an order that the server takes without an answer
    "dropped_price": 0,  # of an order that never arrives
    "fail": False,  # the server fails when a page is left
}
PARTICIPANT_FIELDS: list[str] = []
SESSION_FIELDS: list[str] = []
LANGUAGE_CODE = "en"
REAL_WORLD_CURRENCY_CODE = "USD"
USE_POINTS = True
ADMIN_USERNAME = "admin"
ADMIN_PASSWORD = environ.get("OTREE_ADMIN_PASSWORD")
SECRET_KEY = "only for tests"
