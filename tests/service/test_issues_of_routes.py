"""Two routes beside each other, through everything that is done for each."""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.answers.alarms import alarms
from service.answers.issue_loader import IssueLoader
from service.answers.service_metrics import service_metrics
from service.answers.status import status
from service.answers.track_record import track_record
from service.app import create_app
from service.core import request_store, run_store
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.job_runner import Outcome, perform
from service.core.settings import Settings
from service.data import observation_store
from service.data.ingest import ingest
from service.issues import fit_task, issue_store
from service.issues.champion import choose_champion, last_comparison
from service.issues.compare import compare
from service.issues.declared_models import declared
from service.issues.hindcast import hindcast
from service.issues.refit import refit
from service.issues.score import score
from service.scheduler import request_worker
from service.scheduler.scheduler import items, run_due
from tests.service.api.test_grafana import address, choices, targets
from tests.service.support import quick_models, utc

D = dt.date
ROUTES = "channel,italy"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """Both routes, read, forecast, replayed and scored."""
    folder = tmp_path_factory.mktemp("routes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSINGS_SOURCE", "figures")
        settings = Settings(
            routes=ROUTES,
            var_dir=folder / "var",
            models_dir=quick_models(folder / "models"),
            paths=100,
            horizon=28,
            fit_seconds=0,
            champion_origins=4,
        )
    context = open_context(settings)
    for one in context.each_route():
        assert ingest(one).outcome == refit(one).outcome == "done"
        last = D(2025, 12, 1) if one.route.name == "channel" else D(2024, 12, 1)
        assert hindcast(one, [last]).detail["made"] == 1
        assert score(one).detail["scores"] > 0
        assert compare(one).outcome == "done"
    yield context
    context.database.close()


@pytest.fixture
def client(both: Context) -> FlaskClient:
    return create_app(both, utc_now).test_client()


def about(context: Context, name: str) -> Context:
    return next(one for one in context.each_route() if one.route.name == name)


def test_no_answer_is_kept_beyond_midnight_of_its_route(both: Context) -> None:
    # Midnight comes to Rome an hour before it comes to London.
    last_second = about(both, "italy").route.end_of_day(utc_now().date())
    client = create_app(both, lambda: last_second - dt.timedelta(seconds=29)).test_client()
    for path, seconds in (("/italy_people/forecast", 30), ("/people/forecast", 60), ("", 30)):
        answer = client.get(f"/v1/series{path}")
        assert answer.headers["Cache-Control"] == f"public, max-age={seconds}"


def test_a_moment_asked_for_is_a_day_of_each_route(client: FlaskClient) -> None:
    # Half past midnight in Rome, half past eleven in London.
    moments = {"from": "2024-07-01T22:30:00Z", "to": "2024-07-04T12:00:00Z"}
    for series, first in (("italy_people", D(2024, 7, 2)), ("people", D(2024, 7, 1))):
        rows = client.get(f"/v1/series/{series}/panel", query_string=moments).get_json()["rows"]
        asked = {"range": moments, "targets": [{"target": f"{series}.actual"}]}
        (found,) = client.post("/grafana/query", json=asked).get_json()
        times = [dt.datetime.fromisoformat(row["time"]) for row in rows]
        assert times[0].date() == first
        assert [at for _, at in found["datapoints"]] == [at.timestamp() * 1000 for at in times]


def test_each_has_its_figures_known_at_its_own_time(both: Context) -> None:
    with both.database.reading() as connection:
        (row,) = observation_store.current(
            connection, "italy_people", first=D(2024, 7, 1), last=D(2024, 7, 1)
        )
        known = observation_store.known_together(connection, ("italy_people",), utc_now())
        before = observation_store.known_together(
            connection, ("italy_people",), utc(2024, 7, 2, 11, 59)
        )
    assert row.known_at == utc(2024, 7, 2, 12), "14:00 in Rome, where summer is two hours ahead"
    assert str(known["italy_people"].data_through) == "2024-12-31"
    assert str(before["italy_people"].data_through) == "2024-06-30"


def test_each_is_served_with_its_own_words_and_attribution(client: FlaskClient) -> None:
    listed = client.get("/v1/series").json
    assert listed is not None
    rows = {row["series_id"]: row for row in listed["rows"]}
    assert list(rows) == ["people", "boats", "preventions", "italy_people"]
    assert {name: row["route"] for name, row in rows.items()}["italy_people"] == "italy"
    assert rows["italy_people"]["licence"] == "CC BY 4.0"
    for whose in ("Home Office", "ondata"):
        assert whose in listed["attribution"]
    for name, whose in (("people", "Home Office"), ("italy_people", "ondata")):
        answer = client.get(f"/v1/series/{name}/forecast?horizon=3").json
        assert answer is not None
        assert answer["series_id"] == name
        assert whose in answer["attribution"]
        assert len(answer["rows"]) == 3
    unknown = client.get("/v1/series/landings/forecast").json
    assert unknown is not None
    assert "expected a series of people, boats, italy_people, found" in unknown["detail"]


@pytest.mark.parametrize(
    "path", ["observations", "totals", "exceedance", "briefing", "track-record", "issues"]
)
def test_each_question_is_answered_for_the_other_route(client: FlaskClient, path: str) -> None:
    query = "?kind=hindcast" if path == "track-record" else ""
    answer = client.get(f"/v1/series/italy_people/{path}{query}")
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    assert "ondata" in answer.json["attribution"]


def test_the_status_and_the_metrics_are_of_both(both: Context, client: FlaskClient) -> None:
    body = client.get("/v1/status").json
    assert body is not None
    assert [row["series_id"] for row in body["series"]] == ["people", "boats", "italy_people"]
    assert {row["route"] for row in body["jobs"] if row["last_outcome"]} == {"channel", "italy"}
    assert {row["route"] for row in body["documents"]} == {"channel", "italy"}
    old = [one["detail"] for one in body["reasons"] if one["name"] == "figures_old"]
    assert [one.partition(":")[0] for one in old] == ["channel", "italy"]
    reading = both.settings.model_copy(update={"weather": "openmeteo"})
    routes = status(IssueLoader(replace(both, settings=reading)))["routes"]
    weather = {row["route"]: row["weather"]["status"] for row in routes}
    assert weather == {"channel": "missing", "italy": "off"}
    found = service_metrics(IssueLoader(both))
    issued = {("people",), ("boats",), ("italy_people",)}
    assert set(found["forecast_issued_timestamp_seconds"]) == issued
    followed = {("people",), ("boats",)}  # Italy's source has ended: no alert
    assert set(found["data_through_timestamp_seconds"]) == followed
    said = [one["detail"] for one in body["reasons"] if "2024-12-31" in one["detail"]]
    assert len(said) == 1 and said[0].endswith(" days ago: the source has ended")
    assert found["job_runs"]["italy", "refit", "done"] == 1
    assert found["job_runs"]["italy", "refit", "failed"] == 0
    assert 'crossings_job_runs_total{job="refit",outcome="done",route="italy"} 1.0' in (
        client.get("/metrics").text
    )


@pytest.mark.parametrize("path", ["/", "/plan", "/record", "/compare", "/about"])
def test_each_page_is_of_the_route_of_its_series_and_so_are_its_links(
    client: FlaskClient, path: str
) -> None:
    answer = client.get(f"{path}?series=italy_people")
    assert answer.status_code == 200
    page = answer.text
    assert "Mediterranean crossings forecast" in page
    assert "ondata" in page
    assert 'value="italy_people" selected>The central Mediterranean<' in page
    plain = page.replace('value="people">The English Channel<', "")
    for word in ("Channel", "UK", "Dover", "Home Office", "Open Government"):
        assert not re.search(rf"\b{word}\b", plain), word
    inner = re.findall(r'href="(/(?:\?|plan|record|compare|about|feed)[^"]*|/)"', page)
    assert len(inner) > 8
    assert [link for link in inner if "series=italy_people" not in link] == []
    first = client.get(path).text
    assert 'value="people" selected>' in first
    assert "ondata" not in first


def test_what_is_taken_away_says_whose_it_is(client: FlaskClient) -> None:
    query = "?series=italy_people"
    found = client.get(f"/now/forecast.metadata.json{query}").json
    assert found is not None
    assert found["dc:license"] == {"@id": "https://creativecommons.org/licenses/by/4.0/"}
    assert found["dc:title"] == "People per day, whole of Italy"
    assert "ondata" in found["dc:source"]
    assert "Mediterranean crossings forecast: " in found["dc:bibliographicCitation"]
    assert ":8000/?series=italy_people. Source: " in found["dc:bibliographicCitation"]
    first = client.get("/now/forecast.metadata.json").json
    assert first is not None
    assert ":8000. Contains" in first["dc:bibliographicCitation"]
    for path in (f"/embed/now/forecast{query}", f"/feed.atom{query}"):
        text = client.get(path).text
        assert "ondata" in text
        assert "Italian time" in text
        assert "UK" not in text


def test_a_route_that_is_served_no_more_is_not_late(both: Context) -> None:
    name = "job_last_success_timestamp_seconds"
    assert ("italy", "ingest") in service_metrics(IssueLoader(both))[name]
    alone = replace(both, routes=both.routes[:1])
    assert {route for route, _ in service_metrics(IssueLoader(alone))[name]} == {"channel"}


def test_the_dashboard_offers_the_series_of_every_route(client: FlaskClient) -> None:
    assert choices(client, "series") == ["people", "boats", "italy_people"]
    threshold = str(choices(client, "threshold", series="italy_people")[0])
    for panel, target in targets():
        url = address(target, series="italy_people", threshold=threshold)
        assert client.get(url).status_code == 200, panel


def test_one_route_needs_no_picker(both: Context) -> None:
    alone = replace(both, routes=both.routes[:1])
    page = create_app(alone, utc_now).test_client().get("/").text
    assert 'name="series"' not in page
    assert "UK time" in page


def test_each_has_its_own_record_and_alarms(both: Context) -> None:
    for loader in IssueLoader(both).each_route():
        record = track_record(loader, loader.route.leading, kind="hindcast")
        assert record["issues"] == 1
        assert isinstance(alarms(loader), list)


def test_each_has_its_own_champion(both: Context) -> None:
    specs = declared(both.settings.models_dir)
    chosen = {"champion": "seasonal_naive", "declared": "climatology"}
    perform(about(both, "italy"), "compare", lambda _: Outcome("done", "better", chosen))
    with both.database.reading() as connection:
        compared = {route.name: last_comparison(connection, route) for route in both.routes}
    champions = {route: choose_champion(specs, one) for route, one in compared.items()}
    assert champions == {"channel": "climatology", "italy": "seasonal_naive"}


def test_a_request_is_for_one_route(both: Context) -> None:
    with both.database.writing() as connection:
        first = request_store.leave(connection, "ingest", "a", utc_now(), "channel")
        other = request_store.leave(connection, "ingest", "a", utc_now(), "italy")
        gone = request_store.leave(connection, "ingest", "a", utc_now(), "gone")
    assert first.request_id != other.request_id
    for _ in range(3):
        request_worker.take(both, ("ingest",))
    with both.database.reading() as connection:
        period = request_store.period(other.request_id)
        assert run_store.find(connection, "ingest", period, "italy") is not None
        assert run_store.find(connection, "ingest", period, "channel") is None
        done = request_store.find(connection, other.request_id)
        failed = request_store.find(connection, gone.request_id)
    assert done is not None
    assert failed is not None
    assert (done.outcome, failed.outcome) == ("done", "failed")
    assert "expected a route of channel, italy, found 'gone'" in (failed.reason or "")


def test_each_has_its_times_and_the_first_those_that_serve_all(both: Context) -> None:
    at = utc(2026, 3, 28, 20)  # the night in which clocks go forward
    found = {(one.route.name, item.name): item.next_due(at) for one, item in items(both)}
    assert found == {
        ("channel", "renew"): utc(2026, 3, 29, 8, 40),
        ("channel", "tidy"): utc(2026, 3, 29, 2, 40),
        ("italy", "renew"): utc(2026, 3, 29, 13),
    }


_carry_out = fit_task.carry_out


def _refit(context: Context, period: str) -> Any:
    return refit(context, period=period)


def _killed_for_italy(order: Any) -> Any:
    if "italy_people" in order.figures:
        os.kill(os.getpid(), signal.SIGKILL)
    return _carry_out(order)


def test_a_killed_fit_of_one_route_costs_the_other_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        routes="italy,channel",  # the one that is killed comes first
        var_dir=tmp_path / "var",
        models_dir=quick_models(tmp_path / "models"),
        paths=100,
        horizon=28,
    )
    context = open_context(settings)
    for one in context.each_route():
        ingest(one)
    monkeypatch.setattr(fit_task, "carry_out", _killed_for_italy)
    now = utc(2026, 1, 2, 16)
    for one, item in items(context):
        if item.name == "renew":
            run_due(one, replace(item, work=_refit), now)
    with context.database.reading() as connection:
        ends = {
            route: [run.outcome for run in run_store.recent(connection, "refit", route)]
            for route in ("italy", "channel")
        }
        assert ends["italy"][-1] == "failed"
        assert ends["channel"][-1] == "done"
        assert issue_store.get_latest_issue(connection, "people") is not None
        assert issue_store.get_latest_issue(connection, "italy_people") is None
        run = run_store.latest(connection, "refit", "failed", "italy")
        renewed = {
            route: run_store.latest(connection, "renew", route=route)
            for route in ("italy", "channel")
        }
    assert run is not None
    assert "no model stands" in str(run.reason)
    assert [one.outcome for one in renewed.values() if one] == ["failed", "done"]
    context.database.close()


def test_the_loaders_of_all_routes_share_one_cache(both: Context) -> None:
    loader = IssueLoader(both)
    other = loader.for_series("italy_people")
    assert other.route.name == "italy"
    assert loader.for_series("people") is loader.for_series("nothing") is loader
    calls: list[int] = []
    lock = threading.Lock()

    def once() -> int:
        with lock:
            calls.append(1)
        return len(calls)

    assert loader.once(("a",), once) == other.once(("a",), once) == 1
