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
from flask.testing import FlaskClient

from service.core.route_files import enabled_routes
from service.core.settings import Settings
from tests.service.support import ROOT, serving
from tests.support.provisioning import DASHBOARD, RULES, rows
from tests.support.waiting import PROCESS

TOOLS = ROOT / "tests" / "grafana"
ARTEFACTS = ROOT / "tests" / "artefacts"
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


def test_dashboard_and_rules_are_of_grafanas_own_types(tools: Path) -> None:
    """A source without a slip is accepted, and each with one is refused.

    An enumeration of theirs is a string in the file, so their types are taken by value. A file of
    provisioning names organisation, group and folder once for its rules, and the panel of each.
    """
    custom = [
        panel["fieldConfig"]["defaults"]["custom"]
        for panel in DASHBOARD["panels"]
        if panel["type"] == "timeseries"
    ]
    thresholds = [rule["data"][1]["model"] for group in RULES["groups"] for rule in group["rules"]]
    text = (
        "import type { Dashboard, GraphFieldConfig } from '@grafana/schema';\n"
        "import type { Rule } from '@grafana/grafana-foundation-sdk/alerting';\n"
        "import type { TypeThreshold } from '@grafana/grafana-foundation-sdk/expr';\n"
        "type Plain<T> = T extends string ? `${T}` : T extends object"
        " ? { [K in keyof T]: Plain<T[K]> }"
        " & (T extends { refId: string } ? Record<string, unknown> : unknown) : T;\n"
        "type FileRule = Omit<Rule, 'orgID' | 'ruleGroup' | 'folderUID' | 'data'>"
        " & { uid: string; dashboardUid: string; panelId: number; data: (Omit<NonNullable<"
        "Rule['data']>[number], 'model'> & { model: Record<string, unknown> })[] };\n"
        "type File = { apiVersion: 1; groups: { orgId: number; name: string; folder: string;"
        " interval: string; rules: FileRule[] }[] };\n"
        f"export const dashboard = {json.dumps(DASHBOARD)} satisfies Plain<Dashboard>;\n"
        f"export const custom = {json.dumps(custom)} satisfies Plain<GraphFieldConfig>[];\n"
        f"export const rules = {json.dumps(RULES)} satisfies File;\n"
        f"export const thresholds = {json.dumps(thresholds)} satisfies"
        " Omit<TypeThreshold, '_implementsDataqueryVariant'>[];\n"
    )
    slips = {
        "whole": ("", ""),
        "style": ('"drawStyle": "line"', '"drawStyle": "wavy"'),
        "state": ('"noDataState": "Alerting"', '"noDataState": "Shouting"'),
        "key": ('"execErrState"', '"execErrorState"'),
        "level": ('"type": "gt"', '"type": "above"'),
    }
    sources = {name: tools / "node_modules" / f"{name}.check.ts" for name in slips}
    for name, (right, wrong) in slips.items():
        assert right in text
        sources[name].write_text(text.replace(right, wrong))
    options = ["--strict", "--noEmit", "--skipLibCheck", "--module", "esnext"]
    options += ["--moduleResolution", "bundler", "--target", "es2022"]
    options += ["--typeRoots", "none"]
    with pytest.raises(AssertionError, match="wavy") as caught:
        tool(tools, "tsc", *options, *map(str, sources.values()))
    refused = set(re.findall(r"(\w+)\.check\.ts\(\d", str(caught.value)))
    assert refused == set(slips) - {"whole"}, str(caught.value)[:2000]


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
