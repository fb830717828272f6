"""Lets pyreplicant play: python run_pyreplicant.py MODEL_SERVER LINK… in its own environment."""

import sys
from urllib.parse import urlsplit

from replicant.otree import bot

if __name__ == "__main__":
    model_server, *links = sys.argv[1:]
    bot.OPENROUTER_URL = f"{model_server}/v1/chat/completions"  # it has no setting for it
    server = "{0.scheme}://{0.netloc}".format(urlsplit(links[0]))
    bot.run_bots(server, links, ["A careful person."] * len(links), "gpt-4o", api_key="none")
