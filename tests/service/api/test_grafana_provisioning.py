"""Grafana's provisioning files: alert rules, data source and dashboards."""

from __future__ import annotations

import yaml
from flask.testing import FlaskClient

from service.core.route_files import enabled_routes
from tests.service.support import ROOT
from tests.support.provisioning import DASHBOARD, FILES, RULES, rows
from tests.test_docs import anchors

ROUTE = enabled_routes(ROOT / "series")[0]


def test_alert_rules_read_one_number_from_one_row(shared: FlaskClient) -> None:
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


def test_token_comes_from_the_environment() -> None:
    text = (FILES / "provisioning" / "datasources" / "crossings.yaml").read_text("utf-8")
    (source,) = yaml.safe_load(text)["datasources"]
    assert source["secureJsonData"] == {"bearerToken": "$CROSSINGS_TOKEN"}
    assert source["jsonData"]["allowedHosts"] == [source["url"]] == ["$CROSSINGS_URL"]
    assert source["uid"] == DASHBOARD["panels"][0]["datasource"]["uid"]
