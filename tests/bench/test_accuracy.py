"""The program from end to end, with our own forecasters alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bench import report
from bench.accuracy import main
from bench.runs import Entry, Run, run_all
from bench.targets import Target
from forecast.backtest import BacktestConfig, rolling_origin
from forecast.bootstrap import Interval
from forecast.forecasters.climatology import Climatology
from forecast.series import DailySeries

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "service" / "data" / "figures.csv"
CHAMPION = 'title = "Best"\nfamily = "climatology"\nrole = "champion"\n'
NAIVE = 'family = "seasonal_naive"\nrole = "baseline"\n'


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two declarations that are fast to fit."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "best.toml").write_text(CHAMPION)
    (folder / "naive.toml").write_text(NAIVE)
    return folder


def bench(models: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["--models-dir", str(models), *options])


def test_nothing_depends_on_where_the_file_ends(models: Path, tmp_path: Path) -> None:
    """The same origins, on a file that ends with the last of their days and on a longer one."""
    short = tmp_path / "short.csv"
    lines = FIGURES.read_text("utf-8").splitlines()
    short.write_text("\n".join(line for line in lines if line[:10] <= "2023-03-26" or "d" in line))
    found: list[Any] = []
    for data in (short, FIGURES):
        to = tmp_path / "scores.json"
        done = bench(
            models,
            *("--data", str(data), "--first", "2023-01-01", "--last", "2023-02-26"),
            *("--models", "ours", "--paths", "100", "--json", str(to)),
        )
        assert done.exit_code == 0, done.stderr
        scores = json.loads(to.read_text())
        for row in scores["forecasters"].values():
            assert row.pop("peak_mb") > 20
            assert row.pop("seconds_per_origin") > 0
        found.append(scores)
    assert found[0]["forecasters"]["best"]["origins"][-1] == "2023-02-26"
    assert found[0] == found[1]


def test_quick_prints_every_table(models: Path) -> None:
    command = [sys.executable, "-m", "bench.accuracy", "--models-dir", str(models)]
    command += ["--quick", "--models", "ours"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "QUICK" in done.stdout
    assert "4 origins" in done.stdout
    assert "| Best (champion) |" in done.stdout
    assert "| best against |" in done.stdout
    assert "Not run, so not among the best peers: prophet_defaults, auto_ets" in done.stdout
    assert "| in people, at most " in done.stdout


def test_a_second_crossing_is_judged_by_its_own_protocol(models: Path) -> None:
    done = bench(models, "--quick", "--models", "ours", "--second", str(FIGURES))
    assert done.exit_code == 0, done.stderr
    assert "4 origins every 350 days from 2022-01-01 to 2024-12-01" in done.stdout
    assert "Protocol I: " in done.stdout
    assert "| coverage between " in done.stdout
    assert "in people, at most" not in done.stdout


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
def test_what_cannot_be_is_one_clear_line(models: Path, options: list[str], message: str) -> None:
    done = bench(models, *options)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_package_that_is_not_there_is_named(models: Path) -> None:
    from bench.peers import PEERS, missing

    if not missing(PEERS.values()):
        pytest.skip("all packages of the peers are installed")
    done = bench(models, "--models", "champion,auto_ets")
    assert done.exit_code == 2
    assert "not installed: statsforecast; `make bench`" in done.stderr


def test_a_process_of_its_own_changes_no_score(
    figures: dict[str, DailySeries], capsys: pytest.CaptureFixture[str]
) -> None:
    protocol = BacktestConfig("2024-01-01", "2024-01-31", paths=50, series="people")
    entries = [
        Entry("one", "", "ours", Climatology(), "climatology"),
        Entry("broken", "", "ours", None, "broken"),  # type: ignore[arg-type]
    ]
    runs = run_all(entries, figures, protocol, 2)
    [[score, *_], *_] = rolling_origin({"climatology": Climatology()}, figures, protocol)[
        0
    ].values()
    assert runs["one"].scores[0].crps.tolist() == score.crps.tolist()
    assert runs["one"].peak_mb > 20
    assert "AttributeError" in runs["broken"].failure
    ended = sorted(capsys.readouterr().err.splitlines())
    assert ended == [f"broken: {runs['broken'].failure}", "one: 0 s"]


def test_failures_and_declined_origins_are_said() -> None:
    entry = Entry("broken", "Broken", "champion", Climatology(), "broken")
    shy = Entry("shy", "Shy", "ours", Climatology(), "shy")
    runs = {"broken": Run(failure="its process died"), "shy": Run(declined=["2024-01-01: too few"])}
    text = report.as_text(
        report.evaluate(
            BacktestConfig("2024-01-01", "2024-02-01", series="people"), [entry, shy], runs
        )
    )
    assert "broken failed: its process died" in text
    assert "shy declined 1 origins; 2024-01-01: too few" in text


def test_tables_are_aligned() -> None:
    target = Target("at most", "day_1", 0.0, 51.0, Interval(50.0, 48.0, 52.0))
    other = Target("coverage", "cover_80_total_7", 0.7, 0.9, Interval(0.95, 0.92, 0.97), "x")
    lines = report.grid(report.target_rows([target, other])).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[2].split("|")[3:8]] == [
        *("51.0", "50.0", "48.0-52.0", "met", "no")
    ]
    assert [cell.strip() for cell in lines[3].split("|")[3:8]] == [
        *("0.70-0.90", "0.950", "0.920-0.970", "MISSED", "yes")
    ]
