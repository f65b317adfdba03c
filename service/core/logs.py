"""Logging, set up once per process: text lines on a terminal, JSON elsewhere.

Every line carries its request id and run id. Secrets and addresses are masked in all log lines,
including those of libraries, as a last resort: do not log them.
"""

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
"""Id of the request that this thread answers."""
run_id: ContextVar[int | None] = ContextVar("run_id", default=None)
"""Id of the run that this thread performs."""

# httpx logs full URLs, whose query may hold a key.
_LIBRARIES = ("alembic", "cmdstanpy", "httpcore", "httpx", "prophet")


def configure(level: str, form: str = "auto", secrets: Iterable[str] = ()) -> None:
    """Log to standard error from `level` up; libraries from warnings up.

    - `form`: ``json``, ``lines``, or ``auto``: text lines on a terminal, JSON elsewhere.
    - `secrets`: Values to mask in every line.
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
    """Tag this thread's log lines with the run id."""
    before = run_id.set(number)
    try:
        yield
    finally:
        run_id.reset(before)


class _Formatter(logging.Formatter):
    """One JSON object or one text line per record, followed by any traceback."""

    def __init__(self, mask: Masker, is_json: bool) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z"
        )
        self._mask = mask
        self._is_json = is_json

    def format(self, record: logging.LogRecord) -> str:
        tags: dict[str, object] = {}
        if request_id.get():  # it may come from the client
            tags["request_id"] = self._mask(request_id.get())
        if run_id.get() is not None:
            tags["run_id"] = run_id.get()
        if not self._is_json:
            ids = "".join(f" [{name} {value}]" for name, value in tags.items())
            first, cut, rest = self._mask(super().format(record)).partition("\n")
            return f"{first}{ids}{cut}{rest}"
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        fields: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._mask(record.getMessage()),
        } | tags
        fields |= getattr(record, "fields", {})
        if record.exc_info:
            fields["error"] = self._mask(self.formatException(record.exc_info))
        return json.dumps(fields, default=str)
