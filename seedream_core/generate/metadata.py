"""Generation metadata in PNG files (iTXt), from which the same picture can be made again."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seedream_core.errors import ConfigError, UserError
from seedream_core.flow.guidance import GuidanceRule
from seedream_core.flow.guidance.plain import PlainGuidance
from seedream_core.workflow.config import dump, parse

if TYPE_CHECKING:
    import numpy


MOST_PIXELS = 16_000_000
GAP = 2
PLAIN = PlainGuidance()


@dataclass(frozen=True, kw_only=True)
class Request:
    """All that decides one picture, but for the model."""

    prompt: str
    seed: int
    width: int
    height: int
    steps: int
    guidance: float
    guidance_rule: GuidanceRule = PLAIN
    solver: str

    @property
    def settings(self) -> tuple:
        """What must be equal for two pictures to be drawn in one batch."""
        return self.width, self.height, self.steps, self.guidance, self.guidance_rule, self.solver


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a PNG tells about itself."""

    request: Request
    model_digest: str
    version: str


def version() -> str:
    from importlib import metadata

    try:
        return metadata.version("seedream")
    except metadata.PackageNotFoundError:  # a checkout that was never installed
        return "unknown"


def save(path: Path, pixels: "numpy.ndarray", origin: Origin | None = None) -> None:
    """Write H×W×3 bytes as PNG; by rename, so that an interrupted run leaves no half picture."""
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    if origin:
        for key, text in _texts(origin).items():
            info.add_itxt(key, text)
    temporary = path.with_name(f".{os.getpid()}.tmp")
    try:
        Image.fromarray(pixels).save(temporary, format="PNG", pnginfo=info)
        temporary.replace(path)
    except OSError as problem:
        raise UserError(f"{path}: cannot be written ({problem.strerror or problem})", "name another --out") from None
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path) -> "numpy.ndarray":
    import numpy
    from PIL import Image

    with Image.open(path) as image:
        return numpy.asarray(image.convert("RGB"))


def origin(path: Path) -> Origin:
    """How the picture at `path` was made."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            image.load()
            texts = dict(getattr(image, "text", {}))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as problem:
        raise UserError(f"{path}: not a readable PNG ({problem})") from None
    missing = [key for key in _KEYS if key not in texts]
    if missing:
        raise UserError(
            f"{path} does not say how it was made (no {', '.join(missing)})",
            "only a PNG written by `seedream generate` without --no-metadata can be made again",
        )
    try:
        width, height = texts["size"].split("x")
        request = Request(
            prompt=texts["prompt"],
            seed=int(texts["seed"]),
            width=int(width),
            height=int(height),
            steps=int(texts["steps"]),
            guidance=float(texts["guidance"]),
            guidance_rule=parse(GuidanceRule, json.loads(texts[RULE])) if RULE in texts else PLAIN,
            solver=texts["solver"],
        )
        if request.seed < 0 or request.steps < 1 or not 0 <= request.guidance < float("inf"):
            raise ValueError(f"seed {request.seed}, {request.steps} steps, guidance {request.guidance:g}")
    except (ValueError, ConfigError) as problem:
        raise UserError(f"{path}: its description is damaged ({problem})") from None
    return Origin(request=request, model_digest=texts["model_digest"], version=texts["version"])


RULE = "guidance_rule"  # written only where guidance is not plain
_KEYS = ("prompt", "seed", "size", "steps", "guidance", "solver", "model_digest", "version")


def _texts(origin: Origin) -> dict[str, str]:
    request = origin.request
    values = (
        request.prompt,
        request.seed,
        f"{request.width}x{request.height}",
        request.steps,
        # repr round-trips a float exactly; str of an int guidance would come back as another type
        repr(float(request.guidance)),
        request.solver,
        origin.model_digest,
        origin.version,
    )
    texts = {key: str(value) for key, value in zip(_KEYS, values, strict=True)}
    return texts if request.guidance_rule == PLAIN else texts | {RULE: json.dumps(dump(request.guidance_rule))}


def index_line(file: str, request: Request, **more) -> str:
    """One line of a folder's prompts.jsonl."""
    row = asdict(request) | {RULE: dump(request.guidance_rule)}
    if request.guidance_rule == PLAIN:
        del row[RULE]
    return json.dumps({"file": file, **row, **more}, ensure_ascii=False) + "\n"


class Sheet:
    """All pictures on one white sheet, row by row, shrunk by a whole factor where they are too many to look at."""

    def __init__(self, wanted: Sequence[Request], columns: int | None = None) -> None:
        import numpy

        self.columns = columns or math.isqrt(len(wanted) - 1) + 1
        width, height = max(request.width for request in wanted), max(request.height for request in wanted)
        self.shrink = math.ceil(math.sqrt(len(wanted) * width * height / MOST_PIXELS))
        self.cell = (-(-height // self.shrink) + GAP, -(-width // self.shrink) + GAP)
        rows = -(-len(wanted) // self.columns)
        self.pixels = numpy.full((rows * self.cell[0] - GAP, self.columns * self.cell[1] - GAP, 3), 255, numpy.uint8)
        self.count = 0

    def add(self, picture: "numpy.ndarray") -> None:
        import numpy
        from PIL import Image

        small = numpy.asarray(Image.fromarray(picture).reduce(self.shrink))
        top, left = self.count // self.columns * self.cell[0], self.count % self.columns * self.cell[1]
        self.pixels[top : top + small.shape[0], left : left + small.shape[1]] = small
        self.count += 1
