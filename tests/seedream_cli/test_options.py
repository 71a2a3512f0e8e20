"""Every option is used by a command, and says what it does."""

from typing import get_args, get_type_hints

from seedream_cli import main, options

NAMES = {name: option for name, option in vars(options).items() if hasattr(option, "__metadata__")}


def test_every_option_has_a_help_text():
    for name, option in NAMES.items():
        assert get_args(option)[1].help, name


def test_every_option_is_used_by_a_command():
    commands = (main.stage, main.data, main.generate, main.run)
    used = [hint for command in commands for hint in get_type_hints(command, include_extras=True).values()]
    assert [name for name, option in NAMES.items() if name != "Version" and option not in used] == []
