"""The toy stages and the toy family stand on the path of every test below."""

import sys
from pathlib import Path

TOYS = Path(__file__).parents[1] / "toys"

sys.path.insert(0, str(TOYS))
