"""Equations are ones that mathtext can set, and the marks counted in a source are those it places."""

import pytest

from seedream_core.randomness import Rng
from seedream_core.synthetic.documents.equations import KNOWN, equation
from seedream_core.synthetic.documents.formula import glyphs

SOURCES = [source for source, _, _ in KNOWN] + [equation(Rng("equations", index), 1 + index % 4) for index in range(60)]


def test_marks_are_the_glyphs_and_bars_of_mathtext():
    pytest.importorskip("matplotlib")
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    for source in SOURCES:
        placed = parser.parse(f"${source}$", dpi=72, prop=FontProperties(size=20, math_fontfamily="stix"))
        assert glyphs(source) == len(placed.glyphs) + len(placed.rects), source


def test_sources_can_stand_in_a_caption():
    assert len(set(SOURCES)) == len(SOURCES)
    assert all('"' not in source and "$" not in source and source.count("{") == source.count("}") for source in SOURCES)
    assert len({name for _, name, _ in KNOWN}) == len({name for _, _, name in KNOWN}) == len(KNOWN)
