"""`crossings series check`: faults of a declaration and its table, and the verdict."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from forecast.bootstrap import Interval
from service.cli.series import verdict
from tests.service.support import ROOT, Crossings, quick_models
from tests.service.support import declare as declare_model
from tests.support.sites import Answer, Sites

ITALY = ROOT / "series" / "italy.toml"
TABLE = ROOT / "service" / "data" / "italy_daily_arrivals.csv"
ROWS = TABLE.read_text("utf-8").splitlines()[:901]


@pytest.fixture
def declaration(tmp_path: Path) -> Path:
    """Italy's declaration beside 900 days of its figures."""
    text = ITALY.read_text("utf-8").replace("../service/data/", "")
    (tmp_path / "italy.toml").write_text(text, "utf-8")
    write(tmp_path / "italy.toml", ROWS)
    return tmp_path / "italy.toml"


def write(declaration: Path, rows: list[str]) -> None:
    (declaration.parent / TABLE.name).write_text("\n".join(rows) + "\n", "utf-8")


def declare(declaration: Path, key: str) -> None:
    """Add a line to the table ``[source]``."""
    text = declaration.read_text("utf-8")
    declaration.write_text(text.replace('kind = "csv"', f'kind = "csv"\n{key}'), "utf-8")


def read(crossings: Crossings, declaration: Path) -> CompletedProcess[str]:
    return crossings("series", "check", str(declaration), "--no-scores")


def refused(crossings: Crossings, declaration: Path) -> str:
    """The one line of a refusal."""
    done = read(crossings, declaration)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


def test_the_figures_are_shown_and_counted(crossings: Crossings, declaration: Path) -> None:
    done = read(crossings, declaration)
    assert done.returncode == 0, done.stderr
    counts = [int(row.split(",")[1]) for row in ROWS[1:]]
    assert f"italy_people: 900 days, 0 without a count, {counts.count(0)} with a" in done.stdout
    shown = [line.split() for line in done.stdout.splitlines()[2:9]]
    assert shown == [
        [day, f"{int(count):,}"] if count else [day]
        for row in (*ROWS[1:4], "…", *ROWS[-3:])
        for day, _, count in [row.partition(",")]
    ]
    assert "more than once" not in done.stdout
    assert not (declaration.parent / "var").exists(), "no database"


def test_placeholders_and_revisions_are_shown(crossings: Crossings, declaration: Path) -> None:
    declare(declaration, 'placeholders = ["n.d."]\nreports = "last"')
    days = [row.split(",")[0] for row in ROWS[1:]]
    again = [f"{day},{number}" for number, day in enumerate(days[:8], 1000)]
    rows = [*ROWS[:-2], f"{days[-2]},n.d.", f"{days[-1]},n.d.", *again, f"{days[0]},n.d.", again[1]]
    write(declaration, rows)
    done = read(crossings, declaration)
    assert done.returncode == 0, done.stderr
    assert f"italy_people: 900 days, 2 without a count ({days[-2]}, {days[-1]}), " in done.stdout
    _, _, revisions = done.stdout.partition("italy_people: days reported more than once: ")
    assert revisions.startswith("8, with different counts: 8\n")
    assert [line.split() for line in revisions.splitlines()[2:]] == [
        [days[0], "121,", "1,000,", "–", "1,000"],
        [days[1], "315,", "1,001,", "1,001", "1,001"],
        [days[2], "53,", "1,002", "1,002"],
        ["…"],
        *(
            [days[at], f"{ROWS[at + 1].split(',')[1]},", *[f"{1000 + at:,}"] * 2]
            for at in (5, 6, 7)
        ),
    ]


def test_many_days_without_a_count_are_named_by_their_ends(
    crossings: Crossings, declaration: Path
) -> None:
    declare(declaration, 'placeholders = [""]')
    days = [row.split(",")[0] for row in ROWS[1:]]
    write(declaration, [*ROWS[:-20], *(f"{day}," for day in days[-20:])])
    said = f"20 without a count ({days[-20]}, …, {days[-1]}), "
    assert said in read(crossings, declaration).stdout


@pytest.mark.parametrize(
    ("rows", "where", "expected", "found"),
    [
        ([*ROWS, "2025-02-30,5"], "row 902, column date", "a date such as", "'2025-02-30'"),
        ([*ROWS[:-1], ROWS[-1].split(",")[0] + ',"1,204"'], "row 901", "a whole number", "'1,204'"),
        ([*ROWS, ROWS[-1].split(",")[0] + ",99999"], "row 902", "as row 901 says", "99999"),
        (["<!doctype html>", "<p>Not here</p>"], "", "", "<"),
        (["date,arrivals", *ROWS[1:]], "row 1", "the columns people", "arrivals"),
        ([*ROWS[:50], *ROWS[51:]], "row 51", "the day after", "2019-10-21"),
    ],
    ids=["no-such-day", "thousands", "twice", "html", "column", "left-out"],
)
def test_a_broken_table_is_refused_in_one_line(
    crossings: Crossings,
    declaration: Path,
    rows: list[str],
    where: str,
    expected: str,
    found: str,
) -> None:
    write(declaration, rows)
    line = refused(crossings, declaration)
    before, _, after = line.partition(": expected ")
    assert TABLE.name in before
    assert where in before
    assert expected in after
    assert found in after.partition(", found ")[2]


def test_every_fault_of_a_declaration_is_said_at_once(
    crossings: Crossings, declaration: Path
) -> None:
    declare(declaration, 'thousand = ","')
    text = declaration.read_text("utf-8").replace("Europe/Rome", "Europe/Room")
    declaration.write_text(text, "utf-8")
    done = read(crossings, declaration)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert f"{declaration}, time_zone: expected the name of a time zone" in lines[0]
    assert lines[1].startswith(f"{declaration}, source.thousand: expected thousands, the nearest")


def test_a_declaration_that_is_not_there_is_one_line(crossings: Crossings, tmp_path: Path) -> None:
    assert "none.toml: expected a readable file" in refused(crossings, tmp_path / "none.toml")


def test_a_table_at_an_address_is_read_and_not_kept(
    crossings: Crossings, declaration: Path, sites: Sites
) -> None:
    content = (declaration.parent / TABLE.name).read_bytes()
    sites.replies["/figures.csv"] = Answer(content, "text/csv")
    text = declaration.read_text("utf-8")
    address = f'address = "{sites.url}/figures.csv"'
    declaration.write_text(text.replace(f'file = "{TABLE.name}"', address), "utf-8")
    done = read(crossings, declaration)
    assert done.returncode == 0, done.stderr
    assert f"read from {sites.url}/figures.csv" in done.stdout
    assert "italy_people: 900 days" in done.stdout
    assert not (declaration.parent / "var").exists(), "nothing is kept"


def test_a_source_that_does_not_answer_is_one_line(crossings: Crossings, declaration: Path) -> None:
    text = declaration.read_text("utf-8")
    nobody = 'address = "http://127.0.0.1:9/figures.csv"'
    declaration.write_text(text.replace(f'file = "{TABLE.name}"', nobody), "utf-8")
    done = crossings("series", "check", str(declaration), fetch_attempts=1)
    assert done.returncode == 1, "the declaration is right"
    assert "http://127.0.0.1:9/figures.csv: expected" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_year_is_scored_and_the_last_line_is_the_verdict(
    crossings: Crossings, declaration: Path, tmp_path: Path
) -> None:
    models = quick_models(tmp_path / "models")
    done = crossings("series", "check", str(declaration), models_dir=models)
    assert done.returncode == 0, done.stderr
    table = [line.split() for line in done.stdout.splitlines()]
    assert [row[:2] for row in table if row[:1] in (["climatology"], ["seasonal_naive"])][:2] == [
        ["climatology", "13"],
        ["seasonal_naive", "13"],
    ]
    last = " ".join(done.stdout.rpartition("\n\n")[2].split())
    assert last.startswith("climatology is ")
    assert "times that of seasonal_naive for days 1-7 and" in last
    assert "its 80% range of 7-day totals held" in last


@pytest.mark.parametrize(
    ("champion", "baseline", "verdict"),
    [
        ("seasonal_naive", "climatology", "worth it here"),
        ("climatology", "seasonal_naive", "no better here than chance can explain"),
    ],
)
def test_the_champion_is_worth_it_if_it_beats_the_baseline(
    crossings: Crossings,
    declaration: Path,
    tmp_path: Path,
    champion: str,
    baseline: str,
    verdict: str,
) -> None:
    """Repeating the last week is nearly right here."""
    days = [row.split(",")[0] for row in ROWS[1:]]
    rows = (f"{day},{at % 7 * 100 + at % 3}" for at, day in enumerate(days))
    write(declaration, ["date,people", *rows])
    models = tmp_path / "models"
    declare_model(models, champion, champion, "champion")
    declare_model(models, baseline, baseline, "baseline")
    done = crossings("series", "check", str(declaration), models_dir=models)
    assert done.returncode == 0, done.stderr
    assert f"{champion} is {verdict}: its CRPS is" in done.stdout


BELOW, ACROSS = Interval(0.8, 0.7, 0.99), Interval(0.8, 0.6, 1.0)


@pytest.mark.parametrize(
    ("days", "total", "judged"),
    [
        (BELOW, BELOW, "worth it here"),
        (BELOW, ACROSS, "no better here than chance can explain"),
        (ACROSS, BELOW, "no better here than chance can explain"),
    ],
)
def test_both_intervals_are_below_one_where_it_is_worth_it(
    days: Interval, total: Interval, judged: str
) -> None:
    sentence = verdict("pool", {"days_1_7": ("near", days), "total_7": ("far", total)}, 0.77)
    assert sentence.startswith(f"pool is {judged}: its CRPS is 0.80 ({days.lo:.2f} to ")
    assert "times that of near for days 1-7 and 0.80" in sentence
    assert "times that of far for the 7-day total" in sentence
    assert sentence.endswith("held 77% of them.")


def test_without_ratios_there_is_no_verdict() -> None:
    assert "cannot be told" in verdict("pool", {}, None)


def test_too_few_days_are_refused_after_the_figures(
    crossings: Crossings, declaration: Path, tmp_path: Path
) -> None:
    write(declaration, ROWS[:301])
    models = quick_models(tmp_path / "models")
    done = crossings("series", "check", str(declaration), models_dir=models)
    assert done.returncode == 2
    assert "italy_people: 300 days" in done.stdout
    assert "expected more than 392 days in a row" in done.stderr
    assert "found 300" in done.stderr


def test_days_after_a_gap_are_not_scored(
    crossings: Crossings, declaration: Path, tmp_path: Path
) -> None:
    declare(declaration, 'placeholders = [""]')
    gap = ROWS[800].split(",")[0]
    write(declaration, [*ROWS[:800], f"{gap},", *ROWS[801:]])
    models = quick_models(tmp_path / "models")
    done = crossings("series", "check", str(declaration), models_dir=models)
    assert done.returncode == 0, done.stderr
    assert f"no count on {gap}; forecasts use the days before it alone" in done.stdout
