"""Output files of pictures: one named PNG, or a folder of 00000.png, 00001.png, … in prompt order."""

import itertools
import re
from pathlib import Path

from seedream_core.errors import UserError

GRID = "grid.png"


def targets(out: Path | None, count: int, prompt: str) -> list[Path]:
    """One path per picture; folders that are asked for are made."""
    if out is None:
        out = _free(Path(slug(prompt) + (".png" if count == 1 else "")))
    if out.suffix.lower() == ".png":
        if count > 1:
            raise UserError(
                f"--out {out} names one picture, but {count} are asked for",
                f"give a folder: --out {out.with_suffix('')}",
            )
        if _is_folder(out):
            raise UserError(
                f"--out {out} is a folder, but its name says picture", f"give {out / '00000.png'}, or another name"
            )
        _make(out.parent)
        return [out]
    _make(out)
    return [out / f"{index:05d}.png" for index in range(count)]


def slug(prompt: str) -> str:
    """A file name of the prompt's own words, in any script: `an orange star` -> `an-orange-star`."""
    words = re.findall(r"\w+", prompt.lower())
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word
        # File systems allow 255 bytes; a Han character takes 3, and a number and an ending may follow.
        if len(longer.encode()) > 120:
            break
        name = longer
    return name or (words[0].encode()[:120].decode(errors="ignore") if words else "picture")


def _free(path: Path) -> Path:
    """`star.png`, or `star-2.png` if that is taken: a name the user did not choose overwrites nothing."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(candidate for candidate in itertools.chain([path], numbered) if not candidate.exists())


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as problem:  # a name that no file can have
        raise UserError(f"--out {path}: cannot be written ({problem.strerror})") from None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"{folder}: cannot make this folder ({problem.strerror})") from None
