import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from tests.service.support import ROOT

FIGURES = str(ROOT / "service" / "data" / "figures.csv")
LINES = Path(FIGURES).read_text().splitlines()
QUICK = ("--model", "climatology", "--paths", "200")
FORECAST = ("forecast", "--data", FIGURES, *QUICK)


def run_forecast(crossings, *arguments, **settings):
    done = crossings(*FORECAST, "--format", "json", *arguments, **settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_forecast_rows_totals_and_saved_paths(crossings, tmp_path):
    file = tmp_path / "paths"
    body = run_forecast(crossings, "--as-of", "2024-10-18", "--paths-out", str(file))
    assert body["series_id"] == "people"
    assert body["origin"] == "2024-10-18"
    assert body["model"] == "climatology"
    assert [row["date"] for row in body["rows"]][::27] == ["2024-10-19", "2024-11-15"]
    with np.load(file) as saved:
        assert saved["paths"].shape == (200, 28)
        assert saved["dates"].tolist() == [row["date"] for row in body["rows"]]
        sums = np.sort(saved["paths"][:, :7].sum(axis=1))
    week, month = body["totals"]
    assert month["simulated_days"] == 28
    assert (week["median"], week["lo80"], week["hi80"]) == (sums[99], sums[19], sums[179])
    assert not (tmp_path / "var").exists(), "no database is created"


def test_forecast_depends_on_the_seed_and_the_days_to_as_of(crossings, tmp_path):
    cutoff = next(row for row, line in enumerate(LINES) if line.startswith("2024-10-18"))
    changed = [f"{line.split(',')[0]},999,9" for line in LINES[cutoff + 1 :]]
    other_file = tmp_path / "other.csv"
    other_file.write_text("\n".join([*LINES[: cutoff + 1], *changed]) + "\n")
    arguments = ("--as-of", "2024-10-18", "--seed")
    first = run_forecast(crossings, *arguments, "5")
    assert run_forecast(crossings, *arguments, "5", "--data", str(other_file)) == first
    assert run_forecast(crossings, *arguments, "6")["rows"] != first["rows"]


def test_forecast_formats_agree(crossings):
    body = run_forecast(crossings)
    done = crossings(*FORECAST, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["median"] for row in rows] == [str(row["median"]) for row in body["rows"]]
    table = crossings(*FORECAST)
    assert "2026-01-28" in table.stdout


def test_any_series_of_a_file_is_forecast(crossings, tmp_path):
    file = tmp_path / "one.csv"
    file.write_text("\n".join(line.rpartition(",")[0] for line in LINES) + "\n")
    assert run_forecast(crossings, "--data", str(file))["series_id"] == "people"
    file.write_text(file.read_text().replace("people", "lorries"))
    lorries = run_forecast(crossings, "--data", str(file), "--series", "lorries")
    assert (lorries["series_id"], lorries["rows"][0]["likelihood"]) == ("lorries", None)
    boats = run_forecast(crossings, "--series", "boats")
    assert boats["rows"][0]["hi95"] < 60
    file.write_text(file.read_text().replace("lorries", "italy_people"))
    italy = ("--data", str(file), "--series", "italy_people")
    body = run_forecast(crossings, *italy, routes="channel,italy")
    assert all(row["likelihood"] for row in body["rows"])


def test_champion_is_one_of_the_models_of_the_route(crossings, tmp_path):
    text = (ROOT / "series" / "channel.toml").read_text().replace("../service", f"{ROOT}/service")
    (tmp_path / "channel.toml").write_text(f'models = ["climatology"]\n{text}')
    body = run_forecast(crossings, "--model", "champion", series_dir=tmp_path)
    assert body["model"] == "climatology"


@pytest.mark.parametrize(
    ("status", "arguments", "message"),
    [
        (2, ["--horizon", "401"], "1<=x<=400"),
        (2, ["--paths", "1"], "10<=x<=100000"),
        (2, ["--model", "oracle"], "expected one of the models"),
        (2, ["--model", "all"], "--model: expected one declared model, found all"),
        (2, ["--as-of", "2026-01-01"], "2018-01-01 to 2025-12-31, found 2026-01-01"),
        (2, ["--series", "planes"], "expected a column 'planes'"),
        (2, ["--data", "none.csv"], "none.csv: expected a readable file, found No such file"),
        (1, ["--paths-out", "/none/file.npz"], "Error: /none/file.npz: No such file"),
        (1, ["--model", "hurdle", "--as-of", "2018-01-05"], "Error: "),
    ],
)
def test_forecast_rejects_invalid_options(crossings, status, arguments, message):
    done = crossings(*FORECAST, *arguments)
    assert done.returncode == status
    assert message in done.stderr
    assert sum(line.startswith("Error: ") for line in done.stderr.splitlines()) == 1


def test_backtest_json_has_the_documented_keys(crossings, tmp_path):
    out = tmp_path / "scores.json"
    done = crossings(
        *("backtest", "--data", FIGURES, "--first", "2024-01-01", "--last", "2024-02-15"),
        *("--every", "14", "--horizon", "20", "--models", "climatology,seasonal_naive"),
        *("--paths", "100", "--seed", "5", "--out", str(out), "--format", "json"),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    assert list(report) == ["protocol", "models"]
    options = {"every": 14, "horizon": 20, "paths": 100, "seed": 5}
    assert options.items() <= report["protocol"].items()
    assert list(report["models"]) == ["climatology", "seasonal_naive"]
    row = report["models"]["climatology"]
    assert row["origins"] == 4
    assert set(row["crps"]) == {
        *("day_1", "days_1_7", "days_8_14", "days_15_28", "total_7", "total_28")
    }
    assert row["crps"]["total_28"] is None
    assert row["crps"]["total_7"] > 0
    assert set(row["coverage"]["day"]) == {"50", "80", "95"}
    assert json.loads(done.stdout) == report


def test_backtest_table_fits_80_columns_and_agrees_with_csv(crossings):
    arguments = (  # with the longest name among the declared models
        *("backtest", "--data", FIGURES, "--first", "2024-09-01", "--last", "2024-09-15"),
        *("--models", "climatology,level_hurdle_long", "--paths", "50"),
    )
    done = crossings(*arguments)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in done.stdout
    rows = [line.split() for line in lines[3:]]
    assert [row[:2] for row in rows] == [["climatology", "2"], ["level_hurdle_long", "2"]]
    as_csv = list(csv.DictReader(io.StringIO(crossings(*arguments, "--format", "csv").stdout)))
    for row, values in zip(rows, as_csv, strict=True):
        scores = [float(values[f"crps_{name}"]) for name in ("day_1", "days_1_7", "total_28")]
        assert [row[2], row[3], row[7]] == [
            f"{score:,.0f}" if score >= 100 else f"{score:.1f}" for score in scores
        ]
        assert row[8] == f"{float(values['coverage80_day']):.0%}"
        assert float(values["seconds_per_origin"]) > 0


def test_backtest_names_origins_that_are_left_out_or_declined(crossings):
    def run(*days, models="all"):
        options = ("--every", "20", "--paths", "10", "--models", models)
        done = crossings(
            "backtest", "--data", FIGURES, "--first", days[0], "--last", days[1], *options
        )
        assert done.returncode == 0
        return done.stderr.splitlines()

    (line,) = run("2025-11-01", "2025-12-20", models="climatology")
    assert line.startswith("1 of 3 origins are left out: ")
    declined = run("2018-01-20", "2018-01-20")
    assert (
        "climatology declined at 2018-01-20: climatology needs at least 60 days, found 20"
        in declined
    )
    assert len(declined) == len(list((ROOT / "models").glob("*.toml")))


@pytest.mark.parametrize(
    ("first", "last"), [("2025-12-20", "2025-12-31"), ("2025-10-01", "2025-01-01")]
)
def test_backtest_without_origins_is_rejected(crossings, first, last):
    days = ("--first", first, "--last", last, "--models", "climatology")
    done = crossings("backtest", "--data", FIGURES, *days)
    assert done.returncode == 2
    assert "28 days of figures after it, found none: " in done.stderr
    assert "figures.csv ends on 2025-12-31" in done.stderr


def test_covariate_forecasts_must_be_issued_at_the_origin(crossings, tmp_path):
    history, issued = tmp_path / "wind.csv", tmp_path / "issued.csv"
    days = np.arange("2023-01-01", "2024-10-31", dtype="datetime64[D]").astype(str)
    history.write_text("date,wind_ms\n" + "".join(f"{day},{i % 9}\n" for i, day in enumerate(days)))
    issued.write_text(
        "origin,member,date,wind_ms\n2024-10-18,0,2024-10-19,3\n2024-10-18,1,2024-10-19,8\n"
    )
    covariates = ("--covariates", str(history), "--covariate-forecasts", str(issued))
    assert run_forecast(crossings, "--as-of", "2024-10-18", *covariates)["rows"]
    done = crossings(*FORECAST, "--as-of", "2024-10-19", *covariates)
    assert done.returncode == 2
    assert f"{issued}: expected a forecast issued at 2024-10-19, found none" in done.stderr
    done = crossings(*FORECAST, *covariates[2:])
    assert "expected --covariates with it" in done.stderr
