"""Draws sheets of equations, set by matplotlib's mathtext or by LaTeX; the caption gives their sources (Seedream 4.0).

Marks are glyphs and the bars of fractions and roots, counted in the source.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from seedream_core.errors import UserError
from seedream_core.synthetic.documents import Crowded, Figure, Knowledge, Order, phrases
from seedream_core.synthetic.documents.equations import FUNCTIONS, KNOWN, equation
from seedream_core.synthetic.documents.pen import Pen, Theme
from seedream_core.synthetic.documents.phrases import cut, listed, paragraph, quote, quoted

FACES = ("cm", "stix", "stixsans", "dejavusans", "dejavuserif")
LAYOUTS = {"in the middle": "居中", "on the left": "靠左", "in two columns": "两栏"}
NAMES = {chinese: english for _, english, chinese in KNOWN}
CHINESE = {english: chinese for chinese, english in NAMES.items()}
SET = 48
"""Pixels at which mathtext sets them, once (25 ms each, nearly all for parsing); they are reduced to what fits."""
LEAST = 10
SECONDS = 60
BARS = {"sqrt": 2, "binom": 2}
"""Number of marks of commands that are not a single sign."""
DOCUMENT = (
    r"\documentclass{article}\usepackage{amsmath,amssymb}\pagestyle{empty}"
    r"\begin{document}$\displaystyle %s$\end{document}"
)


@dataclass(frozen=True, kw_only=True)
class Formula(Knowledge):
    written: ClassVar[bool] = False
    latex: bool = False
    "set by LaTeX (`latex` and `dvipng` must be installed), not by matplotlib"

    def start(self) -> None:
        _matplotlib()
        if self.latex and (missing := [name for name in ("latex", "dvipng") if not shutil.which(name)]):
            raise UserError(
                f"formula: {' and '.join(missing)} is not installed",
                "install texlive-latex-base and dvipng, or leave out `latex`",
            )

    def figure(self, order: Order) -> Figure:
        self.start()
        draw, theme, face = order.draw, Theme.drawn(order.draw), order.draw.choice(FACES)
        chosen = _chosen(order)
        layout = draw.choice(tuple(LAYOUTS)) if len(chosen) > 3 else draw.choice(("in the middle", "on the left"))
        content = {
            "layout": layout,
            "numbered": len(chosen) > 1 and draw.uniform(0, 1) < 0.5,
            "formulas": [{"source": source, "name": name} for source, name in chosen],
        }
        pen = Pen(order.size, theme, order.face)
        _paint(pen, content, face, draw.uniform(0.05, 0.11), self.latex)
        captions = {
            language: {"short": _short(content, language), "long": _long(content, theme, language)}
            for language in ("en", "zh")
        }
        return Figure(pen.finish(), captions, content, tuple(pen.texts), pen.marks)

    @staticmethod
    def read(caption: str) -> dict[str, Any] | None:
        return _read(caption)


def _chosen(order: Order) -> list[tuple[str, str]]:
    """Different equations with about the wanted number of glyphs in total; one that exceeds it by far is left out."""
    draw, found, left = order.draw, {}, order.marks
    widest = 0.9 * order.size[0] / (0.5 * LEAST)
    for _ in range(200):
        if left <= 3 and found:
            break
        known = draw.uniform(0, 1) < 0.25
        source, name, _ = (
            draw.choice(KNOWN)
            if known
            else (equation(draw, 1 + int(draw.uniform(0, min(5, max(1, left / 8))))), "", "")
        )
        many = glyphs(source)
        if source not in found and many < min(1.3 * left + 4, widest):
            found[source] = name
            left -= many + 2
    if not found:
        raise Crowded("formula")
    return list(found.items())


def _paint(pen: Pen, content: dict[str, Any], face: str, scale: float, latex: bool) -> None:
    (width, height), formulas = pen.size, [one["source"] for one in content["formulas"]]
    edge = 0.04 * min(pen.size) + 2
    columns = 2 if content["layout"] == "in two columns" else 1
    deep = -(-len(formulas) // columns)
    room = (width - 2 * edge) / columns
    raw = [_latex(source) if latex else _mathtext(source, face) for source in formulas]
    for size in range(round(min(pen.size) * scale), LEAST - 1, -1):
        number = max(pen.face.least, round(0.7 * size))
        margin = (
            0.3 if columns == 1 else 1.5
        ) * size  # otherwise a number would stand beside the formula of the next column
        aside = pen.width(f"({len(formulas)})", number) + 0.7 * size + margin if content["numbered"] else 0
        sizes = [(mask.width * size / SET, mask.height * size / SET) for mask in raw]
        tallest = max(sum(high + 0.7 * size for _, high in sizes[at : at + deep]) for at in range(0, len(sizes), deep))
        if max(wide for wide, _ in sizes) + aside + 0.5 * size < room and tallest < height - 2 * edge:
            break
    else:
        raise Crowded("formulas")
    for column in range(columns):
        part = range(column * deep, min((column + 1) * deep, len(formulas)))
        gap = (height - 2 * edge - sum(sizes[at][1] for at in part)) / (len(part) + 1)
        gap = min(gap, 2.5 * size)
        free = height - sum(sizes[at][1] for at in part) - gap * (len(part) - 1)
        y = free / 2 if content["layout"] == "in the middle" else edge + gap / 2
        for at in part:
            mask = raw[at].resize([max(1, round(side)) for side in sizes[at]], Image.Resampling.LANCZOS)
            left = edge + column * room
            x = left + (room - aside - mask.width) / 2 if content["layout"] == "in the middle" else left
            within = (left - 1, 0, left + room - aside + 1, height)
            pen.stamp(f"${formulas[at]}$", mask, round(x), round(y), glyphs(formulas[at]), within=within)
            if content["numbered"]:
                pen.write(f"({at + 1})", left + room - margin, y + sizes[at][1] / 2, number, "rm")
            y += sizes[at][1] + gap


@lru_cache(maxsize=1)
def _matplotlib():
    """matplotlib's parser and its font properties."""
    try:
        from matplotlib.font_manager import FontProperties
        from matplotlib.mathtext import MathTextParser
    except ImportError:
        raise UserError(
            "formulas are set by matplotlib, which is not installed",
            "pip install 'seedream[data]', or leave the kind `formula` out",
        ) from None
    return MathTextParser("agg"), FontProperties


def glyphs(source: str) -> int:
    """Number of letters, digits, signs and bars that a source prints."""
    bare = re.sub(r"\\(mathbf|left|right|,|!|\s)", "", source)
    named = re.findall(r"\\([A-Za-z]+)", bare)
    letters = len(re.sub(r"\\[A-Za-z]+|[{}^_\s]", "", bare))
    return letters + sum(len(name) if f"\\{name}" in (*FUNCTIONS, r"\lim") else BARS.get(name, 1) for name in named)


@lru_cache(maxsize=512)
def _mathtext(source: str, face: str) -> Image.Image:
    parser, properties = _matplotlib()
    return _cropped(
        np.asarray(parser.parse(f"${source}$", dpi=72, prop=properties(size=SET, math_fontfamily=face)).image)
    )


@lru_cache(maxsize=512)
def _latex(source: str) -> Image.Image:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "one.tex").write_text(DOCUMENT % source, encoding="utf-8")
        resolution = str(round(SET * 7.227))  # the text is set at 10 points of 1/72.27 inch
        for command in (
            ["latex", "-interaction=batchmode", "-no-shell-escape", "one.tex"],
            ["dvipng", "-D", resolution, "-T", "tight", "-o", "one.png", "one.dvi"],
        ):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
            if done.returncode:
                raise UserError(
                    f"formula: {command[0]} failed on {source}: {(done.stdout + done.stderr).strip()[-300:]}"
                )
        with Image.open(Path(folder, "one.png")) as image:
            return _cropped(255 - np.asarray(image.convert("L")))


def _cropped(ink: np.ndarray) -> Image.Image:
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    return Image.fromarray(np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))


def _short(content: dict[str, Any], language: str) -> str:
    count, first = len(content["formulas"]), quote(f"${content['formulas'][0]['source']}$")
    if language == "en":
        return f"the formula {first}" if count == 1 else f"{count} formulas, the first is {first}"
    return f"公式{first}" if count == 1 else f"{count}个公式，第一个是{first}"


def _long(content: dict[str, Any], theme: Theme, language: str) -> str:
    english, formulas = language == "en", []
    for number, one in enumerate(content["formulas"], 1):
        tag = quote(f"({number})") + " " * english if content["numbered"] else ""
        name = one["name"] and (f" ({one['name']})" if english else f"（{CHINESE[one['name']]}）")
        formulas.append(f"{tag}{quote('$' + one['source'] + '$')}{name}")
    if english:
        first = f"Typeset mathematics {content['layout']} on a {theme.called('en')} background"
        return paragraph([first, f"Formulas: {listed(formulas, 'en')}"], "en")
    return paragraph(
        [f"排版的数学公式，{LAYOUTS[content['layout']]}，{theme.called('zh')}背景", f"公式：{listed(formulas, 'zh')}"],
        "zh",
    )


def _read(caption: str) -> dict[str, Any] | None:
    if not re.match("Typeset mathematics |排版的数学公式", caption):
        return None
    first, formulas = phrases.sentences(caption)
    english = phrases.language(caption) == "en"
    layout = next(one for one, chinese in LAYOUTS.items() if one in first or chinese in first)
    found, numbered = [], False
    for part in cut(re.sub("^[^:：]*[:：] ?", "", formulas), phrases.COMMA["en" if english else "zh"]):
        *tag, source = quoted(part)
        name = re.search(r'"\s*[(（]([^()（）"]+)[)）]$', part)
        found.append({"source": source[1:-1], "name": NAMES.get(name[1], name[1]) if name else ""})
        numbered = bool(tag)
    return {"layout": layout, "numbered": numbered, "formulas": found}
