"""Logging, set up once in each process."""

from __future__ import annotations

__all__ = ["configure"]

import logging
import sys


def configure(level: str) -> None:
    """Log to standard error, from `level` on; libraries only when they warn."""
    logging.basicConfig(
        level=level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        force=True,
    )
    for library in ("alembic", "apscheduler", "cmdstanpy", "prophet"):
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLevelName(level)))
