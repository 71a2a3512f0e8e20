"""Formulas: marks are counted right, sources come back from captions, LaTeX is used where it is asked for and
installed.
"""

import os
import shutil
import sys

import pytest

from seedream_core.errors import UserError
from seedream_core.synthetic.documents import formula, make
from seedream_core.synthetic.documents.equations import KNOWN
from seedream_core.synthetic.documents.formula import Formula, glyphs
from seedream_core.synthetic.documents.pen import latin

pytest.importorskip("matplotlib")


def test_names_numbers_and_layouts_come_back():
    seen = set()
    for index in range(40):
        figure = make(Formula(), ("sheets", index), (448, 320), 0.1 + 0.15 * (index % 3), latin())
        assert Formula.read(figure.captions["zh"]["long"]) == figure.content
        seen |= {
            figure.content["layout"],
            figure.content["numbered"],
            *(bool(one["name"]) for one in figure.content["formulas"]),
        }
        sources = [one["source"] for one in figure.content["formulas"]]
        assert len(set(sources)) == len(sources) and sum(map(glyphs, sources)) <= figure.marks
    assert seen == {*formula.LAYOUTS, True, False}


def test_a_caption_is_read_back():
    caption = (
        "Typeset mathematics on the left on a dark background. "
        r"""Formulas: "(1)" "$a, b. c$" (Bayes' theorem), "(2)" "$\left( x \right)^{2}$"."""
    )
    assert Formula.read(caption) == {
        "layout": "on the left",
        "numbered": True,
        "formulas": [{"source": "a, b. c", "name": "Bayes' theorem"}, {"source": r"\left( x \right)^{2}", "name": ""}],
    }


def test_without_matplotlib_one_message_says_what_to_install(monkeypatch):
    formula._matplotlib.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib.mathtext", None)
    with pytest.raises(UserError, match="pip install 'seedream"):
        Formula().start()


def test_without_latex_one_message_names_it(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(UserError, match="latex and dvipng is not installed"):
        Formula(latex=True).start()


def test_latex_is_called_on_the_source_alone(tmp_path, monkeypatch):
    """With stand-ins for both programs: one keeps the source, the other draws a bar."""
    bar = "from PIL import Image; p = Image.new('L', (60, 30), 255); p.paste(0, (10, 10, 50, 20)); p.save('one.png')"
    for name, body in (
        ("latex", f'cp one.tex {tmp_path}/seen.tex; echo "$@" > {tmp_path}/how; touch one.dvi'),
        ("dvipng", f'{sys.executable} -c "{bar}"'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    mask = formula._latex.__wrapped__(r"x^{2} + \alpha")
    assert mask.size == (40, 10) and r"$\displaystyle x^{2} + \alpha$" in (tmp_path / "seen.tex").read_text()
    assert "-no-shell-escape" in (tmp_path / "how").read_text()
    (tmp_path / "latex").write_text("#!/bin/sh\necho Undefined control sequence; exit 1\n")
    with pytest.raises(UserError, match="latex failed on .*Undefined"):
        formula._latex.__wrapped__(r"\nothing")


@pytest.mark.skipif(not (shutil.which("latex") and shutil.which("dvipng")), reason="latex and dvipng are not installed")
def test_latex_sets_every_known_formula():
    assert all(min(formula._latex(source).size) > 1 for source, _, _ in KNOWN)
    for index in range(6):
        figure = make(Formula(latex=True), ("latex", index), (448, 320), 0.12, latin())
        assert Formula.read(figure.captions["en"]["long"]) == figure.content
