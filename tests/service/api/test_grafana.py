"""The dashboard and alert rules, checked with Grafana's own types and components; simPod."""

import datetime as dt
import fcntl
import json
import re

import pytest
import yaml

from tests.service.support import ROOT, ROUTE
from tests.support.commands import run_command
from tests.support.waiting import BOUND
from tests.test_docs import anchors

TOOLS = ROOT / "tests" / "grafana"
ARTEFACTS = ROOT / "tests" / "artefacts"
FILES = ROOT / "grafana"
DASHBOARD = json.loads((FILES / "dashboards" / "crossings.json").read_text("utf-8"))
PROVISIONING = FILES / "provisioning"
RULES = yaml.safe_load((PROVISIONING / "alerting" / "crossings.yaml").read_text("utf-8"))
RANGE = ("2025-11-15T00:00:00.000Z", "2026-01-28T23:59:59.999Z")
VARIABLES = {
    "series": "people",
    "series:text": "people",
    "threshold": "500",
    "record": "live",
    "page": "http://127.0.0.1:8000",
    "stay_days": "4",
    "__timeFrom:date:iso": RANGE[0],
    "__timeTo:date:iso": RANGE[1],
}


def rows(body, selector):
    """Return the rows of an answer under `selector`, as the data source does."""
    for part in selector.split(".") if selector else ():
        body = body[part]
    return body if isinstance(body, list) else [body]


def targets():
    return [(panel, target) for panel in DASHBOARD["panels"] for target in panel["targets"]]


def fill_variables(text, **other):
    """Replace the variables in `text`, as Grafana does, except those of a row."""
    values = VARIABLES | other | {"__value.raw": "${__value.raw}"}
    return re.sub(r"\$\{([^}]+)\}", lambda match: values[match.group(1)], text)


def address(target, **other):
    """The URL that a panel requests, from the test's date: a server's clock is far beyond it."""
    url = fill_variables(target["url"], **other)
    looks_ahead = any(name in url for name in ("exceedance?", "capacity?", "chance?"))
    return f"{url}&from=2026-01-02" if looks_ahead else url


def choices(client, name, **other):
    """The values of a query variable; the first is its default."""
    (variable,) = (one for one in DASHBOARD["templating"]["list"] if one["name"] == name)
    query = variable["query"]["infinityQuery"]
    body = client.get(fill_variables(query["url"], **other)).json
    return [row[query["columns"][0]["selector"]] for row in rows(body, query["root_selector"])]


@pytest.mark.parametrize("series_id", ROUTE.forecast)
def test_every_panel_has_numbers(shared, series_id):
    """In the default range, one wholly in the past, and one longer than the forecast."""
    declared = choices(shared, "threshold", series=series_id)[0]
    assert declared == ROUTE.series[series_id].day_threshold
    assert f'"{declared}"' not in json.dumps(DASHBOARD)
    chosen = {"series": series_id, "threshold": str(declared)}
    for last in (RANGE[1], "2025-12-01T00:00:00.000Z", "2035-01-01T00:00:00.000Z"):
        for panel, target in targets():
            response = shared.get(address(target, **chosen, **{"__timeTo:date:iso": last}))
            assert response.status_code == 200, response.text
            names = {column["selector"] for column in target["columns"]}
            table = rows(response.json, target["root_selector"])
            assert all(names <= set(row) for row in table)
            assert any(isinstance(row[name], int | float) for row in table for name in names) or (
                {"time", "issue_id"} == names and table
            ), panel["id"]
            if panel["type"] == "timeseries":
                assert "${__timeTo:date:iso}" in target["url"], "charts follow the time range"


def test_dashboard_links_open_the_forecast_page(shared):
    assert choices(shared, "series") == list(ROUTE.forecast)
    chosen = {"page": choices(shared, "page")[0], "series": "boats"}
    (table,) = (panel for panel in DASHBOARD["panels"] if panel["title"] == "Forecasts published")
    url = fill_variables(table["targets"][0]["url"], **chosen)
    issue = shared.get(url).json["rows"][0]["issue_id"]
    (to_issue,) = table["fieldConfig"]["overrides"][0]["properties"][1]["value"]
    urls = [link["url"] for link in (*DASHBOARD["links"], *DASHBOARD["panels"][0]["links"])]
    for url in (*urls, to_issue["url"]):
        link = fill_variables(url, **chosen).replace("${__value.raw}", issue)
        assert link.startswith("http://127.0.0.1:8000/")
        response = shared.get(link.removeprefix("http://127.0.0.1:8000"))
        assert response.status_code == 200
        assert "boats" in response.text.lower()


def test_alert_rules_read_one_number_from_one_row(shared):
    (group,) = RULES["groups"]
    for rule in group["rules"]:
        query, threshold = rule["data"]
        model = query["model"]
        (row,) = rows(shared.get(model["url"]).json, model["root_selector"])
        (column,) = model["columns"]
        assert isinstance(row[column["selector"]], int | float)
        assert (query["datasourceUid"], threshold["datasourceUid"]) == ("crossings", "__expr__")
        assert query["refId"] == model["refId"] == threshold["model"]["expression"]
        assert (
            rule["condition"] == threshold["refId"] == threshold["model"]["refId"] != query["refId"]
        )
        series_id = rule["labels"]["series"]
        assert f"/{series_id}/" in model["url"]
        text = rule["annotations"]["summary"]
        path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert ".Values.A.Value" in text
        assert anchor in anchors((ROOT / path).read_text("utf-8"))
        assert rule["panelId"] in {panel["id"] for panel in DASHBOARD["panels"]}
        if "chance" in model["url"]:
            declared = ROUTE.series[series_id]
            assert row["threshold"] == declared.week_threshold
            assert f"More than {declared.week_threshold:,} {declared.unit}" in text
    assert len({rule["uid"] for rule in group["rules"]}) == 3 * len(ROUTE.forecast)


def test_token_comes_from_the_environment():
    text = (PROVISIONING / "datasources" / "crossings.yaml").read_text("utf-8")
    (source,) = yaml.safe_load(text)["datasources"]
    assert source["secureJsonData"] == {"bearerToken": "$CROSSINGS_TOKEN"}
    assert source["jsonData"]["allowedHosts"] == [source["url"]] == ["$CROSSINGS_URL"]
    assert source["uid"] == DASHBOARD["panels"][0]["datasource"]["uid"]


@pytest.fixture(scope="module")
def tools():
    """The folder with Grafana's packages, installed once per state of the lock file."""
    with (TOOLS / ".gitignore").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run_command("scripts/grafana", timeout=None)
    if done.returncode:
        pytest.skip(f"Grafana's packages are not installed: {done.stdout} {done.stderr[-300:]}")
    return TOOLS


def run_tool(tools, name, *arguments):
    done = run_command(tools / "node_modules" / ".bin" / name, *arguments, cwd=tools)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


def test_dashboard_and_rules_match_grafana_types(tools):
    """The type checker accepts our files, and rejects each copy with one mistake."""
    custom = [
        panel["fieldConfig"]["defaults"]["custom"]
        for panel in DASHBOARD["panels"]
        if panel["type"] == "timeseries"
    ]
    thresholds = [rule["data"][1]["model"] for group in RULES["groups"] for rule in group["rules"]]
    files = {"DASHBOARD": DASHBOARD, "CUSTOM": custom, "RULES": RULES, "THRESHOLDS": thresholds}
    text = (tools / "types.ts").read_text("utf-8")
    for name, content in files.items():
        text = text.replace(f"= {name} ", f"= {json.dumps(content)} ")
    mistakes = {
        "whole": ("", ""),
        "style": ('"drawStyle": "line"', '"drawStyle": "wavy"'),
        "state": ('"noDataState": "Alerting"', '"noDataState": "Shouting"'),
        "key": ('"execErrState"', '"execErrorState"'),
        "level": ('"type": "gt"', '"type": "above"'),
    }
    sources = {name: tools / "node_modules" / f"{name}.check.ts" for name in mistakes}
    for name, (right, wrong) in mistakes.items():
        assert right in text
        sources[name].write_text(text.replace(right, wrong))
    options = ["--strict", "--noEmit", "--skipLibCheck", "--module", "esnext", "--target", "es2022"]
    options += ["--moduleResolution", "bundler", "--typeRoots", "none"]
    with pytest.raises(AssertionError, match="wavy") as caught:
        run_tool(tools, "tsc", *options, *map(str, sources.values()))
    rejected = set(re.findall(r"(\w+)\.check\.ts\(\d", str(caught.value)))
    assert rejected == set(mistakes) - {"whole"}, str(caught.value)[:2000]


def test_panels_render_in_grafana_components(tools, browser, shared, tmp_path):
    answers = {}
    for panel, target in targets():
        table = rows(shared.get(address(target)).json, target["root_selector"])
        answers.setdefault(panel["id"], {})[target["refId"]] = table
    page = browser.new_page(viewport={"width": 1200, "height": 1600})
    page.set_default_timeout(1000 * BOUND)
    page.goto(bundle_page(tools, answers, tmp_path).as_uri())
    report = page.locator("#report")
    report.wait_for(state="attached")
    panels = json.loads(report.text_content())
    ARTEFACTS.mkdir(exist_ok=True)
    shot = ARTEFACTS / "grafana.png"
    page.screenshot(path=shot)
    assert panels.pop("errors") == []
    assert set(panels) == {str(panel["id"]) for panel in DASHBOARD["panels"]}
    # Three nested bands: three opacities of one colour, over a good part of the chart.
    for chart in ("1", "6"):
        fills = translucent_fills(panels[chart]["colours"])
        assert len(fills) >= 3, panels[chart]["colours"]
        assert sum(fills.values()) > 5000
        assert re.search(r"\bmedian\b", panels[chart]["text"])
        assert not re.search(r"\b(lo|hi)\d\d\b", panels[chart]["text"]), "bounds in the legend"
    assert "counted" in panels["1"]["text"]
    assert shot.stat().st_size > 20_000
    (week,) = (row for row in answers[2]["A"] if row["period"] == "next_7_days")
    assert str(week["median"]) in panels["2"]["text"].replace(",", "").replace(" ", "")
    assert answers[9]["A"][0]["likelihood"] in panels["9"]["text"]


def translucent_fills(colours):
    """Pixels of each translucent blue, as the bands are filled."""
    fills = {}
    for name, pixels in colours.items():
        red, green, blue, alpha = map(int, name.split(","))
        if 20 < alpha < 200 and blue > green > red and pixels > 100:
            fills[name] = pixels
    return fills


def bundle_page(tools, answers, folder):
    """Write a page with the harness, the dashboard and the service's answers."""
    script = tools / "node_modules" / "render.js"
    source = tools / "render.tsx"
    if not script.exists() or script.stat().st_mtime < source.stat().st_mtime:
        options = ["--bundle", f"--outfile={script}", "--jsx=automatic", "--minify"]
        options += ['--define:process.env.NODE_ENV="production"', "--log-level=error"]
        options += ["--alias:react-custom-scrollbars-2=./scrollbars.ts"]
        options += ["--external:monaco-editor"]  # half of the code; only loaded by an editor
        options += ["--loader:.ttf=empty", "--loader:.svg=dataurl", "--loader:.png=dataurl"]
        run_tool(tools, "esbuild", str(source), *options)
    dashboard = json.loads(fill_variables(json.dumps(DASHBOARD)))
    values = {"DASHBOARD": dashboard, "ANSWERS": answers, "RANGE": RANGE}
    texts = {name: json.dumps(value).replace("</", "<\\/") for name, value in values.items()}
    globals_ = "".join(f"window.{name} = {text};" for name, text in texts.items())
    page = folder / "panels.html"
    page.write_text(
        "<!doctype html><meta charset='utf-8'>"
        f"<link rel='stylesheet' href='{script.with_suffix('.css').as_uri()}'>"
        f"<div id='root'></div><script>{globals_}</script><script src='{script.as_uri()}'></script>"
    )
    return page


def test_simpod_query_returns_datapoints_with_the_value_first(shared):
    assert shared.get("/grafana").status_code == shared.get("/grafana/").status_code == 200
    names = [one["value"] for one in shared.post("/grafana/metrics", json={}).json]
    assert {"people.actual", "people.median", "boats.hi95"} <= set(names)
    target = {"target": "people.median", "refId": "A", "payload": {}}
    query = {"range": dict(zip(("from", "to"), RANGE, strict=True)), "targets": [target]}
    (series,) = shared.post("/grafana/query", json=query | {"maxDataPoints": 100}).json
    panel = shared.get("/v1/series/people/panel", query_string=query["range"])
    medians = {
        row["time"]: row["median"] for row in panel.json["rows"] if row["median"] is not None
    }
    assert series["target"] == "people.median"
    assert {
        dt.datetime.fromtimestamp(ms / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"): value
        for value, ms in series["datapoints"]
    } == medians
    moment = {"from": "2026-01-05T12:00:00Z", "to": "2026-01-05T12:00:00Z"}
    (series,) = shared.post("/grafana/query", json=query | {"range": moment}).json
    assert [ms for _, ms in series["datapoints"]] == [1767571200000], "the day of that moment"


def test_other_endpoints_of_simpod(shared):
    for path in ("metric-payload-options", "tag-keys", "tag-values"):
        assert shared.post(f"/grafana/{path}", json={}).json == []
    options = shared.post("/grafana/variable", json={"payload": {"target": "series"}}).json
    assert [option["__value"] for option in options] == ["people", "boats"]
