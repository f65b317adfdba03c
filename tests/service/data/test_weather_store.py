from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import sqlalchemy as sa

from service.core.database import Database
from service.data import weather_store
from service.data.weather_store import Past, Told
from tests.service.support import utc

D = dt.date
NAMES = ("wave_m", "wind_kmh")
SEEN = utc(2025, 12, 28, 6)


def told(
    kind: str,
    first: dt.date,
    rows: list[list[float]],
    seen_at: dt.datetime = SEEN,
    names: tuple[str, ...] = NAMES,
    members: int = 1,
) -> Told:
    values = np.stack([np.array(rows) + member for member in range(members)])
    return Told(kind, names, first, values, seen_at, seen_at)


def put(database: Database, *all_told: Told) -> list[bool]:
    with database.writing() as connection:
        return [weather_store.put(connection, one) for one in all_told]


def test_what_was_told_is_read_again(database: Database) -> None:
    one = told("ensemble", D(2025, 12, 28), [[1.5, 20.25], [np.nan, 3.0]], members=3)
    later = told("ensemble", D(2025, 12, 29), [[2.5, 10.0]], utc(2025, 12, 29, 6), members=3)
    assert put(database, one, one, later) == [True, False, True]
    with database.reading() as connection:
        again = weather_store.newest(connection, "ensemble", utc(2025, 12, 28, 7))
        assert again is not None
        np.testing.assert_array_equal(again.values, one.values)
        assert (again.names, again.first, again.last) == (one.names, one.first, D(2025, 12, 29))
        assert (again.made_at, again.seen_at) == (SEEN, SEEN)
        newest = weather_store.newest(connection, "ensemble")
        assert newest is not None
        assert newest.first == D(2025, 12, 29)
        assert weather_store.newest(connection, "ensemble", utc(2025, 12, 28, 5)) is None
        assert weather_store.newest(connection, "forecast") is None


def test_a_stretch_ends_where_no_telling_reaches(database: Database) -> None:
    row = [1.0, 2.0]
    put(
        database,
        told("archive", D(2025, 12, 11), [row, row]),
        told("archive", D(2025, 12, 1), [row, [np.nan, np.nan], row]),  # the 2nd is not known
        told("archive", D(2025, 12, 4), [row]),
        told("archive", D(2025, 12, 1), [row]),
        told("archive", D(2025, 12, 6), [row]),
    )
    with database.reading() as connection:
        found = weather_store.spans(connection, "archive")
        assert weather_store.spans(connection, "forecast") == []
    days = [(first.day, last.day) for first, last in found]
    assert days == [(1, 4), (6, 6), (11, 12)]


def test_the_past_is_what_was_told_last(database: Database) -> None:
    put(
        database,
        told("archive", D(2025, 12, 1), [[1, 1], [2, 2], [np.nan, np.nan]]),
        told("archive", D(2025, 12, 2), [[9, 9], [3, 3]], utc(2025, 12, 29, 6)),
    )
    with database.reading() as connection:
        past = weather_store.past(Past(connection), "archive")
        before = weather_store.past(Past(connection), "archive", SEEN)
        assert weather_store.past(Past(connection), "past_forecast") is None
    assert past is not None
    assert before is not None
    assert past.values[0, :, 0].tolist() == [1, 9, 3]
    assert before.values[0, :2, 0].tolist() == [1, 2]


def test_models_take_what_was_foreseen_then_and_the_members_ahead(database: Database) -> None:
    put(
        database,
        told("archive", D(2025, 12, 20), [[n, n] for n in range(6)]),  # to the 25th
        told("past_forecast", D(2025, 12, 23), [[10 * n, n] for n in range(5)]),  # to the 27th
        told("forecast", D(2025, 12, 28), [[100 + n, n] for n in range(4)]),  # to the 31st
        told("ensemble", D(2025, 12, 28), [[50 + n] for n in range(4)], names=NAMES[1:], members=3),
    )
    with database.reading() as connection:
        table = weather_store.covariates(connection, NAMES, D(2025, 12, 27))
        later = weather_store.covariates(connection, NAMES, D(2025, 12, 28))
        assert weather_store.covariates(connection, ("tide_m",), D(2025, 12, 27)) is None
        assert (
            weather_store.covariates(connection, NAMES, D(2025, 12, 27), utc(2025, 12, 1)) is None
        )
        assert weather_store.covariates(connection, NAMES, D(2025, 12, 19)) is None
        assert weather_store.covariates(connection, NAMES, D(2026, 1, 1)) is None
    assert table is not None
    assert table.values.shape == (3, 12, 2)
    assert (str(table.start), table.n_single) == ("2025-12-20", 8)
    assert table.values[0, :, 0].tolist() == [0, 1, 2, 0, 10, 20, 30, 40, 100, 101, 102, 103]
    assert table.values[2, 8:, 1].tolist() == [52, 53, 54, 55]
    assert table.values[2, :8, 1].tolist() == table.values[0, :8, 1].tolist()
    at_origin = table.at("2025-12-27", 7)
    assert (at_origin.n_members, at_origin.n_ahead) == (3, 4)
    # The past reaches to the day that is asked for; what was foreseen of it is all that is known.
    assert later is not None
    assert later.n_single == 9
    assert later.values[:, 8, 1].tolist() == [0, 0, 0]
    assert later.values[2, 9:, 1].tolist() == [53, 54, 55]


def test_models_take_what_has_no_gap_around_the_day(database: Database) -> None:
    put(
        database,
        told("archive", D(2025, 12, 20), [[1, 1], [np.nan, 2], [3, 3], [4, 4]]),
        told("forecast", D(2025, 12, 24), [[5, 5], [6, 6], [np.nan, 7], [8, 8]]),
    )
    with database.reading() as connection:
        table = weather_store.covariates(connection, NAMES, D(2025, 12, 23))
        before = weather_store.covariates(connection, NAMES, D(2025, 12, 20))
        assert weather_store.covariates(connection, NAMES, D(2025, 12, 21)) is None
    assert table is not None
    assert (str(table.start), table.n_single) == ("2025-12-22", 2)
    assert table.values[0, :, 0].tolist() == [3, 4, 5, 6]
    assert before is not None
    assert (str(before.start), before.n_single, before.values.shape) == ("2025-12-20", 1, (1, 1, 2))


def test_an_ensemble_of_an_earlier_day_is_not_mixed_with_the_forecast(database: Database) -> None:
    put(
        database,
        told("archive", D(2025, 12, 20), [[1, 1], [2, 2]]),
        told("ensemble", D(2025, 12, 21), [[50], [51], [52]], names=NAMES[1:], members=3),
        told("forecast", D(2025, 12, 22), [[3, 3], [4, 4]]),
    )
    with database.reading() as connection:
        table = weather_store.covariates(connection, NAMES, D(2025, 12, 21))
    assert table is not None
    assert table.values[:, :, 1].tolist() == [[1, 2, 3, 4]]


def test_an_encoding_that_is_not_known_is_refused(database: Database) -> None:
    put(database, told("archive", D(2025, 12, 20), [[1, 1]]))
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE weather SET encoding = 'other'"))
    with (
        database.reading() as connection,
        pytest.raises(ValueError, match="expected weather encoded as float32-zlib, found 'other'"),
    ):
        weather_store.newest(connection, "archive")


def foreseen(day: int, hour: int, gap: bool = False) -> tuple[Told, Told]:
    """A forecast and an ensemble of four days, read on a day of December at an hour."""
    seen, first = utc(2025, 12, day, hour), D(2025, 12, day)
    rows = [[float(day), hour + n] for n in range(4)]
    if gap:
        rows[3] = [np.nan, np.nan]
    return told("forecast", first, rows, seen), told("ensemble", first, rows, seen, members=3)


def test_what_was_foreseen_goes_when_no_later_moment_asks_for_it(database: Database) -> None:
    put(
        database,
        told("archive", D(2025, 11, 1), [[n, n] for n in range(40)], utc(2025, 12, 1)),
        *foreseen(10, 5),
        *foreseen(10, 11, gap=True),  # which does not say all that the one before says
        *foreseen(11, 5),
        *foreseen(11, 11),
        *foreseen(12, 5),
        *foreseen(13, 5),
        *foreseen(13, 11),
    )
    before = utc(2025, 12, 12, 12)
    moments = [before + dt.timedelta(hours=hours) for hours in (0, 12, 18, 24, 500)]

    def answers() -> list[object]:
        with database.reading() as connection:
            found = [
                (weather_store.covariates(connection, NAMES, D(2025, 12, day), moment), moment)
                for day in (1, 9, 10, 12, 13)
                for moment in moments
            ]
            ends = [
                weather_store.newest(connection, kind, moment)
                for kind in ("forecast", "ensemble")
                for moment in moments
            ]
        tables = [(t.values.tobytes(), t.start, t.n_single) if t else None for t, _ in found]
        return [*tables, *((one.values.tobytes(), one.seen_at) for one in ends if one)]

    there = answers()
    assert None not in there
    with database.writing() as connection:
        assert weather_store.prune(connection, utc(2025, 12, 1)) == 0
        # Ensembles: all but the newest of before. Forecasts: the earlier one of the eleventh, of
        # which the later one says as much; that of the tenth at eleven has a day of its own gap.
        assert weather_store.prune(connection, before) == 4 + 1
        assert weather_store.prune(connection, before) == 0
    assert answers() == there


def test_what_was_told_is_unpacked_once_for_many_moments(database: Database) -> None:
    put(database, *foreseen(10, 5), *foreseen(11, 5))
    with database.reading() as connection:
        shared = weather_store.Past(connection)
        early, late = (shared.of("forecast", utc(2025, 12, day, 12)) for day in (10, 11))
        assert shared.of("forecast", utc(2025, 12, 1)) == []
    assert [one.first for one in late] == [D(2025, 12, 10), D(2025, 12, 11)]
    assert early[0] is late[0]
