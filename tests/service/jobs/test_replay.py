from __future__ import annotations

import pytest

from service.context import Context
from service.jobs import hindcast, ingest, refit, replay
from service.store import issues

WEEKS = 3


@pytest.fixture
def quick(filled: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(replay, "ORIGINS", WEEKS)
    return Context(filled.settings.model_copy(update={"champion_origins": 4}), filled.database)


def origins(context: Context) -> list[str]:
    with context.database.reading() as connection:
        kinds = issues.issues.c
        rows = connection.execute(
            issues.issues.select().where(kinds.kind == "hindcast", kinds.series_id == "people")
        )
        return sorted({str(row.data_through) for row in rows})


def test_nothing_is_replayed_before_the_source_was_read_and_a_forecast_published(
    quick: Context,
) -> None:
    assert replay.replay(quick).outcome == "skipped"
    refit.refit(quick, period="first")
    live = quick.settings.model_copy(update={"source": "govuk"})  # which nobody has read yet
    assert replay.replay(Context(live, quick.database)).outcome == "skipped"
    assert origins(quick) == []


def test_what_was_stopped_goes_on_where_it_was(
    quick: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest.ingest(quick)
    refit.refit(quick, period="first")
    make, begun = hindcast.make, []

    def stop_at_the_second(*arguments: object) -> str:
        begun.append(arguments)
        if len(begun) == 2:
            raise SystemExit
        return make(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(hindcast, "make", stop_at_the_second)
    with pytest.raises(SystemExit):
        replay.replay(quick)
    assert origins(quick) == ["2025-12-21"]
    assert replay.replay(quick).reason == "2 of 2 weeks before the first start replayed"
    assert origins(quick) == ["2025-12-07", "2025-12-14", "2025-12-21"]
    assert replay.replay(quick).outcome == "skipped"
    assert len(begun) == WEEKS + 1
