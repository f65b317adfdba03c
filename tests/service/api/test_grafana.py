"""The dashboard and its alert rules, by Grafana's own types and components."""

from __future__ import annotations

import fcntl
import hashlib
import html
import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from pydantic import ValidationError

from service.core.route_files import enabled_routes
from service.core.settings import Settings
from tests.service.support import ROOT, serving
from tests.support.provisioning import Alerting, Dashboards, Sources
from tests.support.waiting import PROCESS
from tests.test_docs import anchors

FILES = ROOT / "grafana"
TOOLS = ROOT / "tests" / "grafana"
ARTEFACTS = ROOT / "tests" / "artefacts"
DASHBOARD: dict[str, Any] = json.loads((FILES / "dashboards" / "crossings.json").read_text("utf-8"))
RANGE = ("2025-11-15T00:00:00.000Z", "2026-01-28T23:59:59.999Z")
ROUTE = enabled_routes(ROOT / "series")[0]
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


def targets() -> list[tuple[int, dict[str, Any]]]:
    return [(panel["id"], one) for panel in DASHBOARD["panels"] for one in panel["targets"]]


def filled(text: str, **other: str) -> str:
    """`text` with its variables filled in, as Grafana does; what is of a row stays."""
    values = VARIABLES | other | {"__value.raw": "${__value.raw}"}
    return re.sub(r"\$\{([^}]+)\}", lambda found: values[found.group(1)], text)


def address(target: dict[str, Any], **other: str) -> str:
    """The request of a panel; the real clock of a server is past what the panels are drawn for."""
    url = filled(target["url"], **other)
    looks_ahead = any(name in url for name in ("exceedance?", "capacity?", "chance?"))
    return f"{url}&from=2026-01-02" if looks_ahead else url


def rows(body: Any, selector: str) -> list[dict[str, Any]]:
    for part in selector.split(".") if selector else ():
        body = body[part]
    return body if isinstance(body, list) else [body]


def variable(name: str) -> dict[str, Any]:
    (found,) = (one for one in DASHBOARD["templating"]["list"] if one["name"] == name)
    return found  # type: ignore[no-any-return]


def choices(client: FlaskClient, name: str, **other: str) -> list[Any]:
    """What a variable that is read from the service offers; the first is its default."""
    query = variable(name)["query"]["infinityQuery"]
    found = rows(client.get(filled(query["url"], **other)).json, query["root_selector"])
    return [row[query["columns"][0]["selector"]] for row in found]


@pytest.mark.parametrize("series_id", ROUTE.forecast)
def test_every_panel_has_numbers_at_its_default_and_beyond(
    shared: FlaskClient, series_id: str
) -> None:
    """A range of the past alone, and one longer than the forecast, are answered too."""
    own = {"series": series_id, "threshold": str(choices(shared, "threshold", series=series_id)[0])}
    for last in (RANGE[1], "2025-12-01T00:00:00.000Z", "2035-01-01T00:00:00.000Z"):
        for panel, target in targets():
            answer = shared.get(address(target, **own, **{"__timeTo:date:iso": last}))
            assert answer.status_code == 200, answer.text
            names = {column["selector"] for column in target["columns"]}
            found = rows(answer.json, target["root_selector"])
            assert all(names <= set(row) for row in found)
            assert any(isinstance(row[name], int | float) for row in found for name in names) or (
                {"time", "issue_id"} == names and found
            ), panel


def test_charts_follow_the_range_of_the_dashboard() -> None:
    charts = [panel for panel in DASHBOARD["panels"] if panel["type"] == "timeseries"]
    assert charts
    for panel in charts:
        assert "${__timeTo:date:iso}" in panel["targets"][0]["url"], panel["title"]


def test_a_chart_ends_with_the_range(shared: FlaskClient) -> None:
    for path in ("exceedance?window=1", "capacity?stay_days=4", "gauges/chance?window=1"):
        url = f"/v1/series/people/{path}&to=2026-01-08T23:00:00Z"
        found = shared.get(url).json["rows"]
        if "chance" in path:
            assert found[0]["horizon"] == 7
        else:
            assert [row["date"] for row in found][:: len(found) - 1] == ["2026-01-02", "2026-01-08"]


def test_thresholds_and_series_are_the_declared_ones(shared: FlaskClient) -> None:
    assert choices(shared, "series") == list(ROUTE.forecast)
    for series_id in ROUTE.forecast:
        declared = ROUTE.series[series_id].day_threshold
        assert choices(shared, "threshold", series=series_id)[0] == declared
        assert f'"{declared}"' not in json.dumps(DASHBOARD)


def test_links_lead_to_the_page_of_the_forecast(shared: FlaskClient) -> None:
    own = {"page": choices(shared, "page")[0], "series": "boats"}
    (table,) = (panel for panel in DASHBOARD["panels"] if panel["title"] == "Forecasts published")
    issue = shared.get(filled(table["targets"][0]["url"], **own)).json["rows"][0]["issue_id"]
    (to_issue,) = table["fieldConfig"]["overrides"][0]["properties"][1]["value"]
    urls = [link["url"] for link in (*DASHBOARD["links"], *DASHBOARD["panels"][0]["links"])]
    for url in (*urls, to_issue["url"]):
        found = filled(url, **own).replace("${__value.raw}", issue)
        assert found.startswith("http://127.0.0.1:8000/")
        answer = shared.get(found.removeprefix("http://127.0.0.1:8000"))
        assert answer.status_code == 200
        assert "boats" in answer.text.lower()


def test_annotations_are_the_issues(shared: FlaskClient) -> None:
    issues, *others = DASHBOARD["annotations"]["list"]
    (row,) = shared.get(address(issues["target"])).json["rows"]
    assert {c["selector"] for c in issues["target"]["columns"]} <= set(row)
    for annotation in others:
        assert shared.get(address(annotation["target"])).status_code == 200


def test_alert_rules_read_one_number_from_one_row(shared: FlaskClient) -> None:
    text = (FILES / "provisioning" / "alerting" / "crossings.yaml").read_text("utf-8")
    (group,) = yaml.safe_load(text)["groups"]
    for rule in group["rules"]:
        model = rule["data"][0]["model"]
        (row,) = rows(shared.get(model["url"]).json, model["root_selector"])
        (column,) = model["columns"]
        assert isinstance(row[column["selector"]], int | float)
        assert rule["data"][0]["datasourceUid"] == "crossings"
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
    kinds = [
        (rule["uid"].removesuffix("-boats"), rule["labels"]["series"]) for rule in group["rules"]
    ]
    assert len(set(kinds)) == len(kinds) == 3 * len(ROUTE.forecast)


@pytest.mark.parametrize(
    ("room", "form"),
    [("alerting", Alerting), ("datasources", Sources), ("dashboards", Dashboards)],
)
def test_what_grafana_reads_at_its_start_has_the_form_that_it_knows(
    room: str, form: type[Alerting | Sources | Dashboards]
) -> None:
    text = (FILES / "provisioning" / room / "crossings.yaml").read_text("utf-8")
    found = form.model_validate(yaml.safe_load(text))
    if isinstance(found, Alerting):
        rules = [rule for group in found.groups for rule in group.rules]
        assert (
            len({rule.uid for rule in rules}) == len({rule.title for rule in rules}) == len(rules)
        )
        assert {q.datasourceUid for rule in rules for q in rule.data} == {"crossings", "__expr__"}
    with pytest.raises(ValidationError, match="unknown_key"):
        form.model_validate(yaml.safe_load(text) | {"unknown_key": 1})


def test_the_token_comes_from_the_environment_and_goes_nowhere_else() -> None:
    text = (FILES / "provisioning" / "datasources" / "crossings.yaml").read_text("utf-8")
    (source,) = yaml.safe_load(text)["datasources"]
    assert source["secureJsonData"] == {"bearerToken": "$CROSSINGS_TOKEN"}
    assert source["jsonData"]["allowedHosts"] == [source["url"]] == ["$CROSSINGS_URL"]
    assert source["uid"] == DASHBOARD["panels"][0]["datasource"]["uid"]


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (TOOLS / "package-lock.json").read_text("utf-8")


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder with Grafana's packages, installed once for each state of the lock."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    lock_file = TOOLS / "package-lock.json"
    wanted = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    stamp = TOOLS / "node_modules" / ".stamp"
    with (ROOT / "tests" / "grafana" / ".gitignore").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            done = subprocess.run(
                ["npm", "ci", "--prefer-offline"], cwd=TOOLS, capture_output=True, text=True
            )
            if done.returncode:
                pytest.skip(f"Grafana's packages could not be installed: {done.stderr[-300:]}")
            stamp.write_text(wanted)
    return TOOLS


def tool(tools: Path, name: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(tools / "node_modules" / ".bin" / name), *arguments],
        cwd=tools,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


def test_the_dashboard_is_of_grafanas_own_type(tools: Path) -> None:
    """An enumeration of theirs is a string in the file, so their types are taken by value."""
    custom = [
        panel["fieldConfig"]["defaults"]["custom"]
        for panel in DASHBOARD["panels"]
        if panel["type"] == "timeseries"
    ]
    # and the check does check: of two sources the one with a slip is the one that is refused
    sources = [tools / "node_modules" / f"dashboard.{name}.ts" for name in ("check", "slip")]
    text = (
        "import type { Dashboard, GraphFieldConfig } from '@grafana/schema';\n"
        "type Plain<T> = T extends string ? `${T}` : T extends object"
        " ? { [K in keyof T]: Plain<T[K]> }"
        " & (T extends { refId: string } ? Record<string, unknown> : unknown) : T;\n"
        f"export const dashboard = {json.dumps(DASHBOARD)} satisfies Plain<Dashboard>;\n"
        f"export const custom = {json.dumps(custom)} satisfies Plain<GraphFieldConfig>[];\n"
    )
    options = ["--strict", "--noEmit", "--skipLibCheck", "--module", "esnext"]
    options += ["--moduleResolution", "bundler", "--target", "es2022"]
    options += ["--typeRoots", "none"]
    for source, drawn in zip(sources, ("line", "wavy"), strict=True):
        source.write_text(text.replace('"drawStyle": "line"', f'"drawStyle": "{drawn}"'))
    with pytest.raises(AssertionError, match="wavy") as caught:
        tool(tools, "tsc", *options, *map(str, sources))
    assert set(re.findall(r"dashboard\.(\w+)\.ts\(\d", str(caught.value))) == {"slip"}


def test_panels_draw_in_grafanas_own_components(
    tools: Path, settings: Settings, tmp_path: Path
) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("chromium is not installed")
    answers: dict[int, dict[str, Any]] = {}
    with serving(settings) as base:
        for panel, target in targets():
            with urllib.request.urlopen(base + address(target)) as answer:
                found = rows(json.load(answer), target["root_selector"])
            answers.setdefault(panel, {})[target["refId"]] = found
    page = bundled(tools, answers, tmp_path)
    ARTEFACTS.mkdir(exist_ok=True)
    shot = ARTEFACTS / "grafana.png"
    seen = browse(browser, page, tmp_path, "--dump-dom")
    browse(browser, page, tmp_path, f"--screenshot={shot}")
    report = re.search(r'<pre id="report" hidden="">(.*?)</pre>', seen, re.DOTALL)
    assert report, seen[-2000:]
    panels = json.loads(html.unescape(report.group(1)))
    assert panels.pop("errors") == []
    assert set(panels) == {str(panel["id"]) for panel in DASHBOARD["panels"]}
    # Three nested bands: three opacities of one colour cover each other, a good part of the chart.
    for chart in ("1", "6"):
        fills = shades(panels[chart]["colours"])
        assert len(fills) >= 3, panels[chart]["colours"]
        assert sum(fills.values()) > 5000
        assert re.search(r"\bmedian\b", panels[chart]["text"])
        assert not re.search(r"\b(lo|hi)\d\d\b", panels[chart]["text"]), "bounds in the legend"
    assert "counted" in panels["1"]["text"]
    assert shot.stat().st_size > 20_000
    (week,) = (row for row in answers[2]["A"] if row["period"] == "next_7_days")
    assert str(week["median"]) in panels["2"]["text"].replace(",", "").replace(" ", "")
    assert answers[9]["A"][0]["likelihood"] in panels["9"]["text"]


def shades(colours: dict[str, int]) -> dict[str, int]:
    """Translucent fills of the bands' blue, with their pixels."""
    found = {}
    for name, pixels in colours.items():
        red, green, blue, alpha = map(int, name.split(","))
        if 20 < alpha < 200 and blue > green > red and pixels > 100:
            found[name] = pixels
    return found


def bundled(tools: Path, answers: dict[int, Any], folder: Path) -> Path:
    """A page of its own: the harness, the dashboard file, and what the service answered."""
    script = tools / "node_modules" / "render.js"
    source = tools / "render.tsx"
    if not script.exists() or script.stat().st_mtime < source.stat().st_mtime:
        options = ["--bundle", f"--outfile={script}", "--jsx=automatic", "--minify"]
        options += ['--define:process.env.NODE_ENV="production"', "--log-level=error"]
        options += ["--alias:react-custom-scrollbars-2=./scrollbars.ts"]
        options += ["--loader:.ttf=empty", "--loader:.svg=dataurl", "--loader:.png=dataurl"]
        tool(tools, "esbuild", str(source), *options)
    shown = json.loads(filled(json.dumps(DASHBOARD)))
    given = {"DASHBOARD": shown, "ANSWERS": answers, "RANGE": RANGE}
    texts = {name: json.dumps(value).replace("</", "<\\/") for name, value in given.items()}
    setting = "".join(f"window.{name} = {text};" for name, text in texts.items())
    page = folder / "panels.html"
    page.write_text(
        "<!doctype html><meta charset='utf-8'>"
        f"<link rel='stylesheet' href='{script.with_suffix('.css').as_uri()}'>"
        f"<div id='root'></div><script>{setting}</script><script src='{script.as_uri()}'></script>"
    )
    return page


def browse(browser: str, page: Path, folder: Path, *what: str) -> str:
    done = subprocess.run(
        [
            browser,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--hide-scrollbars", "--window-size=1200,1600", "--virtual-time-budget=8000"),
            f"--user-data-dir={folder / 'profile'}",
            "--allow-file-access-from-files",
            *what,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=PROCESS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
