"""The commands `seedream data inspect` (what an artifact holds) and `seedream data why` (one sample's history)."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import category

from seedream_core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from rich.text import Text

COLUMNS = 32
"""Characters that the longer side of a picture takes."""
REASONS = 12
BOXES = 4
ROLES = {"ref": "reference", "target": "target", "editmask": "mask"}
"""How the members of a tuple are shown, apart from the picture itself, which is the first target."""
STYLES = {"kept": "green", "dropped": "yellow", "quarantined": "bold red"}


def run(name: str, about: list[str]) -> None:
    if not 1 <= len(about) <= 2 or (name == "why" and len(about) < 2):
        raise UserError(
            f"seedream data {name}: {len(about)} arguments",
            f"seedream data {name} ARTIFACT {'KEY' if name == 'why' else '[KEY]'}",
        )
    (why if name == "why" else inspect)(Path(about[0]), *about[1:])


def why(folder: Path, key: str) -> None:
    """Show each stage that processed the sample, its verdict with the reason, and the sample's last record."""
    from seedream_cli.show import print_table, table
    from seedream_core.report.history import sample_history

    history = sample_history(folder, key)
    rows = table("step", "stage", "fate", "reason", "source")
    for entry in history.entries:
        rows.add_row(
            entry.step,
            entry.stage,
            _text(entry.fate, STYLES.get(entry.fate, "")),
            _text(entry.reason),
            _text(entry.source + (f" · {entry.key}" if entry.key != history.key else "")),
        )
    print_table(_plain(history.key + (f" ({history.name})" if history.name not in ("", history.key) else "")), rows)
    if history.members:
        _sample(history.members)


def inspect(folder: Path, key: str | None = None) -> None:
    """Show one sample as a picture and its fields, the number of samples, and why others were dropped."""
    from seedream_cli.show import print_table, table
    from seedream_core.report.history import fates, read, unfinished
    from seedream_core.workflow import artifact

    counts, begun = fates(folder), unfinished(folder)
    manifest = None if begun and counts else artifact.read(folder)
    found = read(folder, key)
    if found is None and (manifest or key):
        raise UserError(
            f"{folder}: no sample {key!r} is kept there" if key else f"{folder}: holds no samples",
            f"{shlex.join(['seedream', 'data', 'why', str(folder), key])} shows where it was dropped"
            if key
            else "name an artifact of kind shards or latents",
        )
    if found:
        _sample(found)
    rows = table("fate", "reason", "samples", "share")
    for (fate, reason), count in counts.most_common(REASONS):
        rows.add_row(fate, _text(reason), str(count), f"{count / counts.total():.2%}")
    if len(counts) > REASONS:
        rows.add_row("", f"… {len(counts) - REASONS} more reasons in fates.jsonl", "", "")
    title = (
        f"{manifest.kind} by {manifest.stage}, {manifest.facts.get('samples', '?')} samples"
        if manifest
        else f"{begun} is not finished; samples so far: {counts.total()}; its command continues it"
    )
    print_table(f"{folder}: {title}", rows)


def _sample(members: dict[str, bytes]) -> None:
    """A panel: the picture, where there is one, beside the record's fields."""
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    from seedream_core.data.images.pictures import FORMATS, decode
    from seedream_core.records import Sample

    sample = Sample.from_json(members["json"])
    fields = Table.grid(padding=(0, 1))
    captions = {
        f"{language}.{name}": text for language, texts in sample.captions.items() for name, text in texts.items()
    }
    facts = {
        "key": sample.key,
        "name": sample.name,
        "size": f"{sample.width}×{sample.height}",
        **captions,
        "source": sample.source,
        "task": sample.task if sample.task != "t2i" else "",
        **_tuple(members),
        "boxes": _boxes(sample.boxes),
        "tags": ", ".join(sample.tags),
        **{name: f"{score:.4g}" for name, score in sample.scores.items()},
        "weight": f"{sample.weight:g}",
        "members": ", ".join(f"{name} ({len(data)} bytes)" for name, data in members.items()),
    }
    for name, value in facts.items():
        if value:
            fields.add_row(_text(name, "bold"), _text(value))
    both = Table.grid(padding=(0, 2))
    picture = (
        _blocks(decode({name: data for name, data in members.items() if name in FORMATS}))
        if FORMATS.keys() & members.keys()
        else Text("")
    )
    both.add_row(picture, fields)
    Console().print(Panel(both, expand=False))


def _tuple(members: dict[str, bytes]) -> dict[str, str]:
    """References, further targets and the mask of a tuple, each with its size in pixels."""
    from seedream_core.data.images.pictures import FORMATS, decode
    from seedream_core.errors import DataError

    shown = {}
    for name, data in members.items():
        stem, _, kind = name.partition(".")
        role = ROLES.get(stem.rstrip("0123456789"))
        if role and kind in FORMATS:
            try:
                pixels = decode({kind: data})
                share = f", {(pixels > 0).any(-1).mean():.0%} may change" if role == "mask" else ""
                shown[f"{role} {name}"] = f"{pixels.shape[1]}×{pixels.shape[0]}{share}"
            except DataError as error:
                shown[f"{role} {name}"] = error.message
    return shown


def _boxes(boxes: "Sequence[Any]") -> str:
    """One line for each of the first boxes: kind, confidence, text, and corners in percent of the sides."""
    from seedream_core.data.curation.lazy_sample import sound

    lines = []
    for box in (found := sound(boxes))[:BOXES]:
        left, top, right, bottom = (f"{side:.0%}" for side in box["box"])
        parts = [
            box["kind"],
            f"{box['score']:.2f}" if "score" in box else "",
            f"“{box['text']}”" if box.get("text") else "",
            f"at {left}, {top} to {right}, {bottom}",
        ]
        lines.append(" ".join(part for part in parts if part))
    lines += [f"… {len(found) - BOXES} more"] if len(found) > BOXES else []
    return "\n".join([*lines, f"{len(boxes) - len(found)} invalid boxes"] if len(found) < len(boxes) else lines)


def _text(value: str, style: str = "") -> "Text":
    from rich.text import Text

    return Text(_plain(value), style)


def _plain(value: str) -> str:
    """The text without control characters and lone surrogates, each replaced by U+FFFD; spaces of any width stay."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" or category(letter) == "Zs" else "\ufffd" for letter in value
    )


def _blocks(pixels: "np.ndarray") -> "Text":
    """The picture in half-block characters, two pixels each."""
    from PIL import Image
    from rich.text import Text

    height, width, _ = pixels.shape
    scale = COLUMNS / max(height, width)
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale / 2))
    small = Image.fromarray(pixels).resize((columns, 2 * rows), Image.Resampling.LANCZOS)
    text = Text()
    for y in range(0, 2 * rows, 2):
        for x in range(columns):
            upper, lower = small.getpixel((x, y)), small.getpixel((x, y + 1))
            text.append("▀", f"#{bytes(upper).hex()} on #{bytes(lower).hex()}")
        text.append("\n")
    return text
