"""Training logs: one JSON object per line while a run goes on, and a CSV table at its end."""

import csv
import io
import json
from pathlib import Path


def read_rows(path: Path) -> list[dict]:
    """The complete rows of a log, none without a file; a last line that a kill cut off is left out."""
    rows = []
    for line in path.read_bytes().split(b"\n") if path.is_file() else ():
        if not line:
            continue
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def to_csv(rows: list[dict]) -> str:
    """One column per key of any row, in the order of their first appearance."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
