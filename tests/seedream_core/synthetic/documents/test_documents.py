"""Making a figure: tries until the level is right, takes the nearest where none is, and says when nothing fits."""

from dataclasses import dataclass

import pytest
from PIL import Image

from seedream_core.errors import UserError
from seedream_core.synthetic.documents import LONGEST, Crowded, Figure, Knowledge, make, rating
from seedream_core.synthetic.documents.pen import latin


@dataclass(frozen=True, kw_only=True)
class Toy(Knowledge):
    """Draws as many marks as `gets` says of what is asked."""

    gets: object = None

    def figure(self, order):
        marks = self.gets(order.marks)
        long = "x" * (LONGEST + 1 if marks > 900 else 5)
        return Figure(Image.new("RGB", order.size), {"en": {"short": "x", "long": long}}, {}, (), round(marks))


def made(gets, wanted: float = 0.3):
    asked = []
    figure = make(Toy(gets=lambda marks: asked.append(marks) or gets(marks)), (0,), (256, 256), wanted, latin())
    return figure, asked


def test_the_first_of_the_right_level_is_taken():
    figure, asked = made(lambda marks: marks)
    assert len(asked) == 1 and figure.load == pytest.approx(0.3, abs=0.01)


def test_a_kind_that_draws_less_is_asked_for_more():
    figure, asked = made(lambda marks: marks / 3)
    assert 1 < len(asked) < 4 and rating.level(figure.load) == "medium"


def test_of_wrong_ones_the_nearest_is_taken():
    figure, asked = made(lambda marks: min(marks, 30), 0.5)
    assert len(asked) == 20 and figure.marks == 30


def test_an_extremely_hard_one_is_no_hard_one():
    figure, asked = made(lambda marks: 250 if marks > 110 else 110, 0.45)
    assert figure.marks == 110 and len(asked) > 1


def test_what_is_crowded_or_too_long_is_drawn_with_less():
    def gets(marks):
        if marks > 200:
            raise Crowded
        return marks

    figure, _asked = made(gets, 1.0)
    assert 150 < figure.marks <= 200
    figure, _asked = made(lambda marks: marks + 700, 0.95)
    assert figure.marks <= 900


def test_a_small_picture_holds_what_it_can():
    def gets(marks):
        if marks > 20:
            raise Crowded
        return marks

    assert 5 < made(gets, 1.2)[0].marks <= 20


def test_nothing_fits():
    def gets(marks):
        raise Crowded

    with pytest.raises(UserError, match="toy.*256×256|256×256"):
        made(gets)


def test_rating_is_one_scale():
    assert rating.load(rating.marks(0.3, 512, 384), 512, 384) == pytest.approx(0.3)
    assert [rating.level(load) for load in (0.149, 0.15, 0.399, 0.4, 2)] == ["easy", "medium", "medium", "hard", "hard"]
    scores = [rating.score(load) for load in (0, rating.MEDIUM, rating.HARD, rating.EXTREME, 50)]
    assert scores == sorted(scores) and scores[0] == 0 and scores[2] == 0.5 and scores[-1] < 1
    # Twice the side: twice the marks for the same load.
    assert rating.load(200, 512, 512) == pytest.approx(rating.load(100, 256, 256))
