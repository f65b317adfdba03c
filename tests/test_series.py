"""A service of another declared pair of series; no code names a series."""

import ast
import datetime as dt
import re
from dataclasses import replace

import pytest

from service.answers.issue_loader import IssueLoader
from service.app import create_app
from service.core.context import Context, open_context
from service.core.job_runner import JobError
from service.core.route_files import read_route
from service.core.settings import Settings
from service.data.ingest import ingest
from service.issues.hindcast import hindcast
from service.issues.refit import refit
from service.issues.score import score
from service.mail.delivery_store import Reader
from service.mail.edition import build_edition
from service.mail.render import weekly_messages
from tests.service.mailbox import read_body
from tests.service.support import NOW, ROOT, ManualClock, declare_quick_models
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
"""The module that maps the series that GOV.UK publishes."""


@pytest.fixture(scope="module")
def strait(tmp_path_factory):
    """A service of another pair of series, with figures, hindcasts and two issues."""
    folder = tmp_path_factory.mktemp("strait")
    (folder / "series").mkdir()
    head = 'title = "The strait"\ntime_zone = "Europe/London"\nlicence = "None"\n'
    tables = [f'{head}attribution = "{ATTRIBUTION}"\n']
    for name, unit in reversed(UNITS.items()):
        day, week = THRESHOLDS[name]
        tables.append(
            f'[series.{name}]\ntitle = "{TITLES[name]}"\nunit = "{unit}"\n'
            f'unit_one = "one of the {unit}"\n'
            f"day_threshold = {day}\nweek_threshold = {week}\n"
            "likely_above = 0.7\nunlikely_below = 0.3\n"
            + ('follows = "strait_entries"\nratio = "a"\n' if unit == "vessels" else "")
        )
    (folder / "series" / "strait.toml").write_text("\n".join(tables), "utf-8")
    context = open_context(
        Settings(
            var_dir=folder / "var",
            models_dir=declare_quick_models(folder / "models"),
            series_dir=folder / "series",
            source="figures",
            paths=100,
            horizon=28,
            fit_seconds=0,
            smtp_host="127.0.0.1",
            mail_from="a@b.org",
            public_url="https://forecast.example.org",
            anonymous_reading="yes",
        )
    )
    ingest(context, "csv", write_csv(embedded.read(), folder / "strait.csv"))
    hindcast(context, [dt.date(2025, 12, 7), dt.date(2025, 12, 14)])
    score(context)
    refit(context)
    refit(Context(context.settings.model_copy(update={"seed": 2}), context.database))
    yield context
    context.database.close()


def write_csv(figures, file):
    entries, hulls = (figures[name].between("2023-01-01", "2025-12-31") for name in figures)
    days = zip(entries.dates.tolist(), entries.values, hulls.values, strict=True)
    lines = ["date,strait_entries,strait_hulls", *(f"{day},{n},{m}" for day, n, m in days)]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


@pytest.fixture
def client(strait):
    return create_app(strait, ManualClock(NOW)).test_client()


def get(client, path):
    response = client.get(path)
    assert response.status_code == 200, f"{path}: {response.text[:500]}"
    return response.get_json()


@pytest.mark.parametrize("series_id", UNITS)
def test_every_series_endpoint_answers(client, series_id):
    paths = get(client, "/openapi.json")["paths"]
    issue = get(client, f"/v1/series/{series_id}/issues")["rows"][0]["issue_id"]
    n_requests = 0
    for path, methods in paths.items():
        if not path.startswith("/v1/series/{series_id}/"):
            continue
        url = path.replace("{series_id}", series_id).replace("{issue_id}", issue)
        for method in set(methods) & {"get", "post"}:
            body = {"json": {"level_percent": 20}} if method == "post" else {}
            response = client.open(url, method=method, **body)
            assert response.status_code == 200, f"{method} {url}: {response.text[:500]}"
            content = response.get_json()
            assert (content["series_id"], content["unit"]) == (series_id, UNITS[series_id]), url
            assert content["attribution"] == ATTRIBUTION, url
            n_requests += 1
    assert n_requests >= 17


def test_catalogue_lists_series_with_titles_and_units(client):
    catalogue = get(client, "/v1/series")
    assert catalogue["attribution"] == ATTRIBUTION
    titles = [(row["series_id"], row["title"], row["unit"]) for row in catalogue["rows"]]
    assert titles == [(name, TITLES[name], UNITS[name]) for name in UNITS], "leading series first"
    assert all(row["is_forecast"] and row["frequency"] == "daily" for row in catalogue["rows"])
    assert [row["series_id"] for row in get(client, "/v1/status")["series"]] == list(UNITS)


@pytest.mark.parametrize("series_id", UNITS)
def test_declared_thresholds_are_the_defaults(client, series_id):
    day, week = THRESHOLDS[series_id]
    base = f"/v1/series/{series_id}"
    assert get(client, f"{base}/exceedance")["threshold"] == day
    assert get(client, f"{base}/exceedance") == get(client, f"{base}/exceedance?threshold={day}")
    assert get(client, f"{base}/exceedance?threshold=0")["threshold"] == 0
    assert get(client, f"{base}/gauges/chance")["rows"][0]["threshold"] == week
    assert f'name="threshold" value="{day}"' in client.get(f"/plan?series={series_id}").text


def test_briefings_contain_units(client):
    first, second = (get(client, f"/v1/series/{name}/briefing")["sentence"] for name in UNITS)
    assert re.search(r": [\d,]+ arrivals in [\d,]+ vessels; [\d,]+ arrivals in", first)
    assert re.search(r": [\d,]+ vessels with [\d,]+ arrivals; [\d,]+ vessels in", second)


@pytest.mark.parametrize("series_id", UNITS)
def test_pages_contain_units(client, series_id):
    unit = UNITS[series_id]
    now, plan = (client.get(f"{path}?series={series_id}").text for path in ("/", "/plan"))
    assert f"{unit.capitalize()} per day" in now
    assert re.search(rf"<h1>Next 7 days: about [\d,]+ {unit} ", now)
    assert ATTRIBUTION in now
    assert re.search(rf"one day with more than [\d,]+ {unit} in", plan)
    assert ("How many places are needed" in plan) == (unit == "arrivals"), "leading series only"
    assert "Arrivals</a>" in now and "Vessels</a>" in now
    for path in ("/record", "/about", "/plan/plan.csv"):
        assert client.get(f"{path}?series={series_id}").status_code == 200
    assert client.get("/").text == client.get("/?series=strait_entries").text


def test_grafana_and_metrics_have_the_series(client):
    variables = client.post("/grafana/variable", json={}).get_json()
    assert [variable["__value"] for variable in variables] == list(UNITS)
    targets = client.post("/grafana/metrics", json={}).get_json()
    assert {target["value"].partition(".")[0] for target in targets} == set(UNITS)
    metrics = client.get("/metrics").text
    assert all(f'series_id="{name}"' in metrics for name in UNITS)


def test_weekly_email_contains_units(strait, client):
    settings = strait.settings.model_copy(update={"mail_from": "a@b.org"})
    loader = IssueLoader(replace(strait, settings=settings), ManualClock(NOW))
    message = weekly_messages(loader, build_edition(loader, "2026-W01"))(Reader("a@b.org", 5))
    text = " ".join(read_body(message).split())
    assert re.search(r"Next 7 days: about [\d,]+ arrivals", text)
    assert re.search(r"Vessels\. Next 7 days: about [\d,]+ vessels", text)
    assert f"{ATTRIBUTION} Licence: None. For planning" in text
    form = client.get("/subscribe").text
    assert "Number of arrivals in a day" in form and 'value="333"' in form


def test_route_without_embedded_figures_names_what_is_missing(strait):
    with pytest.raises(JobError, match="expected a file of figures beside the declaration"):
        ingest(strait, "figures")


def test_code_names_no_route_or_series():
    """No string equals a declared name; sentences may contain one."""
    routes = [read_route(file) for file in (ROOT / "series").glob("*.toml")]
    names = {name for route in routes for name in (route.name, route.title, *route.series)}
    wrong = [
        f"{module}:{node.lineno}: {node.value!r}"
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in names and module != SOURCE
    ]
    # These are array names of a stored state.
    assert [line.split(":")[0] for line in wrong] == ["forecast.people_per_boat"], wrong


def test_code_names_no_place():
    """Except for the source of the Channel figures and an example."""
    modules_with_places = {
        module.removeprefix("service.")
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if module.startswith("service.") and PLACES.search(node.value.replace("GOV.UK", ""))
    }
    source = {"data.govuk", "data.govuk_page", "data.govuk_workbook", "data.source"}
    example = "core.declared_series"
    assert modules_with_places <= source | {example}
    assert example in modules_with_places, "remove the exception"
