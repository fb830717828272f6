"""Settings of the oTree project. What changes from one machine to the next comes from the environment:

OTREE_ADMIN_PASSWORD, OTREE_AUTH_LEVEL, OTREE_REST_KEY, OTREE_PRODUCTION, DATABASE_URL     read by oTree
OTREE_SECRET_KEY                                                                          signs cookies
"""

from os import environ
from secrets import token_hex

from needed_otree import refuse_other_otree

from markets.config import CONTINUOUS, SURROUNDINGS
from markets.forecasting_parameters import FORECASTING_PRESETS
from markets.presets import PRESETS, UNCERTAIN

refuse_other_otree()

APPS = ["market_intro", "call_market", "market_end"]
AUCTION_APPS = ["market_intro", "double_auction", "market_end"]

APPS_OF = {"call_market": APPS, "double_auction": AUCTION_APPS}
"""Institution → the apps of a session that plays it."""

CENTS = 0.01
PAYS = {"ssw1988": CENTS, "dlm2005": CENTS}
"""Preset → currency for one unit of cash, where its amounts are not those of the reference design."""

ABOUT = """
Every parameter of the market can be set here. Amounts are written as text ("14.50"), lists with commas
("0.40, 1.00"), timers in seconds, 0 for no timer. traders_per_market 0 makes one market of the whole session.
Types of traders: one amount each in endowment_cash and endowment_shares ("225, 585, 945" and "3, 2, 1").
Rounds that differ: interest_rate, dividends and dividend_weights with a semicolon between rounds.
Induced values and costs: a list for each trader, with a semicolon between traders ("190, 150; 180, 120").
What cannot be used is refused when the session is created, with a sentence that says what is allowed.
"""


def about(preset: str) -> str:
    """Return what the admin's form says of a preset: how to write values, and which of them are uncertain."""
    uncertain = sorted(UNCERTAIN[preset])
    return (
        f"{ABOUT}Uncertain, to be confirmed before a replication: {', '.join(uncertain)}."
        if uncertain
        else ABOUT
    )


def session_config(preset: str) -> dict[str, object]:
    """Return the session config of a preset, for as many demo participants as its types of traders divide."""
    title, participants = TITLES[preset]
    config = {
        "name": preset.replace("-", "_"),  # oTree takes no hyphen
        "display_name": title,
        "num_demo_participants": participants,
        "app_sequence": APPS_OF[PRESETS[preset]["institution"]],
        "doc": about(preset),
        **PRESETS[preset],
    }
    return {**config, "real_world_currency_per_point": PAYS[preset]} if preset in PAYS else config


TITLES = {
    "demo": ("Call market, short (2 practice and 5 paid rounds)", 6),
    "reference": ("Call market, reference design (3 practice and 30 paid rounds)", 6),
    "bgh2005": ("Call market, flat value of 7 (Bostian, Goeree and Holt 2005)", 6),
    "hln2007": (
        "Call market, 4 markets of 15 rounds, all prices forecast (Haruvy, Lahav and Noussair 2007)",
        9,
    ),
    "auction-demo": ("Double auction, short (1 practice and 3 paid periods)", 6),
    "smith1962": ("Double auction, induced values, test 1 (Smith 1962)", 22),
    "gode-sunder": ("Double auction, induced values (Gode and Sunder 1993)", 12),
    "ssw1988": ("Double auction, design 4 (Smith, Suchanek and Williams 1988)", 9),
    "dlm2005": ("Double auction, 4 markets of 10 periods (Dufwenberg, Lindqvist and Moore 2005)", 6),
    "khs2012-falling": ("Double auction, falling value (Kirchler, Huber and Stöckl 2012)", 10),
    "khs2012-flat": ("Double auction, flat value (Kirchler, Huber and Stöckl 2012)", 10),
}

SESSION_CONFIGS = [session_config(preset) for preset in TITLES]

ABOUT_FORECASTING = """
Forecasts make the price: fundamental + feedback · (their mean - fundamental) + noise, kept from 0 to
price_max. forecast_ahead 1 asks for the price of the next round. A forecast earns reward_most points without
error, less with the square of its error, and nothing at reward_error. The whole design is uncertain: confirm
it before a replication.
"""

FORECASTING = {
    "ltf-positive": "Learning to forecast, positive feedback (Heemeijer et al. 2009)",
    "ltf-negative": "Learning to forecast, negative feedback (Heemeijer et al. 2009)",
    "ltf-bubbles": "Learning to forecast, one round ahead (Hommes et al. 2008)",
}

SESSION_CONFIGS += [
    {
        "name": name.replace("-", "_"),
        "display_name": title,
        "num_demo_participants": 6,
        "app_sequence": ["learning_to_forecast"],
        "doc": ABOUT_FORECASTING,
        "real_world_currency_per_point": 0.0005,
        **FORECASTING_PRESETS[name],
    }
    for name, title in FORECASTING.items()
]

SESSION_CONFIG_DEFAULTS = {
    "real_world_currency_per_point": 0.005,  # 200 cash are one unit of the currency
    "participation_fee": 5.00,
    "doc": "",
    **SURROUNDINGS,
    **CONTINUOUS,
}

ROOMS = [
    {"name": "lab", "display_name": "Laboratory"},
    {
        "name": "seats",
        "display_name": "Laboratory, with a label for each seat",
        "participant_label_file": "_rooms/seats.txt",
    },
]

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
