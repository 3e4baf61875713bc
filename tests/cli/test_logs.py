"""Messages go to the console as they are, and into a file with time, level and origin."""

from __future__ import annotations

import logging
import re

import pytest

from groove.cli.logs import log_to_console, log_to_file
from groove.errors import RunError

LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR) +groove\S*: (.*)$")
log = logging.getLogger("groove.somewhere")


def test_a_message_is_short_on_the_console_and_dated_in_the_file(tmp_path, capsys):
    log_to_console()
    log_to_console()  # once is enough
    with log_to_file(tmp_path / "run" / "groove.log"):
        log.info("50 % of {everything}")
        log.warning("look out")
    log.info("after the run")
    out, err = capsys.readouterr()
    assert (out, err) == ("50 % of {everything}\nafter the run\n", "look out\n")
    lines = [LINE.match(line) for line in (tmp_path / "run" / "groove.log").read_text().splitlines()]
    assert [line and line.groups() for line in lines] == [
        ("INFO", "50 % of {everything}"),
        ("WARNING", "look out"),
    ]


def test_what_ends_the_work_is_in_the_file(tmp_path, capsys):
    path = tmp_path / "groove.log"
    with pytest.raises(RunError), log_to_file(path):
        raise RunError("no room")
    with pytest.raises(ZeroDivisionError), log_to_file(path):
        1 / 0  # noqa: B018
    text = path.read_text()
    assert "ERROR   groove: no room" in text.splitlines()[0]  # a person's mistake: one line
    assert "Traceback" in text and "ZeroDivisionError" in text  # a bug: all of it
    assert capsys.readouterr() == ("", "")  # said once, by whoever catches it


def test_a_full_disk_is_an_error_of_the_run(tmp_path):
    with pytest.raises(OSError, match="No space left"), log_to_file(tmp_path / "groove.log"):
        handler = logging.getLogger("groove").handlers[-1]
        assert isinstance(handler, logging.FileHandler)
        handler.stream.close()
        handler.stream = open("/dev/full", "w")
        log.info("x")


def test_the_log_of_another_run_is_left_alone(tmp_path):
    with log_to_file(tmp_path / "a.log"):
        log.info("first")
    with log_to_file(tmp_path / "a.log"), log_to_file(tmp_path / "b.log"):
        log.info("second")
    assert [line.split(": ")[1] for line in (tmp_path / "a.log").read_text().splitlines()] == ["first", "second"]
    assert [line.split(": ")[1] for line in (tmp_path / "b.log").read_text().splitlines()] == ["second"]
