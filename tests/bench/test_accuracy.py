"""The accuracy benchmark, end to end with our own forecasters only."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import report
from bench.accuracy import main
from bench.peers import PEERS, missing
from bench.runs import Entry, Run, run_all
from bench.targets import Target
from forecast.backtest import BacktestConfig, rolling_origin
from forecast.bootstrap import Interval
from forecast.forecasters.climatology import Climatology

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "service" / "data" / "figures.csv"
CHAMPION = 'title = "Best"\nfamily = "climatology"\nrole = "champion"\n'
NAIVE = 'family = "seasonal_naive"\nrole = "baseline"\n'


@pytest.fixture
def models(tmp_path):
    """Two models that are quick to fit."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "best.toml").write_text(CHAMPION)
    (folder / "naive.toml").write_text(NAIVE)
    return folder


def run_bench(models, *options):
    return CliRunner().invoke(main, ["--models-dir", str(models), *options])


def test_quick_prints_every_table(models, tmp_path):
    output = tmp_path / "scores.json"
    result = run_bench(models, "--quick", "--models", "ours", "--json", str(output))
    assert result.exit_code == 0, result.stderr
    assert "QUICK" in result.stdout
    assert "4 origins" in result.stdout
    assert "| Best (champion) |" in result.stdout
    assert "| best against |" in result.stdout
    assert "Not run, so not among the best peers: prophet_defaults, auto_ets" in result.stdout
    assert "| in people, at most " in result.stdout
    row = json.loads(output.read_text())["forecasters"]["best"]
    assert len(row["origins"]) == 4 and row["peak_mb"] > 20 and row["seconds_per_origin"] > 0


def test_second_route_has_its_own_protocol(models):
    result = run_bench(models, "--quick", "--models", "ours", "--second", str(FIGURES))
    assert result.exit_code == 0, result.stderr
    assert "4 origins every 350 days from 2022-01-01 to 2024-12-01" in result.stdout
    assert "Protocol I: " in result.stdout
    assert "| coverage between " in result.stdout
    assert "in people, at most" not in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--second", "x.csv", "--data", "x.csv"], "--second takes neither --data nor --weather"),
        (["--models", "ours", "--second", "nowhere.csv"], "--second: "),
        (["--models", "nobody"], "expected of all, ours, peers, champion, best, naive"),
        (["--models", "ours", "--first", "2025-12-20"], "expected an origin with 28 days"),
        (["--models", "ours", "--data", "nowhere.csv"], "expected a readable file"),
        (["--models", "ours", "--weather", "nowhere.csv", "nowhere.csv.gz"], "--weather"),
    ],
)
def test_invalid_options_are_usage_errors(models, options, message):
    result = run_bench(models, *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_missing_package_is_named(models):
    if not missing(PEERS.values()):
        pytest.skip("all packages of the peers are installed")
    result = run_bench(models, "--models", "champion,auto_ets")
    assert result.exit_code == 2
    assert "not installed: statsforecast; `make bench`" in result.stderr


def test_separate_processes_give_the_same_scores_and_report_failures(figures, capsys):
    config = BacktestConfig("2024-01-01", "2024-01-31", paths=50, series="people")
    entries = [
        Entry("one", "", "ours", Climatology(), "climatology"),
        Entry("broken", "", "ours", None, "broken"),
    ]
    runs = run_all(entries, figures, config, 2)
    scores, _ = rolling_origin({"climatology": Climatology()}, figures, config)
    assert runs["one"].scores[0].crps.tolist() == scores["climatology"][0].crps.tolist()
    assert runs["one"].peak_mb > 20
    assert "AttributeError" in runs["broken"].failure
    messages = sorted(capsys.readouterr().err.splitlines())
    assert messages == [f"broken: {runs['broken'].failure}", "one: 0 s"]


def test_failures_and_declined_origins_are_reported():
    entries = [
        Entry("broken", "", "champion", Climatology(), "broken"),
        Entry("short", "", "ours", Climatology(), "short"),
    ]
    runs = {
        "broken": Run(failure="its process died"),
        "short": Run(declined=["2024-01-01: too few"]),
    }
    config = BacktestConfig("2024-01-01", "2024-02-01", series="people")
    text = report.as_text(report.evaluate(config, entries, runs))
    assert "broken failed: its process died" in text
    assert "short declined 1 origins; 2024-01-01: too few" in text


def test_tables_are_aligned():
    people = Target("at most", "day_1", 0.0, 51.0, Interval(50.0, 48.0, 52.0))
    share = Target("coverage", "cover_80_total_7", 0.7, 0.9, Interval(0.95, 0.92, 0.97), "x")
    lines = report.grid(report.target_rows([people, share])).splitlines()
    assert len({len(line) for line in lines}) == 1
    cells = [[cell.strip() for cell in line.split("|")[3:8]] for line in lines[2:4]]
    assert cells == [
        ["51.0", "50.0", "48.0-52.0", "met", "no"],
        ["0.70-0.90", "0.950", "0.920-0.970", "MISSED", "yes"],
    ]
