"""Lets botex play: python run_botex.py MODEL_SERVER LINK… in its own environment."""

import sys
import tempfile
from pathlib import Path

from botex.otree import run_bots_on_session, setup_botex_db

if __name__ == "__main__":
    model_server, *links = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        database = str(Path(folder) / "botex.sqlite3")
        setup_botex_db(database).close()
        run_bots_on_session(
            "bench", links, database, model="openai/gpt-4o", api_key="none", api_base=f"{model_server}/v1"
        )
