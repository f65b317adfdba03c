import datetime as dt

import pytest

from service.core import run_store
from service.core.clock import utc_now
from service.core.job_runner import JobError
from service.issues.refit import refit
from service.scheduler.scheduler import back_off, read_source_again, refit_again
from tests.service.stored_issues import with_settings
from tests.service.support import ROUTE, declare_quick_models, record_run

MINUTE = dt.timedelta(minutes=1)


def count_ingests(context):
    with context.database.reading() as connection:
        return len(run_store.list_recent(connection, "ingest"))


@pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 10), (3, 20), (7, 180), (5000, 180)])
def test_pause_doubles_up_to_three_hours(failures, minutes):
    assert back_off(failures) == minutes * MINUTE


def test_unreachable_source_is_retried_with_longer_pauses(filled):
    context = with_settings(
        filled, source="declared", govuk_url="http://127.0.0.1:9", fetch_attempts=1
    )
    before, began = count_ingests(context), utc_now()
    read_source_again(context, began)
    assert count_ingests(context) == before + 1
    for minutes, tries in ((4, 1), (6, 2), (9, 2), (12, 3)):
        read_source_again(context, began, utc_now() + minutes * MINUTE)
        assert count_ingests(context) == before + tries, minutes
    later = utc_now() + MINUTE  # times are stored in whole seconds
    read_source_again(context, later + 60 * MINUTE, later)
    assert count_ingests(context) == before + 3, "the clock was set back"
    read_source_again(context, later, later)  # a new process does not wait
    assert count_ingests(context) == before + 4


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
    assert count_ingests(context) == 1


def list_refits(context):
    with context.database.reading() as connection:
        return [run.outcome for run in run_store.list_recent(connection, "refit")]


def test_failed_refit_is_retried_until_it_succeeds(filled):
    models = filled.settings.models_dir
    for file in models.glob("*.toml"):
        file.write_text("no TOML")
    before = len(list_refits(filled))
    refit_again(filled)
    assert len(list_refits(filled)) == before, "retried without a failure"
    with pytest.raises(JobError, match="expected a model that can be published"):
        refit(filled)
    began = utc_now()
    for minutes, tries in ((4, 1), (6, 2), (9, 2), (12, 3)):
        refit_again(filled, began + minutes * MINUTE)
        assert len(list_refits(filled)) == before + tries, minutes
    running = record_run(filled.database, "another process", utc_now())
    record_run(filled.database, "a third", utc_now(), outcome="failed")  # begun and ended meanwhile
    refit_again(filled, began + 60 * MINUTE)
    assert len(list_refits(filled)) == before + 5, "retried while another refit was running"
    with filled.database.writing() as connection:
        run_store.finish_run(
            connection, run_store.Claim(running, 1), "stopped", None, {}, utc_now()
        )
    declare_quick_models(models)
    refit_again(filled, began + 60 * MINUTE)
    assert list_refits(filled)[0] == "done"
    refit_again(filled, began + 600 * MINUTE)
    assert len(list_refits(filled)) == before + 6


def test_failure_dated_in_the_future_does_not_delay_the_retry(filled):
    later = utc_now() + dt.timedelta(days=400)
    record_run(filled.database, "before the clock was set back", later, outcome="failed")
    refit_again(filled)
    assert list_refits(filled)[0] == "done"
