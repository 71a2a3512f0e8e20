"""Configs take exactly what they declare; families are found by file name; every problem comes with its place."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from annotated_types import Ge, Interval, MinLen
from toy_paint import Paint

from seedream_core.errors import ConfigError
from seedream_core.workflow.config import (
    OUTSIDE,
    Config,
    changed,
    describe,
    dump,
    outside,
    outside_unless,
    parse,
    with_new_keys,
)
from seedream_core.workflow.document import read_text
from seedream_core.workflow.host import FREE, Train


@dataclass(frozen=True, kw_only=True)
class Inner(Config):
    renamed: ClassVar[Mapping[str, str]] = {"side": "size"}
    size: Annotated[int, Ge(1)] = 4
    "side in pixels"
    ratio: Annotated[float, Interval(gt=0, le=1)] = 0.5

    def __post_init__(self):
        if self.size % 2:
            raise ValueError(f"size: {self.size} is odd; try {self.size + 1}")


@dataclass(frozen=True, kw_only=True)
class Outer(Config):
    where: Path
    "a place"
    paint: Paint
    coats: tuple[Paint, ...] = ()
    named: dict[str, Inner] = field(default_factory=dict)
    inner: Inner = Inner(size=8)
    mode: Literal["fast", "slow"] = "fast"
    pair: tuple[float, float] = (0.0, 1.0)
    maybe: Inner | None = None
    flag: bool = False
    least: Annotated[tuple[int, ...], MinLen(1)] = (1,)
    cadence: int = field(default=5, metadata={"fingerprint": False})


GOOD = {"where": "a/b", "paint": "red"}


def problems(tree, cls=Outer):
    with pytest.raises(ConfigError) as caught:
        parse(cls, tree)
    return {problem.key: problem.message for problem in caught.value.problems}


def test_values_arrive_as_declared_and_dump_is_the_way_back():
    tree = GOOD | {
        "coats": ["red", {"name": "sky_blue", "depth": 1}],
        "named": {"x": {"size": 2}},
        "pair": [1, 2],
        "maybe": {"size": 6},
    }
    config = parse(Outer, tree)
    assert config.where == Path("a/b") and config.pair == (1.0, 2.0)
    assert [coat.name() for coat in config.coats] == ["red", "sky_blue"] and config.coats[1].depth == 1.0
    assert parse(Outer, dump(config)) == config
    assert dump(config)["coats"][1] == {"name": "sky_blue", "coats": 1, "depth": 1.0}


@pytest.mark.parametrize(
    ("options", "key", "words"),
    [
        ({"mod": "fast"}, "mod", "unknown key 'mod'; did you mean 'mode'?"),
        ({"inner": {"zzz": 1}}, "inner.zzz", "unknown key 'zzz'; the keys are size, ratio"),
        ({"inner": {"size": True}}, "inner.size", "expected a whole number, got true"),
        ({"inner": {"size": "3"}}, "inner.size", 'expected a whole number, got "3"'),
        ({"inner": {"size": 64.0}}, "inner.size", "expected a whole number, got 64.0"),
        ({"inner": {"size": 0}}, "inner.size", "must be at least 1, got 0"),
        ({"inner": {"size": 3}}, "inner", "size: 3 is odd; try 4"),
        ({"inner": {"ratio": 0}}, "inner.ratio", "must be more than 0.0, got 0"),
        ({"inner": {"ratio": 2}}, "inner.ratio", "must be at most 1.0, got 2"),
        ({"inner": {"ratio": math.nan}}, "inner.ratio", "expected a finite number, got NaN"),
        ({"inner": 3}, "inner", "expected a mapping of options, got 3"),
        ({"named": {"x": {"sice": 1}}}, "named.x.sice", "unknown key 'sice'; did you mean 'size'?"),
        ({"maybe": {"sizes": 1}}, "maybe.sizes", "unknown key 'sizes'; did you mean 'size'?"),
        ({"mode": "fats"}, "mode", "\"fats\" is not one of fast, slow; did you mean 'fast'?"),
        ({"pair": [1]}, "pair", "missing item 1"),
        ({"pair": 1}, "pair", "expected a list, got 1"),
        ({"least": []}, "least", "expected a list of at least 1, got []"),
        ({"flag": "yes"}, "flag", 'expected true or false, got "yes"'),
        ({"where": 3}, "where", "expected text, got 3"),
        ({"paint": "sky_blu"}, "paint", "no Paint 'sky_blu'; did you mean 'sky_blue'? (toy_paint/ has red, sky_blue)"),
        ({"paint": {"depth": 1}}, "paint", "expected the name of a Paint, or a mapping with a `name`"),
        ({"paint": {"name": "sky_blue", "dept": 1}}, "paint.dept", "unknown key 'dept'; did you mean 'depth'?"),
        ({"coats": ["red", {"name": "sky_blue", "depth": 3}]}, "coats.1.depth", "must be at most 1.0, got 3"),
    ],
)
def test_a_wrong_value_is_named_by_its_key_and_its_reason(options, key, words):
    found = problems(GOOD | options)
    assert list(found) == [key]
    assert words.lower() in found[key].lower()


def test_all_problems_come_at_once_with_their_lines():
    document, _ = read_text(
        "top:\n  inner:\n    size: x\n    sise: 1\n  paint:\n    name: sky_blue\n    depth: 9\n", "a.yaml"
    )
    with pytest.raises(ConfigError) as caught:
        parse(Outer, document.tree["top"], document=document, prefix=("top",))
    assert sorted(map(str, caught.value.problems)) == [
        "a.yaml:1: top: missing key 'where'",
        'a.yaml:3: top.inner.size: expected a whole number, got "x"',
        "a.yaml:4: top.inner.sise: unknown key 'sise'; did you mean 'size'?",
        "a.yaml:7: top.paint.depth: must be at most 1.0, got 9",
    ]


def test_a_fault_in_an_item_is_not_told_twice():
    assert problems(GOOD | {"least": ["x"]}).keys() == {"least.0"}
    assert problems(GOOD | {"least": []}).keys() == {"least"}


def test_a_former_key_names_the_new_one_at_any_depth():
    message = "unknown key 'side'; it is now 'size'"
    assert problems(GOOD | {"inner": {"side": 2}, "named": {"x": {"side": 2}}, "maybe": {"side": 2}}) == {
        "inner.side": message,
        "named.x.side": message,
        "maybe.side": message,
    }
    tree = GOOD | {"inner": {"side": 2}, "named": {"side": {"side": 2}}, "coats": ["red", {"name": "sky_blue"}]}
    assert parse(Outer, with_new_keys(Outer, tree)).named["side"].size == 2
    assert with_new_keys(Outer, tree)["inner"] == {"size": 2} and with_new_keys(Outer, GOOD) == GOOD


def test_what_is_no_mapping_is_refused():
    assert problems([1]) == {"": "expected a mapping of options, got [1]"}


def test_a_members_file_is_imported_only_when_it_is_named(monkeypatch):
    for name in ("toy_paint.sky_blue", "toy_paint.red"):
        sys.modules.pop(name, None)
    assert Paint.names() == ("red", "sky_blue")
    Paint.find("red")
    assert "toy_paint.red" in sys.modules and "toy_paint.sky_blue" not in sys.modules


def test_changed_tells_apart_all_that_counts_and_nothing_else():
    base = parse(Outer, GOOD)
    assert changed(base) == {"where": "a/b", "paint": {"name": "red"}}
    assert changed(parse(Outer, GOOD | {"cadence": 9, "mode": "fast", "inner": {"size": 8}})) == changed(base)
    # the default of `inner` is not the default of its class
    assert changed(parse(Outer, GOOD | {"inner": {}})) == changed(base) | {"inner": {}}
    assert changed(parse(Outer, GOOD | {"paint": {"name": "red", "coats": 2}}))["paint"] == {"name": "red", "coats": 2}
    assert changed(Train(steps=3, checkpoint_every=7, log_every=1, sample_every=2)) == {"steps": 3}


def test_outside_names_every_place_that_an_option_names_however_deep():
    @dataclass(frozen=True, kw_only=True)
    class Reader(Config):
        file: str = field(default="", metadata=OUTSIDE)
        seen: str = "not a place"

    @dataclass(frozen=True, kw_only=True)
    class All(Config):
        one: Reader = Reader(file="a.txt")
        many: tuple[Reader, ...] = (Reader(), Reader(file="b.txt"))
        named: dict[str, Reader] = field(default_factory=lambda: {"x": Reader(file="c.txt")})

    assert outside(All()) == {"one.file": Path("a.txt"), "many.1.file": Path("b.txt"), "named.x.file": Path("c.txt")}
    assert changed(All(one=Reader(file="z.txt", seen="other"))) == {
        "one": {"seen": "other"}
    }  # what is in a file counts, not its name


def test_a_place_may_count_only_where_another_option_is_not_given():
    @dataclass(frozen=True, kw_only=True)
    class Asking(Config):
        ask: Path | None = field(default=None, metadata=FREE)
        file: Path | None = field(default=None, metadata=outside_unless("ask"))

    assert (
        outside(Asking(file=Path("a"))) == {"file": Path("a")}
        and outside(Asking(file=Path("a"), ask=Path("b"))) == outside(Asking()) == {}
    )
    assert changed(Asking(file=Path("a"), ask=Path("b"))) == changed(Asking(file=Path("a"))) == {}


def test_describe_shows_types_ranges_defaults_and_the_string_under_a_field():
    fields = {item.name: item for item in describe(Outer)}
    assert fields["where"].default is None and fields["where"].help == "a place" and fields["where"].type == "Path"
    assert fields["paint"].type == "red|sky_blue" and fields["coats"].type == "list of red|sky_blue"
    assert (fields["inner.size"].type, fields["inner.size"].default, fields["inner.size"].help) == (
        "int ≥ 1",
        "8",
        "side in pixels",
    )
    assert fields["inner.ratio"].type == "float > 0 ≤ 1"
    assert fields["mode"].type == "fast|slow" and fields["mode"].default == "fast"
    assert (
        fields["maybe"].type == "Inner or none"
        and fields["maybe"].default == "none"
        and fields["maybe.size"].default == "4"
    )
    assert fields["pair"].type == "[float, float]" and fields["named"].type == "mapping of Inner"
