"""Settings of the oTree project. What changes from one machine to the next comes from the environment:

OTREE_ADMIN_PASSWORD, OTREE_AUTH_LEVEL, OTREE_REST_KEY, OTREE_PRODUCTION, DATABASE_URL     read by oTree
OTREE_SECRET_KEY                                                                          signs cookies
"""

from os import environ
from secrets import token_hex

from markets.config import SURROUNDINGS
from markets.presets import PRESETS

APPS = ["market_intro", "call_market", "market_end"]

ABOUT = """
Every parameter of the market can be set here. Amounts are written as text ("14.50"), lists with commas
("0.40, 1.00"), timers in seconds, 0 for no timer. traders_per_market 0 makes one market of the whole session.
What cannot be used is refused when the session is created, with a sentence that says what is allowed.
"""

SESSION_CONFIGS = [
    {
        "name": "demo",
        "display_name": "Call market, short (2 practice and 5 paid rounds)",
        "num_demo_participants": 6,
        "app_sequence": APPS,
        "doc": ABOUT,
        **PRESETS["demo"],
    },
    {
        "name": "reference",
        "display_name": "Call market, reference design (3 practice and 30 paid rounds)",
        "num_demo_participants": 6,
        "app_sequence": APPS,
        "doc": ABOUT,
        **PRESETS["reference"],
    },
]

SESSION_CONFIG_DEFAULTS = {
    "real_world_currency_per_point": 0.005,  # 200 cash are one unit of the currency
    "participation_fee": 5.00,
    "doc": "",
    **SURROUNDINGS,
}

ROOMS = [{"name": "lab", "display_name": "Laboratory"}]

LANGUAGE_CODE = "en"
REAL_WORLD_CURRENCY_CODE = "USD"
USE_POINTS = True
POINTS_DECIMAL_PLACES = 2
POINTS_CUSTOM_NAME = "cash"

PARTICIPANT_FIELDS = []
SESSION_FIELDS = []

ADMIN_USERNAME = "admin"
ADMIN_PASSWORD = environ.get("OTREE_ADMIN_PASSWORD")

# Without a key of its own, a server makes one; admins then log in anew after a restart.
SECRET_KEY = environ.get("OTREE_SECRET_KEY") or token_hex(32)

DEMO_PAGE_INTRO_HTML = ""
