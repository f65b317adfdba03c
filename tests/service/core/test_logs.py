import io
import json
import logging
import sys

import pytest

from service.core.logs import configure, request_id, within_run


@pytest.mark.parametrize(
    ("level", "is_logged"), [("DEBUG", True), ("INFO", True), ("ERROR", False)]
)
def test_libraries_log_warnings_only(level, is_logged, capsys):
    configure(level)
    for library in ("alembic", "httpx", "prophet"):
        logging.getLogger(library).info("chatter")
        logging.getLogger(library).warning("a matter")
    err = capsys.readouterr().err
    assert "chatter" not in err
    assert err.count("a matter") == (3 if is_logged else 0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("form", "stream", "is_json"),
    [
        ("auto", io.StringIO, True),
        ("auto", Terminal, False),
        ("json", Terminal, True),
        ("lines", io.StringIO, False),
    ],
)
def test_format_depends_on_setting_and_terminal(form, stream, is_json, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream())
    configure("INFO", form)
    logging.getLogger("x").info("hello")
    assert sys.stderr.getvalue().startswith("{") is is_json


def test_json_lines_contain_context_and_error(capsys):
    configure("INFO")
    configure("INFO")  # which replaces the first
    log = logging.getLogger("service.somewhere")
    log.info("one\ntwo %s", "three")
    token = request_id.set("abc")
    with within_run(7):
        log.warning("within", extra={"fields": {"route": "/v1/status"}})
    request_id.reset(token)
    try:
        raise ValueError("a defect")
    except ValueError:
        log.exception("it broke")
    first, second, third = map(json.loads, capsys.readouterr().err.splitlines())
    assert str(first.pop("time")).endswith("Z")
    assert first == {"level": "INFO", "logger": "service.somewhere", "message": "one\ntwo three"}
    assert second["request_id"] == "abc"
    assert (second["run_id"], second["route"]) == (7, "/v1/status")
    assert "request_id" not in third
    assert "ValueError: a defect" in str(third["error"])


def test_text_lines_contain_context_and_traceback(capsys):
    configure("INFO", "lines")
    logging.getLogger("x").debug("in detail")
    with within_run(7):
        try:
            raise ValueError("a defect")
        except ValueError:
            logging.getLogger("x").exception("done")
    out, err = capsys.readouterr()
    first, *rest = err.splitlines()
    assert first.endswith("ERROR x: done [run_id 7]")
    assert rest[0].startswith("Traceback")
    assert out == "" and "in detail" not in err


@pytest.mark.parametrize("form", ["json", "lines"])
def test_secrets_and_addresses_are_masked(form, capsys):
    configure("DEBUG", form, {"open sesame"})
    log = logging.getLogger("some.library")
    log.debug("logging in with %r", "open sesame")
    try:
        raise RuntimeError("no mail for reader@example.org with open sesame")
    except RuntimeError:
        log.exception("refused at smtp://user:hidden@host")
    err = capsys.readouterr().err
    assert not any(word in err for word in ("sesame", "reader", "hidden"))
    assert err.count("********") >= 4
