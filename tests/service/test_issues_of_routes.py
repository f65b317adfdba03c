"""Two routes in one service: figures, issues, answers, pages and jobs of each."""

import datetime as dt
import re
from dataclasses import replace

import pytest

from service.answers.alarms import alarms
from service.answers.issue_loader import IssueLoader
from service.answers.service_metrics import service_metrics
from service.answers.status import status
from service.answers.track_record import track_record
from service.app import create_app
from service.core import run_store
from service.core.clock import utc_now
from service.core.context import open_context
from service.core.job_runner import Outcome, run_job
from service.core.settings import Settings
from service.data.ingest import ingest
from service.issues.champion import choose_champion, last_comparison
from service.issues.compare import compare
from service.issues.declared_models import declared
from service.issues.hindcast import hindcast
from service.issues.refit import refit
from service.issues.score import score
from service.scheduler.scheduler import run_next_request, scheduled_items
from tests.service.support import declare_quick_models, utc

D = dt.date
ROUTES = "channel,italy"


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """Both routes with figures, forecasts, hindcasts and scores."""
    folder = tmp_path_factory.mktemp("routes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSINGS_SOURCE", "figures")
        settings = Settings(
            routes=ROUTES,
            var_dir=folder / "var",
            models_dir=declare_quick_models(folder / "models"),
            paths=100,
            horizon=28,
            fit_seconds=0,
            champion_origins=4,
        )
    context = open_context(settings)
    for one_route in context.each_route():
        assert ingest(one_route).outcome == refit(one_route).outcome == "done"
        origin = D(2025, 12, 1) if one_route.route.name == "channel" else D(2024, 12, 1)
        assert hindcast(one_route, [origin]).detail["made"] == 1
        assert score(one_route).detail["scores"] > 0
        assert compare(one_route).outcome == "done"
    yield context
    context.database.close()


@pytest.fixture
def client(context):
    return create_app(context, utc_now).test_client()


def test_requested_time_is_a_day_of_each_route(client):
    """The first is at 00:30 in Rome and 23:30 in London."""
    moments = {"from": "2024-07-01T22:30:00Z", "to": "2024-07-04T12:00:00Z"}
    for series, first in (("italy_people", D(2024, 7, 2)), ("people", D(2024, 7, 1))):
        rows = client.get(f"/v1/series/{series}/panel", query_string=moments).get_json()["rows"]
        query = {"range": moments, "targets": [{"target": f"{series}.actual"}]}
        (answer,) = client.post("/grafana/query", json=query).get_json()
        times = [dt.datetime.fromisoformat(row["time"]) for row in rows]
        assert times[0].date() == first
        assert [at for _, at in answer["datapoints"]] == [at.timestamp() * 1000 for at in times]


def test_answers_have_the_attribution_of_their_route(client):
    catalogue = client.get("/v1/series").get_json()
    rows = {row["series_id"]: row for row in catalogue["rows"]}
    assert list(rows) == ["people", "boats", "preventions", "italy_people"]
    assert rows["italy_people"]["route"] == "italy"
    assert rows["italy_people"]["licence"] == "CC BY 4.0"
    for name, source in (("people", "Home Office"), ("italy_people", "ondata")):
        assert source in catalogue["attribution"]
        answer = client.get(f"/v1/series/{name}/forecast?horizon=3").get_json()
        assert answer["series_id"] == name
        assert source in answer["attribution"]
        assert len(answer["rows"]) == 3
    unknown = client.get("/v1/series/landings/forecast").get_json()
    assert "expected one of the series people, boats, italy_people, found" in unknown["detail"]


def test_status_and_metrics_cover_both_routes(context, client):
    body = client.get("/v1/status").get_json()
    assert [row["series_id"] for row in body["series"]] == ["people", "boats", "italy_people"]
    assert {row["route"] for row in body["jobs"] if row["last_outcome"]} == {"channel", "italy"}
    assert {row["route"] for row in body["documents"]} == {"channel", "italy"}
    old = [reason["detail"] for reason in body["reasons"] if reason["name"] == "figures_old"]
    assert [detail.partition(":")[0] for detail in old] == ["channel", "italy"]
    assert old[1].endswith(" days ago: the source has ended")
    with_weather = context.settings.model_copy(update={"weather": "openmeteo"})
    routes = status(IssueLoader(replace(context, settings=with_weather)))["routes"]
    weather = {row["route"]: row["weather"]["status"] for row in routes}
    assert weather == {"channel": "missing", "italy": "off"}
    metrics = service_metrics(IssueLoader(context))
    with_issues = {("people",), ("boats",), ("italy_people",)}
    assert set(metrics["forecast_issued_timestamp_seconds"]) == with_issues
    with_new_figures = {("people",), ("boats",)}  # Italy's source has ended: no alert
    assert set(metrics["data_through_timestamp_seconds"]) == with_new_figures
    assert metrics["job_runs"]["italy", "refit", "done"] == 1
    channel_only = replace(context, routes=context.routes[:1])
    last_success = service_metrics(IssueLoader(channel_only))["job_last_success_timestamp_seconds"]
    assert {route for route, _ in last_success} == {"channel"}, "the other is disabled"


@pytest.mark.parametrize("path", ["/", "/plan", "/record", "/compare", "/about"])
def test_pages_and_their_links_are_of_the_route_of_the_series(client, path):
    answer = client.get(f"{path}?series=italy_people")
    assert answer.status_code == 200
    page = answer.text
    assert "Mediterranean crossings forecast" in page
    assert "ondata" in page
    assert 'value="italy_people" selected>The central Mediterranean<' in page
    without_picker = page.replace('value="people">The English Channel<', "")
    for word in ("Channel", "UK", "Dover", "Home Office", "Open Government"):
        assert not re.search(rf"\b{word}\b", without_picker), word
    links = re.findall(r'href="(/(?:\?|plan|record|compare|about|feed)[^"]*|/)"', page)
    assert len(links) > 8
    assert [link for link in links if "series=italy_people" not in link] == []
    default = client.get(path).text
    assert 'value="people" selected>' in default
    assert "ondata" not in default


def test_downloads_embeds_and_feeds_name_their_source(client):
    query = "?series=italy_people"
    metadata = client.get(f"/now/forecast.metadata.json{query}").get_json()
    assert metadata["dc:license"] == {"@id": "https://creativecommons.org/licenses/by/4.0/"}
    assert metadata["dc:title"] == "People per day, whole of Italy"
    assert ":8000/?series=italy_people. Source: " in metadata["dc:bibliographicCitation"]
    for path in (f"/embed/now/forecast{query}", f"/feed.atom{query}"):
        text = client.get(path).text
        assert "ondata" in text and "Italian time" in text
        assert "UK" not in text


def test_each_route_has_its_track_record_and_alarms(context):
    week_later = IssueLoader(context, lambda: utc_now() + dt.timedelta(days=7))
    for loader in week_later.each_route():
        record = track_record(loader, loader.route.leading, kind="hindcast")
        assert record["issues"] == 1
        (alarm,) = alarms(loader)
        assert alarm["name"] == "issues_late"
        assert alarm["detail"].startswith(f"{loader.route.name}: no forecast has been published")


def test_each_route_has_its_champion(context):
    specs = declared(context.settings.models_dir)
    detail = {"champion": "seasonal_naive", "declared": "climatology"}
    _, italy = context.each_route()
    run_job(italy, "compare", lambda _: Outcome("done", "better", detail))
    with context.database.reading() as connection:
        comparisons = {route.name: last_comparison(connection, route) for route in context.routes}
    champions = {
        route: choose_champion(specs, comparison) for route, comparison in comparisons.items()
    }
    assert champions == {"channel": "climatology", "italy": "seasonal_naive"}


def test_job_request_is_for_one_route(context):
    with context.database.writing() as connection:
        requested = [
            run_store.request_run(connection, "ingest", "a", utc_now(), route)
            for route in ("channel", "italy", "gone")
        ]
    for _ in requested:
        run_next_request(context, ("ingest",))
    with context.database.reading() as connection:
        runs = [run_store.get_request(connection, run.run_id) for run in requested]
    assert [run.outcome for run in runs] == ["done", "done", "failed"]
    assert "expected one of the routes channel, italy, found 'gone'" in runs[2].reason


def test_each_route_has_its_schedule_and_the_first_has_shared_jobs(context):
    at = utc(2026, 3, 28, 20)  # before the night in which clocks go forward
    assert {
        (one.route.name, item.name): item.next_due(at) for one, item in scheduled_items(context)
    } == {
        ("channel", "renew"): utc(2026, 3, 29, 8, 40),
        ("channel", "tidy"): utc(2026, 3, 29, 2, 40),
        ("italy", "renew"): utc(2026, 3, 29, 13),
    }
