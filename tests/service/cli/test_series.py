"""`crossings series check`: reading a declared series, errors in it, and the verdict."""

import pytest

from forecast.bootstrap import Interval
from service.cli.series import verdict
from tests.service.support import ROOT, declare_quick_models

ITALY = ROOT / "series" / "italy.toml"
TABLE = ROOT / "service" / "data" / "italy_daily_arrivals.csv"
ROWS = TABLE.read_text("utf-8").splitlines()[:901]
DAYS, COUNTS = zip(*(row.split(",") for row in ROWS[1:]), strict=True)


@pytest.fixture
def declaration(tmp_path):
    """Italy's declaration and 900 days of its figures."""
    text = ITALY.read_text("utf-8").replace("../service/data/", "")
    (tmp_path / "italy.toml").write_text(text, "utf-8")
    write_table(tmp_path / "italy.toml", ROWS)
    return tmp_path / "italy.toml"


def write_table(declaration, rows):
    (declaration.parent / TABLE.name).write_text("\n".join(rows) + "\n", "utf-8")


def add_source_key(declaration, key):
    """Add a line to the table ``[source]``."""
    text = declaration.read_text("utf-8")
    declaration.write_text(text.replace('kind = "csv"', f'kind = "csv"\n{key}'), "utf-8")


def run_check(crossings, declaration, models=None):
    """Check the declaration, with scores if there are `models`."""
    options = ["--no-scores"] if models is None else []
    return crossings("series", "check", str(declaration), *options, models_dir=models or "none")


def test_check_shows_and_counts_figures(crossings, declaration):
    done = run_check(crossings, declaration)
    assert done.returncode == 0, done.stderr
    assert f"italy_people: 900 days, 0 without a count, {COUNTS.count('0')} with a" in done.stdout
    table = [line.split() for line in done.stdout.splitlines()[2:9]]
    assert table == [
        [day, f"{int(count):,}"] if count else [day]
        for row in (*ROWS[1:4], "…", *ROWS[-3:])
        for day, _, count in [row.partition(",")]
    ]
    assert "more than once" not in done.stdout
    assert not (declaration.parent / "var").exists(), "no database is created"


def test_check_shows_placeholders_and_revisions(crossings, declaration):
    add_source_key(declaration, 'placeholders = ["n.d."]\nreports = "last"')
    again = [f"{day},{number}" for number, day in enumerate(DAYS[:7], 1000)]
    unknown = [f"{DAYS[at]},n.d." for at in (-2, -1, 0, 7)]
    rows = [*ROWS[:-2], *unknown[:2], *again, *unknown[2:], again[1]]
    write_table(declaration, rows)
    done = run_check(crossings, declaration)
    assert done.returncode == 0, done.stderr
    assert f"italy_people: 900 days, 2 without a count ({DAYS[-2]}, {DAYS[-1]}), " in done.stdout
    _, _, revisions = done.stdout.partition("italy_people: days reported more than once: ")
    assert revisions.startswith("8, with different counts: 7\n")
    assert [line.split() for line in revisions.splitlines()[2:]] == [
        [DAYS[0], "121,", "1,000,", "–", "1,000"],
        [DAYS[1], "315,", "1,001,", "1,001", "1,001"],
        [DAYS[2], "53,", "1,002", "1,002"],
        ["…"],
        *([DAYS[at], f"{COUNTS[at]},", *[f"{1000 + at:,}"] * 2] for at in (5, 6)),
        [DAYS[7], f"{COUNTS[7]},", "–", COUNTS[7]],
    ]


def test_malformed_table_is_rejected(crossings, declaration):
    write_table(declaration, [*ROWS[:50], *ROWS[51:]])
    done = run_check(crossings, declaration)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"{TABLE.name}, row 51, column date: expected 2019-10-20, the day after" in line


def test_check_scores_two_years_and_ends_with_the_verdict(crossings, declaration, tmp_path):
    done = run_check(crossings, declaration, declare_quick_models(tmp_path / "models"))
    assert done.returncode == 0, done.stderr
    assert "no count on" not in done.stdout
    table = [line.split() for line in done.stdout.splitlines()]
    assert [row[:2] for row in table if row[:1] in (["climatology"], ["seasonal_naive"])][:2] == [
        ["climatology", "26"],
        ["seasonal_naive", "26"],
    ]
    last = " ".join(done.stdout.rpartition("\n\n")[2].split())
    assert last.startswith("climatology is ")
    assert "times that of seasonal_naive for days 1-7 and" in last
    assert "its 80% range of 7-day totals contained" in last


BELOW, ACROSS = Interval(0.8, 0.7, 0.99), Interval(0.8, 0.6, 1.0)


@pytest.mark.parametrize(
    ("days", "total", "conclusion"),
    [
        (BELOW, BELOW, "worth using here"),
        (BELOW, ACROSS, "not significantly better here"),
        (ACROSS, BELOW, "not significantly better here"),
    ],
)
def test_verdict_requires_both_intervals_below_one(days, total, conclusion):
    sentence = verdict("pool", {"days_1_7": ("near", days), "total_7": ("far", total)}, 0.77)
    assert sentence.startswith(f"pool is {conclusion}: its CRPS is 0.80 ({days.lo:.2f} to ")
    assert "times that of near for days 1-7 and 0.80" in sentence
    assert "times that of far for the 7-day total" in sentence
    assert sentence.endswith("contained 77% of them.")
    assert "Cannot tell" in verdict("pool", {}, None)


def test_only_many_days_before_a_gap_are_scored(crossings, declaration, tmp_path):
    add_source_key(declaration, 'placeholders = [""]')
    write_table(declaration, [*ROWS[:800], f"{DAYS[799]},", *ROWS[801:]])
    models = declare_quick_models(tmp_path / "models")
    done = run_check(crossings, declaration, models)
    assert done.returncode == 0, done.stderr
    assert f"no count on {DAYS[799]}; forecasts use only the days before it" in done.stdout
    write_table(declaration, ROWS[:301])
    done = run_check(crossings, declaration, models)
    assert done.returncode == 2
    assert "italy_people: 300 days" in done.stdout
    assert "expected more than 392 days in a row" in done.stderr
    assert "found 300" in done.stderr
