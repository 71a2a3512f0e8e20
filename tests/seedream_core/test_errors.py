"""An error is one message: what is wrong, where, and the fix."""

from seedream_core.errors import ConfigError, DataError, Interrupted, Problem, UserError


def test_a_user_error_carries_its_fix():
    assert str(UserError("too big", "try 4")) == "too big\n  fix: try 4"
    assert str(UserError("too big")) == "too big"


def test_a_problem_says_file_line_and_key_as_far_as_it_has_them():
    assert str(Problem("a.yaml", 3, "base.lr", "no")) == "a.yaml:3: base.lr: no"
    assert str(Problem("a.yaml", None, "", "no such file")) == "a.yaml: no such file"
    assert str(Problem("", None, "lr", "no")) == "lr: no"


def test_a_config_error_holds_all_problems_and_exit_codes_tell_errors_apart():
    error = ConfigError([Problem("a", 1, "x", "no"), Problem("a", 2, "y", "no")])
    assert str(error) == "a:1: x: no\na:2: y: no" and len(error.problems) == 2
    assert (error.exit_code, UserError("").exit_code, DataError("").exit_code, Interrupted("").exit_code) == (
        2,
        1,
        1,
        130,
    )
