import datetime as dt

import numpy as np
import pytest

from service.core.context import Context
from service.core.job_runner import JobError, Outcome, run_job
from service.core.tables import issue_paths
from service.data.ingest import ingest
from service.issues import issue_store
from service.issues.refit import refit
from service.issues.reproduce import reproduce_issue
from tests.service import sample_weather
from tests.service.sample_weather import CALM, ROUGH
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.stored_issues import latest_issue, with_settings
from tests.service.support import ROUTE, declare_model, utc


def test_past_issue_is_reproduced_despite_newer_data(filled, hand, tmp_path):
    context = sample_weather.with_weather(filled)
    # Longer than the paths stored for models that are not the champion.
    context = with_settings(context, horizon=40)
    sample_weather.store_weather(context.database, utc(2026, 1, 1, 5), [CALM] * 7, members=3)
    refit(context)
    first = latest_issue(context)
    revised_at = utc(2026, 1, 1, 15)
    revised = Figure("people", dt.date(2025, 12, 20), 5, "page", revised_at, is_marked=True)
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, [revised], revised_at)
    file = tmp_path / "new.csv"
    file.write_text("date,people,boats\n2026-01-01,350,7\n")
    ingest(context, "csv", file)
    sample_weather.store_weather(context.database, utc(2026, 1, 2, 5), [ROUGH] * 7, members=5)
    hand.now = utc(2026, 1, 2, 15)
    refit(context)
    still_current = utc(2026, 1, 2, 6)  # though newer weather is known
    for settings in (context.settings, sample_weather.without_weather(context.settings)):
        outcome = reproduce_issue(Context(settings, context.database), still_current)
        reason = f"issue {first.issue_id} is reproduced bit for bit by all of its 3 models"
        assert (outcome.outcome, outcome.reason) == ("done", reason)
    with pytest.raises(JobError, match="there was no issue of people at 2025-12-01T12:00:00Z"):
        reproduce_issue(context, utc(2025, 12, 1, 12))
    newest = reproduce_issue(context, hand.now)
    assert newest.detail["issue"] != first.issue_id
    with context.database.reading() as connection:
        assert len(issue_store.list_issues(connection, "people", 10)) == 2, (
            "reproducing publishes nothing"
        )


def test_model_fitted_without_weather_is_repeated_without_it(filled, hand):
    context = sample_weather.with_weather(filled)
    declare_model(context.settings.models_dir, "surge", "level_hurdle", "challenger")
    sample_weather.store_weather(context.database, utc(2026, 1, 1, 5), [CALM] * 7)
    worse = {"worse_with_weather": {"surge": "is worse with it"}}
    run_job(context, "compare", lambda _: Outcome("done", "compared", worse))
    refit(context)
    assert reproduce_issue(context, hand.now).outcome == "done"


def test_changed_paths_or_declarations_are_reported(filled, hand):
    refit(filled)
    boats, c = latest_issue(filled, "boats"), issue_paths.c
    zeros = np.zeros((boats.n_paths, boats.horizon_days), np.int32)
    encoding, content = issue_store.encode(zeros)
    with filled.database.writing() as connection:
        is_of = issue_paths.update().where(c.issue_id == boats.issue_id, c.model == "climatology")
        connection.execute(is_of.values(encoding=encoding, content=content))
    models, differ = filled.settings.models_dir, "climatology: its paths differ: its declaration or"
    with pytest.raises(JobError, match=f"reproduced: {differ}"):
        reproduce_issue(filled, hand.now)
    declare_model(models, "climatology", "climatology", "champion", "[parameters]\nyears = 1\n")
    (models / "seasonal_naive.toml").unlink()
    with pytest.raises(JobError, match=f"seasonal_naive: it is no longer declared; {differ}"):
        reproduce_issue(filled, hand.now)


def test_refit_as_of_command(filled, crossings, hand):
    folders = {
        "var_dir": filled.settings.var_dir,
        "models_dir": filled.settings.models_dir,
        "fitted_dir": filled.settings.fitted_folder,
    }
    refit(filled)
    for moment in ("2026-01-01", "2026-01-01T15:00:00+01:00"):
        process = crossings("refit", "--as-of", moment, **folders)
        assert process.returncode == 0, process.stderr
        assert "is reproduced bit for bit by all of its 2 models" in process.stdout
    invalid = crossings("refit", "--as-of", "2026-01-01T14:00:00", **folders)
    assert invalid.returncode == 2
    assert "does not match the formats" in invalid.stderr
    assert crossings("refit", "--force", "--as-of", "2026-01-01", **folders).returncode == 2
