"""Scores of declared models at past origins."""

__all__ = ["Key", "get_scores", "save_score"]

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from service.core.database import insert
from service.core.tables import model_scores


class Key(NamedTuple):
    """The key of a score; it changes with the declaration and with revised figures."""

    series_id: str
    model: str
    spec_hash: str
    origin: dt.date
    figures_hash: str  # those used for fitting and for scoring


def get_scores(connection: sa.Connection, keys: Iterable[Key]) -> dict[Key, dict[str, float]]:
    """Return the stored scores of `keys`; keys without scores are left out."""
    requested, c = set(keys), model_scores.c
    query = sa.select(*(c[name] for name in Key._fields), c.scores)
    query = query.where(c.spec_hash.in_({key.spec_hash for key in requested}))
    scores = {Key(*key): values for *key, values in connection.execute(query)}
    return {key: scores[key] for key in requested & scores.keys()}


def save_score(
    connection: sa.Connection, key: Key, scores: dict[str, float], now: dt.datetime
) -> None:
    """Store a score, unless another process has already stored the same."""
    row = key._asdict() | {"scores": scores, "computed_at": now}
    connection.execute(insert(connection, model_scores).values(row).on_conflict_do_nothing())
