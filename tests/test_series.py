"""Series are data: another declared pair gets every answer, and code names no series."""

from __future__ import annotations

import ast
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from forecast.series import DailySeries
from service.answers.issue_loader import IssueLoader
from service.app import create_app
from service.core.context import Context, open_context
from service.core.job_runner import JobError
from service.core.route_files import read_routes
from service.core.settings import Settings
from service.data.ingest import ingest
from service.issues.hindcast import hindcast
from service.issues.refit import refit
from service.issues.score import score
from service.mail.edition import gather
from service.mail.render import MailRenderer, Reader
from tests.service.support import NOW, ROOT, Hand, quick_models
from tests.support import embedded
from tests.test_layers import modules

UNITS = {"strait_entries": "arrivals", "strait_hulls": "vessels"}
TITLES = {"strait_entries": "Arrivals across the strait", "strait_hulls": "Vessels that came"}
THRESHOLDS = {"strait_entries": (333, 777), "strait_hulls": (7, 17)}
ATTRIBUTION = "Source: the harbour office."
PLACES = re.compile(
    r"\b(Channel|Dover|Kent|Strait|Italy|Mediterranean|London|UK|English|Home Office)\b"
)
SOURCE = "service.data.source"
"""The module that says which series GOV.UK publishes."""


@pytest.fixture(scope="module")
def strait(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A service of another pair of series: its figures, hindcasts and two issues."""
    folder = tmp_path_factory.mktemp("strait")
    (folder / "series").mkdir()
    head = 'title = "The strait"\ntime_zone = "Europe/London"\nlicence = "None"\n'
    declared = [f'{head}attribution = "{ATTRIBUTION}"\n']
    for name, unit in reversed(UNITS.items()):
        day, week = THRESHOLDS[name]
        declared.append(
            f'[series.{name}]\ntitle = "{TITLES[name]}"\nunit = "{unit}"\n'
            f'unit_one = "one of the {unit}"\n'
            f"day_threshold = {day}\nweek_threshold = {week}\n"
            "likely_above = 0.7\nunlikely_below = 0.3\n"
            + ('follows = "strait_entries"\nratio = "a"\n' if unit == "vessels" else "")
        )
    (folder / "series" / "strait.toml").write_text("\n".join(declared), "utf-8")
    context = open_context(
        Settings(
            var_dir=folder / "var",
            models_dir=quick_models(folder / "models"),
            series_dir=folder / "series",
            source="figures",
            paths=100,
            horizon=28,
            fit_seconds=0,
            smtp_host="127.0.0.1",
            mail_from="a@b.org",
        )
    )
    ingest(context, "csv", csv_of(embedded.read(), folder / "strait.csv"))
    hindcast(context, [dt.date(2025, 12, 7), dt.date(2025, 12, 14)], n_paths=100)
    score(context)
    refit(context)
    refit(Context(context.settings.model_copy(update={"seed": 2}), context.database))
    yield context
    context.database.close()


def csv_of(figures: dict[str, DailySeries], file: Path) -> Path:
    entries, hulls = (figures[name].between("2023-01-01", "2025-12-31") for name in figures)
    days = zip(entries.dates.tolist(), entries.values, hulls.values, strict=True)
    lines = ["date,strait_entries,strait_hulls", *(f"{day},{n},{m}" for day, n, m in days)]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


@pytest.fixture
def client(strait: Context) -> FlaskClient:
    return create_app(strait, Hand(NOW)).test_client()


def get(client: FlaskClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, f"{path}: {answer.text[:500]}"
    return answer.get_json()


@pytest.mark.parametrize("series_id", UNITS)
def test_another_pair_of_series_gets_every_answer(client: FlaskClient, series_id: str) -> None:
    paths = get(client, "/openapi.json")["paths"]
    issue = get(client, f"/v1/series/{series_id}/issues")["rows"][0]["issue_id"]
    asked = 0
    for path, methods in paths.items():
        if not path.startswith("/v1/series/{series_id}/"):
            continue
        url = path.replace("{series_id}", series_id).replace("{issue_id}", issue)
        for method in set(methods) & {"get", "post"}:
            body = {"json": {"level_percent": 20}} if method == "post" else {}
            answer = client.open(url, method=method, **body)
            assert answer.status_code == 200, f"{method} {url}: {answer.text[:500]}"
            found = answer.get_json()
            assert (found["series_id"], found["unit"]) == (series_id, UNITS[series_id]), url
            assert found["attribution"] == ATTRIBUTION, url
            asked += 1
    assert asked >= 17


def test_the_catalogue_has_titles_units_and_whether_it_is_forecast(client: FlaskClient) -> None:
    answer = get(client, "/v1/series")
    assert answer["attribution"] == ATTRIBUTION
    told = {row["series_id"]: (row["title"], row["unit"]) for row in answer["rows"]}
    assert told == {name: (TITLES[name], UNITS[name]) for name in UNITS}
    assert list(told) == list(UNITS), "the leading series comes first"
    assert all(row["is_forecast"] and row["frequency"] == "daily" for row in answer["rows"])
    assert [row["series_id"] for row in get(client, "/v1/status")["series"]] == list(UNITS)


@pytest.mark.parametrize("series_id", UNITS)
def test_thresholds_are_the_declared_ones_until_another_is_asked(
    client: FlaskClient, series_id: str
) -> None:
    day, week = THRESHOLDS[series_id]
    base = f"/v1/series/{series_id}"
    assert get(client, f"{base}/exceedance")["threshold"] == day
    assert get(client, f"{base}/exceedance") == get(client, f"{base}/exceedance?threshold={day}")
    assert get(client, f"{base}/exceedance?threshold=0")["threshold"] == 0
    assert get(client, f"{base}/gauges/chance")["rows"][0]["threshold"] == week
    assert f'name="threshold" value="{day}"' in client.get(f"/plan?series={series_id}").text


def test_sentences_say_the_units(client: FlaskClient) -> None:
    both = [get(client, f"/v1/series/{name}/briefing")["sentence"] for name in UNITS]
    assert re.search(r": [\d,]+ arrivals in [\d,]+ vessels; [\d,]+ arrivals in", both[0])
    assert re.search(r": [\d,]+ vessels with [\d,]+ arrivals; [\d,]+ vessels in", both[1])


@pytest.mark.parametrize("series_id", UNITS)
def test_the_page_says_the_units(client: FlaskClient, series_id: str) -> None:
    unit = UNITS[series_id]
    now, plan = (client.get(f"{path}?series={series_id}").text for path in ("/", "/plan"))
    assert f"{unit.capitalize()} per day" in now
    assert re.search(rf"<h1>Next 7 days: about [\d,]+ {unit} ", now)
    assert ATTRIBUTION in now
    assert re.search(rf"one day with more than [\d,]+ {unit} in", plan)
    assert ("How many places are needed" in plan) == (unit == "arrivals"), "of who arrives alone"
    assert "Arrivals</a>" in now and "Vessels</a>" in now
    for path in ("/record", "/about", "/plan/plan.csv"):
        assert client.get(f"{path}?series={series_id}").status_code == 200
    assert client.get("/").text == client.get("/?series=strait_entries").text


def test_a_scenario_has_the_ratio_of_both(client: FlaskClient) -> None:
    asked = {"people_per_boat": 90}
    found = client.post("/v1/series/strait_entries/scenarios", json=asked).get_json()
    assert 20 < found["people_per_boat_forecast"] < 90
    assert found["rows"][0]["mean"] > found["forecast"]["rows"][0]["mean"]


def test_grafana_and_metrics_have_the_series(client: FlaskClient) -> None:
    assert [one["__value"] for one in client.post("/grafana/variable", json={}).get_json()] == [
        *UNITS
    ]
    targets = [one["value"] for one in client.post("/grafana/metrics", json={}).get_json()]
    assert {target.partition(".")[0] for target in targets} == set(UNITS)
    metrics = client.get("/metrics").text
    assert all(f'series_id="{name}"' in metrics for name in UNITS)


def test_the_mail_says_the_units(strait: Context, client: FlaskClient) -> None:
    loader = IssueLoader(strait, Hand(NOW))
    edition = gather(loader, "2026-W01")
    paths = loader.view("strait_entries", edition.issue_id).paths
    text = " ".join(
        MailRenderer(edition, paths, strait.settings).text(Reader("a@b.org", 5)).split()
    )
    assert re.search(r"Next 7 days: about [\d,]+ arrivals", text)
    assert re.search(r"Vessels\. Next 7 days: about [\d,]+ vessels", text)
    assert f"{ATTRIBUTION} For planning" in text
    form = client.get("/subscribe").text
    assert "Number of arrivals in a day" in form and 'value="333"' in form


def test_other_series_are_not_there(strait: Context, client: FlaskClient) -> None:
    answer = client.get("/v1/series/people/forecast")
    assert answer.status_code == 404
    assert "expected a series of strait_entries, strait_hulls, found 'people'" in answer.text
    with pytest.raises(JobError, match="expected a file of figures beside the declaration"):
        ingest(strait, "figures")


def test_no_route_and_no_series_is_named_in_code() -> None:
    """Outside the declarations: not as a value on its own; words in sentences are free."""
    routes = read_routes(ROOT / "series").values()
    declared = {name for route in routes for name in (route.name, route.title, *route.series)}
    wrong = [
        f"{module}:{node.lineno}: {node.value!r}"
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in declared and module != SOURCE
    ]
    # The arrays of a stored state, which are no series.
    assert [line.split(":")[0] for line in wrong] == ["forecast.people_per_boat"], wrong


def test_no_place_is_named_in_code() -> None:
    """But in the source that is about those figures, and an example."""
    named = {
        module.removeprefix("service.")
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if module.startswith("service.") and PLACES.search(node.value.replace("GOV.UK", ""))
    }
    about_those_figures = {"data.govuk", "data.govuk_page", "data.govuk_workbook", "data.source"}
    example = "core.declared_series"
    assert named <= about_those_figures | {example}
    assert example in named, "what no longer names a place is no exception"
