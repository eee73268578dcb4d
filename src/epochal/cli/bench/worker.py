"""Runs one measurement and prints the result as a line of JSON; run by any interpreter: ``worker.py JOB``."""

from __future__ import annotations

import importlib
import json
import sys

# This interpreter may have no Epochal; and at the end, so that no name in this folder hides a library's.
sys.path.append(sys.path.pop(0))
_measure = importlib.import_module("peers.measure").measure

if __name__ == "__main__":
    print("RESULT " + json.dumps(_measure(json.loads(sys.argv[1]))), flush=True)
