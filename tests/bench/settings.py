"""A neutral oTree project for measuring: ten information pages and ten forms of three fields."""

SESSION_CONFIGS = [{"name": "bench", "app_sequence": ["bench"], "num_demo_participants": 8}]
SESSION_CONFIG_DEFAULTS = {"real_world_currency_per_point": 1, "participation_fee": 0}
PARTICIPANT_FIELDS: list[str] = []
SESSION_FIELDS: list[str] = []
LANGUAGE_CODE = "en"
REAL_WORLD_CURRENCY_CODE = "USD"
USE_POINTS = True
ADMIN_USERNAME = "admin"
ADMIN_PASSWORD = None
SECRET_KEY = "only for measuring"
