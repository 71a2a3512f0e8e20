"""Rows of JSON lines name pictures and captions; a bad row, or one that leads elsewhere, is reported and left out."""

STAR = "白色背景上有一个橙色五角星"


def test_rows_of_jsonl(tmp_path, png, source, reasons, table):
    table(
        tmp_path,
        [
            {"image": "x.png", "caption": STAR},
            "\n",
            {"path": "y.png", "id": 7, "captions": {"en": "why"}},
            {"image": "../outside.png"},
            {"image": "/etc/passwd", "key": "etc"},
            {"image": "gone.png"},
            {"caption": "c"},
            "{nonsense\n",
            "[1]\n",
            {"image": "x.png", "key": "again", "caption": 5},
            {"image": "x\u0000.png", "key": "zero"},
        ],
    )
    jsonl = source("jsonl", tmp_path / "in" / "t.jsonl")
    items = jsonl.listing().items
    assert [(item.name, item.place) for item in items[:2]] == [("x.png", "t.jsonl:1"), ("7", "t.jsonl:3")]
    assert jsonl.read(items[0]).captions == {"zh": {"short": STAR}} and jsonl.read(items[1]).picture == png(2)
    found = reasons(jsonl)
    assert [found[name].split(" leads")[0] for name in ("../outside.png", "etc", "gone.png")] == [
        "outside its root: '../outside.png'",
        "outside its root: '/etc/passwd'",
        "not there: gone.png",
    ]
    assert (
        "leads out" in found["etc"] and "no picture is named" in found["t.jsonl:7"] and "not json" in found["t.jsonl:8"]
    )
    assert "no mapping" in found["t.jsonl:9"] and "no text" in found["again"] and "zero" in found and len(found) == 8
    higher = source("jsonl", tmp_path / "in" / "t.jsonl", root=str(tmp_path))
    assert "../outside.png" in reasons(higher)
