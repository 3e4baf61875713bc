import pytest

from groove.cli.console import table_console


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("200", 200), (None, 140), ("wide", 140)])
def test_columns_says_the_width_and_a_pipe_has_room(monkeypatch, columns, width):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("os.get_terminal_size", lambda fd: (_ for _ in ()).throw(OSError))  # as in a pipe
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    assert table_console(140).width == width


def test_a_terminal_is_taken_as_it_is(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setattr("os.get_terminal_size", lambda fd: (90, 30))
    assert table_console(140).width == 90
