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
    (tmp_path / "film.txt").write_text("a film")
    (tmp_path / "link.png").symlink_to(tmp_path / "b.png")
    folder = source("folder", tmp_path)
    listing = folder.listing()
    assert [item.name for item in listing.items] == ["a.JPG", "b.png", "照片/星.png"]
    assert listing.ignored == {".mp4": 1, "hidden": 1}
    assert reasons(folder) == {
        "lonely.txt": "no picture beside it",
        "film.txt": "no picture beside it: .mp4 is not read",
        "link.png": "a symbolic link is not followed",
    }
    star = folder.read(listing.items[2])
    assert star.picture == png() and star.captions == {"en": {"short": "a star"}, "zh": {"short": STAR}}
    assert folder.read(listing.items[1]).captions == {}


@pytest.mark.parametrize(
    "name, data, reason",
    [
        ("a.txt", b"caf\xe9", "neither UTF-8"),
        ("a.json", b"[1]", "no mapping"),
        ("a.json", b"{", "not json"),
        ("a.txt", b"a" * 70000, "over 65536"),
    ],
)
def test_a_sidecar_that_cannot_be_read_is_reported(tmp_path, name, data, reason, png, source, reasons):
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / name).write_bytes(data)
    assert reason in reasons(source("folder", tmp_path))["a.png"]


def test_what_a_walk_cannot_follow_is_reported(tmp_path, png, source, reasons):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png())
    (tmp_path / "in" / "b.png").write_bytes(png())
    (tmp_path / "in" / "a.TXT").write_text("a star")
    (tmp_path / "in" / "b.txt").symlink_to("/etc/hostname")
    (tmp_path / "in" / "more").symlink_to(tmp_path)
    folder = source("folder", tmp_path / "in")
    assert reasons(folder) == {
        "more": "a linked folder is not followed",
        "b.png": "a symbolic link is not followed: b.txt",
    }
    assert folder.read(folder.listing().items[0]).captions == {"en": {"short": "a star"}}


def test_names_that_are_no_utf8_are_shown_and_read(tmp_path, png, source, reasons):
    with open(bytes(tmp_path) + b"/" + "星".encode("gbk") + b".png", "wb") as file:
        file.write(png())
    folder = source("folder", tmp_path)
    assert reasons(folder) == {} and folder.listing().items[0].name == "\\xd0\\xc7.png"
