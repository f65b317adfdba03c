from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from service.logs import configure


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_what_is_logged_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO")
    logging.getLogger("service.somewhere").info("it went well")
    logging.getLogger("service.somewhere").debug("in detail")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("INFO service.somewhere: it went well\n")
    assert "in detail" not in said.err


@pytest.mark.parametrize(("level", "heard"), [("DEBUG", True), ("INFO", True), ("ERROR", False)])
def test_libraries_only_warn(level: str, heard: bool, capsys: pytest.CaptureFixture[str]) -> None:
    configure(level)
    for library in ("alembic", "apscheduler", "cmdstanpy", "prophet"):
        logging.getLogger(library).info("chatter")
        logging.getLogger(library).warning("a matter")
    err = capsys.readouterr().err
    assert "chatter" not in err
    assert err.count("a matter") == (4 if heard else 0)


def test_a_second_call_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO")
    configure("INFO")
    logging.getLogger("x").info("once")
    assert capsys.readouterr().err.count("once") == 1
