"""Logging, set up once in each process: lines for people on a terminal, JSON elsewhere.

Every line says of which request and of which run of a job it is. Secrets and addresses are masked
in whatever is logged, by us or by a library: that is the last net, not a licence to log them.
"""

from __future__ import annotations

__all__ = ["configure", "request_id", "run_id", "within_run"]

import contextlib
import datetime as dt
import json
import logging
import sys
from collections.abc import Iterable, Iterator
from contextvars import ContextVar

from service.core.secrets import Masker

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that this thread answers."""
run_id: ContextVar[int | None] = ContextVar("run_id", default=None)
"""The run of a job that this thread is at."""

# httpx says the whole address of each request, in whose query a key may travel.
_LIBRARIES = ("alembic", "apscheduler", "cmdstanpy", "httpcore", "httpx", "prophet")


def configure(level: str, form: str = "auto", secrets: Iterable[str] = ()) -> None:
    """Log to standard error, from `level` on; libraries only when they warn.

    Parameters
    ----------
    form : str
        ``json``, ``lines``, or ``auto``: lines on a terminal, JSON elsewhere.
    secrets : iterable of str
        What no line may show.
    """
    stream = sys.stderr
    is_json = form == "json" or (form == "auto" and not stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter(Masker(secrets), is_json))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLevelName(level)))


@contextlib.contextmanager
def within_run(number: int) -> Iterator[None]:
    """Let what this thread logs say that it is of that run."""
    before = run_id.set(number)
    try:
        yield
    finally:
        run_id.reset(before)


class _Formatter(logging.Formatter):
    """One JSON object a line, or one plain line, followed by any traceback."""

    def __init__(self, mask: Masker, is_json: bool) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z"
        )
        self._mask = mask
        self._is_json = is_json

    def format(self, record: logging.LogRecord) -> str:
        whose: dict[str, object] = {}
        if request_id.get():  # the client may have chosen it
            whose["request_id"] = self._mask(request_id.get())
        if run_id.get() is not None:
            whose["run_id"] = run_id.get()
        if not self._is_json:
            ids = "".join(f" [{name} {value}]" for name, value in whose.items())
            first, cut, rest = self._mask(super().format(record)).partition("\n")
            return f"{first}{ids}{cut}{rest}"
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        fields: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._mask(record.getMessage()),
        } | whose
        fields |= getattr(record, "fields", {})
        if record.exc_info:
            fields["error"] = self._mask(self.formatException(record.exc_info))
        return json.dumps(fields, default=str)
