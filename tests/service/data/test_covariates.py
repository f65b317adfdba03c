"""The stored weather on its way into the forecasts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from forecast.forecasters.base import FitError
from forecast.forecasters.level_hurdle import LevelHurdle
from service.core.context import Context
from service.core.tables import weather as table
from service.data import covariates as module
from service.data.daily_weather import WIND
from service.data.ingest import ingest
from service.issues import issue_store, note_store
from service.issues import refit as refit_module
from service.issues.compare import compare
from service.issues.fitted_models import load
from service.issues.hindcast import hindcast
from service.issues.issue_store import Issue
from service.issues.refit import refit
from tests.service import skies
from tests.service.skies import CALM, ROUGH
from tests.service.support import Hand, declare, utc

SEEN = utc(2026, 1, 1, 5)
NOON = utc(2026, 1, 1, 14)
ORIGIN = np.datetime64("2025-12-31")


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand(NOON)
    monkeypatch.setattr(refit_module, "utc_now", hand)
    return hand


@pytest.fixture
def reader(filled: Context) -> Context:
    return skies.reading(filled)


def latest(context: Context, series_id: str = "people") -> Issue:
    with context.database.reading() as connection:
        found = issue_store.get_latest_issue(connection, series_id)
    assert found is not None
    return found


def note(context: Context, kind: str = note_store.WEATHER) -> dict[str, Any]:
    with context.database.reading() as connection:
        return note_store.get_note(connection, latest(context).issue_id, kind) or {}


def fitted(context: Context, model: str) -> list[Path]:
    return sorted((context.settings.fitted_folder / "people" / model).glob("[0-9]*"))


def mean(context: Context, model: str = "champion") -> np.ndarray[Any, Any]:
    issue = latest(context)
    with context.database.reading() as connection:
        paths = issue_store.load_paths(
            connection, issue, issue.champion if model == "champion" else model
        )
    assert paths is not None
    return paths.mean()


@pytest.mark.usefixtures("hand")
def test_calm_days_ahead_bring_more_people(reader: Context, hand: Hand) -> None:
    skies.tell(reader.database, SEEN, [ROUGH] * 7, members=3)
    outcome = refit(reader)
    assert outcome.detail["weather"] == "used"
    assert outcome.detail["weather_reason"] == "the weather as foreseen through 2026-01-07"
    rough = mean(reader)[:7].mean()
    said = note(reader)
    assert (said["status"], said["models"]) == ("used", ["swell"])
    assert (said["read_at"], said["days_ahead"], said["members"]) == ("2026-01-01T05:00:00Z", 7, 3)
    hand.now += dt.timedelta(hours=1)
    skies.tell(reader.database, hand.now, [CALM] * 7, members=3)
    assert refit(reader).outcome == "done"
    assert mean(reader)[:7].mean() > 3 * rough
    assert refit(reader).outcome == "skipped"  # nothing else has been foreseen since


@pytest.mark.usefixtures("hand")
def test_only_what_reads_the_weather_is_fitted_anew(reader: Context, hand: Hand) -> None:
    skies.tell(reader.database, SEEN, [ROUGH] * 7)
    refit(reader)
    skies.tell(reader.database, NOON, [CALM] * 7)
    hand.now += dt.timedelta(hours=1)
    refit(reader)
    assert [len(fitted(reader, name)) for name in ("climatology", "swell")] == [1, 2]


def test_without_weather_all_is_as_it_was(filled: Context, hand: Hand) -> None:
    """Bit for bit, whether nothing is read or nothing is stored."""
    reader = skies.reading(filled)
    off = Context(skies.off(reader.settings), reader.database)
    refit(off)
    first, paths = latest(off), mean(off)
    assert note(off) == {}
    hand.now += dt.timedelta(seconds=1)
    outcome = refit(reader, force=True)
    assert latest(reader).inputs_hash == first.inputs_hash
    np.testing.assert_array_equal(mean(reader), paths)
    assert outcome.detail["weather"] == "missing"
    assert outcome.reason.endswith("without the weather: no weather forecast has been read yet")
    assert note(reader) == {
        "status": "missing",
        "reason": "no weather forecast has been read yet",
    }
    assert len(fitted(reader, "swell")) == 1


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ({"first": dt.date(2025, 3, 1)}, "365 days of weather up to 2025-12-31 are needed, 306"),
        ({"missing": [dt.date(2025, 12, 31)]}, "the weather of 2025-12-31 is not stored"),
        ({"missing": [dt.date(2025, 12, 1)]}, "days of weather up to 2025-12-31 are needed, 30"),
        (
            {"seen_at": utc(2025, 12, 31, 1)},
            "last updated at 2025-12-31T01:00:00Z, over 36 hours ago",
        ),
        ({"seen_at": utc(2026, 1, 1, 15)}, "no weather forecast has been read yet"),
        ({"coming": [np.nan] * 7}, "no day after 2025-12-31 is foreseen without a gap"),
    ],
)
@pytest.mark.usefixtures("hand")
def test_weather_that_cannot_be_used_is_none(
    reader: Context, spoil: dict[str, Any], reason: str
) -> None:
    skies.tell(reader.database, **{"seen_at": SEEN, "coming": [CALM] * 7} | spoil)
    outcome = refit(reader)
    assert (outcome.outcome, outcome.detail["weather"]) == ("done", "missing")
    assert reason in outcome.detail["weather_reason"]
    assert latest(reader).champion == "swell"


@pytest.mark.parametrize("column", ["content", "names", "encoding"])
@pytest.mark.usefixtures("hand")
def test_weather_that_is_broken_in_the_store_is_none(reader: Context, column: str) -> None:
    skies.tell(reader.database, SEEN, [CALM] * 7)
    broken: Any = {"content": b"no", "names": ["x"], "encoding": "other"}[column]
    with reader.database.writing() as connection:
        connection.execute(sa.update(table).values({column: broken}))
    outcome = refit(reader)
    assert outcome.detail["weather"] == "missing"
    assert (latest(reader).champion, latest(reader).failures) == ("swell", {})


@pytest.mark.usefixtures("hand")
def test_a_model_that_fails_with_the_weather_is_fitted_without(
    reader: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    skies.tell(reader.database, SEEN, [CALM] * 7)
    fit = LevelHurdle.fit

    def refuse(self: LevelHurdle, series: Any, covariates: Any = None) -> Any:
        if covariates is not None:
            raise FitError("too many columns")
        return fit(self, series)

    monkeypatch.setattr(LevelHurdle, "fit", refuse)
    outcome = refit(reader)
    assert latest(reader).champion == "swell"
    assert outcome.detail["weather"] == "missing"
    reason = "swell could not be fitted with it (too many columns)"
    assert outcome.detail["weather_reason"] == reason
    assert note(reader) == {"status": "missing", "reason": reason}


@pytest.mark.usefixtures("hand")
def test_a_champion_that_makes_nothing_of_the_weather(reader: Context) -> None:
    models = reader.settings.models_dir
    declare(models, "climatology", "climatology", "champion")
    declare(models, "swell", "level_hurdle", "challenger")
    skies.tell(reader.database, SEEN, [CALM] * 7)
    outcome = refit(reader)
    assert outcome.detail["weather"] == "off"
    said = note(reader)
    assert said["reason"] == "the model climatology does not use it"
    assert said["models"] == ["swell"]
    (models / "swell.toml").unlink()
    outcome = refit(reader)
    assert outcome.detail["weather_reason"] == "no declared model uses the weather"


def test_the_weather_is_taken_as_it_was_known(reader: Context) -> None:
    skies.tell(reader.database, SEEN, [ROUGH] * 7, members=3)
    skies.tell(reader.database, SEEN + dt.timedelta(days=1), [CALM] * 7, members=5)
    with reader.database.reading() as connection:
        then = skies.used(connection, ORIGIN, NOON)
        now = skies.used(connection, ORIGIN, NOON + dt.timedelta(days=1))
    assert (then.names, then.n_members, then.n_ahead) == (WIND, 3, 7)
    assert (now.n_members, now.n_ahead) == (5, 8)
    assert str(then.data_through) == str(now.data_through) == "2025-12-31"
    assert then.future[:, 0, 0].min() > 10  # rough
    # 1 January is over: it is the same in every member.
    np.testing.assert_array_equal(now.future[:, 0], np.repeat(now.future[:1, 0], 5, axis=0))
    assert now.future[:, 1, 0].max() < 2.5
    assert then.fingerprint != now.fingerprint


def test_figures_that_are_newer_than_the_forecast(reader: Context) -> None:
    """The forecast was read on a day that the figures have reached since."""
    skies.tell(reader.database, utc(2025, 12, 31, 5), [CALM, ROUGH, ROUGH], members=3)
    with reader.database.reading() as connection:
        known = skies.used(connection, ORIGIN, NOON)
    assert known.history[-1, 0] < 2.5
    assert (known.n_members, known.n_ahead) == (3, 2)


@pytest.mark.usefixtures("hand")
def test_the_weather_is_a_cause_of_what_changed(
    reader: Context, hand: Hand, tmp_path: Path
) -> None:
    skies.tell(reader.database, SEEN, [ROUGH] * 7)
    refit(reader)
    hand.now += dt.timedelta(hours=1)
    skies.tell(reader.database, hand.now, [CALM] * 7)
    refit(reader)
    found = note(reader, note_store.CHANGES)
    assert list(found["causes"]) == ["model", "revision", "weather", "new_figures"]
    week = {cause: sum(values[:7]) for cause, values in found["causes"].items()}
    change = sum(found["after"][:7]) - sum(found["before"][:7])
    assert abs(week["model"]) < 5  # the noise of drawing again
    assert week["revision"] == 0
    assert change > 50
    assert week["weather"] > 0.8 * change
    for at in range(28):
        by_cause = sum(values[at] for values in found["causes"].values())
        assert found["before"][at] + by_cause == pytest.approx(found["after"][at], abs=0.01)
    # New figures alone: the weather is asked for as it was known, and is no cause.
    file = tmp_path / "new.csv"
    file.write_text("date,people,boats\n2026-01-01,350,7\n")
    ingest(reader, "csv", file)
    hand.now = utc(2026, 1, 2, 14, 30)
    refit(reader)
    found = note(reader, note_store.CHANGES)
    assert set(found["causes"]["weather"]) == {0}
    assert any(found["causes"]["new_figures"])


def test_weather_that_comes_and_goes_is_a_cause(reader: Context, hand: Hand) -> None:
    for _ in range(2):  # from the second on it is known which model it was
        refit(reader, force=True)
        hand.now += dt.timedelta(seconds=1)
    skies.tell(reader.database, SEEN, [ROUGH] * 7)
    refit(reader)
    came = note(reader, note_store.CHANGES)
    assert sum(came["causes"]["weather"][:7]) < -50
    assert set(came["causes"]["model"]) == {0}
    hand.now += dt.timedelta(days=3)  # nothing has been read since
    outcome = refit(reader)
    assert outcome.detail["weather"] == "missing"
    went = note(reader, note_store.CHANGES)
    assert sum(went["causes"]["weather"][:7]) > 50
    hand.now += dt.timedelta(seconds=1)
    refit(reader, force=True)
    without = note(reader, note_store.CHANGES)
    assert list(without["causes"]) == ["model", "revision", "new_figures"]


@pytest.mark.usefixtures("hand")
def test_the_fit_that_is_kept_knows_the_weather(reader: Context) -> None:
    skies.tell(reader.database, SEEN, [CALM] * 7, members=3)
    refit(reader)
    (file,) = fitted(reader, "swell")
    assert load(file).fitted.covered_days == 7  # type: ignore[attr-defined]


def test_hindcasts_and_comparisons_know_what_was_known(
    reader: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At an origin before anything was read: no weather. After it: what was read by then."""
    skies.tell(reader.database, utc(2025, 11, 24, 5), [ROUGH] * 7, first=dt.date(2024, 1, 1))
    asked: list[tuple[str, str]] = []
    known = module.as_known

    def noted(connection: Any, route: Any, origin: Any, *more: Any) -> Any:
        found = known(connection, route, origin, *more)
        asked.append((str(origin), found.status))
        return found

    monkeypatch.setattr(module, "as_known", noted)
    days = [dt.date(2025, 11, 10), dt.date(2025, 11, 23)]
    assert hindcast(reader, days).detail["made"] == 2
    assert asked == [("2025-11-10", "missing"), ("2025-11-23", "used")]
    with reader.database.reading() as connection:
        (found, _) = issue_store.list_issues_by_origin(connection, days[1], "hindcast")
        with_weather = issue_store.load_paths(connection, found, "swell")
    assert with_weather is not None
    assert hindcast(reader, days).detail["made"] == 0
    off = Context(skies.off(reader.settings), reader.database)
    assert hindcast(off, days).detail["made"] == 1  # the earlier one is the same without
    asked.clear()
    narrow = Context(reader.settings.model_copy(update={"champion_origins": 4}), reader.database)
    first = compare(narrow)
    assert dict(asked)["2025-11-24"] == "used"
    assert dict(asked)["2025-11-17"] == "missing"
    assert compare(narrow).detail["computed"] == 0
    again = compare(Context(skies.off(narrow.settings), reader.database))
    # One origin of one model was scored with the weather and without.
    assert (first.detail["computed"], again.detail["computed"]) == (13, 0)
