"""Scores of declared models at past origins."""

from __future__ import annotations

__all__ = ["Key", "get_newest_origin", "get_scores", "prune_scores", "save_scores"]

import contextlib
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from service.core.tables import model_scores


@dataclass(frozen=True)
class Key:
    """The key of a score; it changes with the declaration and with revised figures.

    Attributes
    ----------
    figures_hash : str
        Hash of the figures used for fitting and for scoring.
    """

    series_id: str
    model: str
    spec_hash: str
    origin: dt.date
    figures_hash: str


def get_scores(connection: sa.Connection, keys: Iterable[Key]) -> dict[Key, dict[str, float]]:
    """Return the stored scores of `keys`; keys without scores are left out."""
    requested = set(keys)
    c = model_scores.c
    rows = connection.execute(
        sa.select(model_scores).where(
            c.origin.in_({key.origin for key in requested}),
            c.model.in_({k.model for k in requested}),
        )
    )
    scores = {
        Key(r.series_id, r.model, r.spec_hash, r.origin, r.figures_hash): r.scores for r in rows
    }
    return {key: scores[key] for key in requested if key in scores}


def save_scores(
    connection: sa.Connection, scores: Mapping[Key, Mapping[str, float]], now: dt.datetime
) -> None:
    """Store scores; skip those that another process stored meanwhile, which are equal."""
    rows = [
        {
            "series_id": key.series_id,
            "model": key.model,
            "spec_hash": key.spec_hash,
            "origin": key.origin,
            "figures_hash": key.figures_hash,
            "scores": dict(values),
            "computed_at": now,
        }
        for key, values in scores.items()
    ]
    for row in rows:
        with contextlib.suppress(sa.exc.IntegrityError), connection.begin_nested():
            connection.execute(model_scores.insert().values(row))


def get_newest_origin(connection: sa.Connection) -> dt.date | None:
    """Return the newest scored origin, or None."""
    query = sa.select(model_scores.c.origin).order_by(model_scores.c.origin.desc()).limit(1)
    return connection.scalar(query)


def prune_scores(connection: sa.Connection, before: dt.date) -> int:
    """Delete the scores at origins before `before`; return how many."""
    old = model_scores.c.origin < before
    return int(connection.execute(model_scores.delete().where(old)).rowcount)
