"""Cells stand in the rows and columns of the content; every way of ruling is drawn."""

from itertools import pairwise

from seedream_core.synthetic.documents import make
from seedream_core.synthetic.documents.pen import latin
from seedream_core.synthetic.documents.table import RULES, Table


def tables(count: int = 40):
    return [make(Table(), ("tables", index), (512, 448), 0.2 + 0.1 * (index % 3), latin()) for index in range(count)]


def test_rows_lie_under_each_other_and_columns_side_by_side():
    seen = set()
    for figure in tables():
        content = figure.content
        seen.add(content["rules"])
        boxes = [box for _, box in figure.texts][bool(content["title"]) :]
        columns = len(content["header"])
        rows = [boxes[start : start + columns] for start in range(0, len(boxes), columns)]
        assert len(rows) == len(content["rows"]) + 1
        for row in rows:
            assert all(one[2] < other[0] for one, other in pairwise(row))
        for one, other in pairwise(rows):
            assert max(box[3] for box in one) <= min(box[1] for box in other) + 1
    assert seen == set(RULES)


def test_a_caption_is_read_back():
    caption = (
        'A table of 1 row and 2 columns, titled "A. B", with three rules, on a dark background. '
        'Header: "Name", "Qty". Row 1: "Jo, Al", "1.50".'
    )
    assert Table.read(caption) == {
        "title": "A. B",
        "rules": "three rules",
        "header": ["Name", "Qty"],
        "rows": [["Jo, Al", "1.50"]],
    }
