"""Names of pictures: readable, within the file system's limits, and overwriting nothing that was not named."""

from pathlib import Path

import pytest

from seedream_core.errors import UserError
from seedream_core.generate import files


@pytest.mark.parametrize(
    "prompt, name",
    [
        ("an orange star, on WHITE!", "an-orange-star-on-white"),
        ("灰色背景上，有三个", "灰色背景上-有三个"),
        ("../../etc/passwd", "etc-passwd"),
        ("", "picture"),
        ("...", "picture"),
    ],
)
def test_slug(prompt, name):
    assert files.slug(prompt) == name


@pytest.mark.parametrize("prompt", ["星" * 500, "a" * 500, "word " * 200])
def test_long_prompts_fit_a_file_name(prompt):
    assert 0 < len(files.slug(prompt).encode()) <= 120


def test_one_picture_takes_the_name_given(tmp_path):
    assert files.targets(tmp_path / "new" / "x.PNG", 1, "p") == [tmp_path / "new" / "x.PNG"]
    assert (tmp_path / "new").is_dir()


def test_a_folder_gets_numbers_in_order(tmp_path):
    assert [path.name for path in files.targets(tmp_path / "d", 3, "p")] == ["00000.png", "00001.png", "00002.png"]
    assert files.targets(tmp_path / "e", 1, "p") == [tmp_path / "e" / "00000.png"]


def test_without_out_the_prompt_names_it_and_nothing_is_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert files.targets(None, 1, "a star") == [Path("a-star.png")]
    Path("a-star.png").touch()
    assert files.targets(None, 1, "a star") == [Path("a-star-2.png")]
    assert files.targets(None, 2, "a star")[1] == Path("a-star/00001.png")
    assert files.targets(None, 2, "a star")[1] == Path("a-star-2/00001.png")


def test_mistakes(tmp_path):
    with pytest.raises(UserError, match="names one picture, but 2"):
        files.targets(tmp_path / "x.png", 2, "p")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot make this folder"):
        files.targets(tmp_path / "file", 2, "p")
    (tmp_path / "dir.png").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        files.targets(tmp_path / "dir.png", 1, "p")
