import datetime as dt

import pytest

from service.core import run_store
from service.core.clock import format_instant, utc_now
from service.core.job_runner import JobError, Outcome
from service.issues.refit import refit
from service.scheduler import scheduler
from service.scheduler.scheduler import back_off, read_source_again, refit_again
from tests.service.stored_issues import with_settings
from tests.service.support import ROUTE, declare_quick_models, latest_run, record_run

MINUTE = dt.timedelta(minutes=1)


def count_runs(context, job):
    with context.database.reading() as connection:
        return len(run_store.list_recent(connection, job))


@pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 10), (3, 20), (7, 180), (5000, 180)])
def test_pause_doubles_up_to_three_hours(failures, minutes):
    assert back_off(failures) == minutes * MINUTE


def test_unreachable_source_is_retried_with_longer_pauses(filled, monkeypatch):
    context = with_settings(
        filled, source="declared", govuk_url="http://127.0.0.1:9", fetch_attempts=1
    )
    before, began = count_runs(context, "ingest"), utc_now()
    read_source_again(context, began)
    assert count_runs(context, "ingest") == before + 1
    for minutes, tries in ((4, 1), (6, 2), (9, 2), (12, 3)):
        read_source_again(context, began, utc_now() + minutes * MINUTE)
        assert count_runs(context, "ingest") == before + tries, minutes
    later = utc_now() + MINUTE  # times are stored in whole seconds
    read_source_again(context, later + 60 * MINUTE, later)
    assert count_runs(context, "ingest") == before + 3, "the clock was set back"
    read_source_again(context, later, later)  # a new process does not wait
    assert count_runs(context, "ingest") == before + 4
    works = []

    def work(_, period):
        works.append(period)
        return Outcome("done", "")

    for name in ("ingest", "run_daily"):
        monkeypatch.setattr(scheduler, name, work)
    read_source_again(context, later, later)
    period = f"renew-again again {format_instant(later)}"
    assert works == [period] * 2, "once the source answers, the whole cycle follows"
    with filled.database.reading() as connection:
        assert run_store.get_run(connection, "renew-again", period, ROUTE.name)
    record_run(filled.database, "later", later, job="ingest", outcome="done")
    read_source_again(context, later, later + 60 * MINUTE)
    assert len(works) == 2


@pytest.mark.parametrize(
    ("source", "times"),
    [("figures", {}), ("declared", {"read_times": "", "read_times_weekend": ""})],
    ids=["embedded figures", "read by hand"],
)
def test_source_that_the_schedule_does_not_read_again_is_not_retried(empty, source, times):
    context = with_settings(empty, source=source).for_route(ROUTE.model_copy(update=times))
    read_source_again(context, utc_now())
    record_run(context.database, job="ingest", outcome="failed")
    read_source_again(context, utc_now(), utc_now() + 60 * MINUTE)
    assert count_runs(context, "ingest") == 1


def test_failed_refit_is_retried_until_it_succeeds(filled):
    models = filled.settings.models_dir
    for file in models.glob("*.toml"):
        file.write_text("no TOML")
    before = count_runs(filled, "refit")
    refit_again(filled)
    assert count_runs(filled, "refit") == before, "retried without a failure"
    with pytest.raises(JobError, match="expected a model that can be published"):
        refit(filled)
    began = utc_now()
    for minutes, tries in ((4, 1), (6, 2), (9, 2), (12, 3)):
        refit_again(filled, began + minutes * MINUTE)
        assert count_runs(filled, "refit") == before + tries, minutes
    running = record_run(filled.database, "another process", utc_now())
    record_run(filled.database, "a third", utc_now(), outcome="failed")  # begun and ended meanwhile
    refit_again(filled, began + 60 * MINUTE)
    assert count_runs(filled, "refit") == before + 5, "retried while another refit was running"
    with filled.database.writing() as connection:
        lost = run_store.Claim(running, 1)
        run_store.finish_run(connection, lost, "stopped", None, {}, utc_now())
    declare_quick_models(models)
    refit_again(filled, began + 60 * MINUTE)
    assert latest_run(filled, "refit").outcome == "done"
    refit_again(filled, began + 600 * MINUTE)
    assert count_runs(filled, "refit") == before + 6


def test_failure_dated_in_the_future_does_not_delay_the_retry(filled):
    later = utc_now() + dt.timedelta(days=400)
    record_run(filled.database, "before the clock was set back", later, outcome="failed")
    refit_again(filled)
    assert latest_run(filled, "refit").outcome == "done"
