"""A folder names its pictures in one order, reads what stands beside them, and tells what it leaves."""

import json

import pytest

STAR = "白色背景上有一个橙色五角星"


def test_a_folder_gives_pictures_with_what_stands_beside_them(tmp_path, png, source, reasons):
    (tmp_path / "照片" / ".hidden").mkdir(parents=True)
    for name in ("b.png", "照片/星.png", "照片/.hidden/no.png", "a.JPG"):
        (tmp_path / name).write_bytes(png())
    (tmp_path / "照片/星.txt").write_bytes(STAR.encode("gbk"))
    (tmp_path / "照片/星.json").write_text(json.dumps({"caption_en": "a star"}))
    (tmp_path / "lonely.txt").write_text("nothing")
    (tmp_path / "film.mp4").write_bytes(b"")
    (tmp_path / "link.png").symlink_to(tmp_path / "b.png")
    folder = source("folder", tmp_path)
    listing = folder.listing()
    assert [item.name for item in listing.items] == ["a.JPG", "b.png", "照片/星.png"]
    assert listing.ignored == {".mp4": 1}
    assert reasons(folder) == {"lonely.txt": "no picture beside it", "link.png": "a symbolic link is not followed"}
    star = folder.read(listing.items[2])
    assert star.picture == png() and star.captions == {"en": {"short": "a star"}, "zh": {"short": STAR}}
    assert folder.read(listing.items[1]).captions == {}


@pytest.mark.parametrize("name, data, reason", [
    ("a.txt", b"caf\xe9", "neither UTF-8"), ("a.json", b"[1]", "no mapping"), ("a.json", b"{", "not json"), ("a.txt", b"a" * 70000, "over 65536"),
])
def test_a_sidecar_that_cannot_be_read_is_told(tmp_path, name, data, reason, png, source, reasons):
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / name).write_bytes(data)
    assert reason in reasons(source("folder", tmp_path))["a.png"]
