"""The scripts in docs/scripts/ that make the live page and its model."""

import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "scripts"

sys.path.insert(0, str(FOLDER))
try:
    live_model, live_page = map(importlib.import_module, ("live_model", "live_page"))
finally:
    sys.path.remove(str(FOLDER))
