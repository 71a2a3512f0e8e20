"""Figures for people."""

import pytest

from seedream_cli import show


@pytest.mark.parametrize(
    "number, text",
    [
        (0, "0 "),
        (17, "17 "),
        (999, "999 "),
        (1000, "1 k"),
        (1234, "1.23 k"),
        (999_600, "1 M"),
        (6_700_000, "6.7 M"),
        (2.5e9, "2.5 G"),
        (3.2e15, "3.2 P"),
        (4e18, "4 E"),
        (5e21, "5e+03 E"),
    ],
)
def test_counts(number, text):
    assert show.count(number) == text
