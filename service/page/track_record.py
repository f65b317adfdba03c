"""Context of the page Track record: live forecasts, then hindcasts."""

__all__ = ["track_record_context"]

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from service.answers.errors import BadQuestion
from service.answers.track_record import (
    REFERENCES,
    compared_to_climatology,
    count_inside,
    track_record,
)
from service.answers.wording import long_day
from service.page.charts import share_bars
from service.page.exhibits import BAND_KEYS, LEVELS, Exhibit
from service.page.page_params import PageParams
from service.page.svg_axes import Sheet, ceiling, element

Rows = Sequence[dict[str, Any]]
_WINDOWS = ("13", "26", "52", "104")
_NARROW_WEEKS = 16
_ENDS = ("", "_lo", "_hi")
_WEEK = ("median", "lo80", "hi80", "lo95", "hi95")
_WEEK_KEYS = (
    ("came", "arrived"),
    ("missed", "outside the 95% range"),
    *(key for key in BAND_KEYS if key[0] != "band50"),
)
_KINDS = {"live": "Published forecasts", "hindcast": "Hindcasts"}
_ALARMS = {
    "pit_mean": "Days too low or too high",
    "pit_spread": "Daily ranges too narrow or too wide",
    "weekly_coverage": "Weekly ranges right too rarely or too often",
    "week_beyond_band": "A week outside its range",
}
_MEASURES = {
    "day_1": "Day 1",
    "days_2_3": "Days 2 and 3",
    "days_4_7": "Days 4 to 7",
    "day_7": "Day 7",
    "day_14": "Day 14",
    "day_28": "Day 28",
    "total_7": "Total of days 1 to 7",
    "total_14": "Total of days 1 to 14",
    "total_28": "Total of days 1 to 28",
}


def track_record_context(params: PageParams, args: Mapping[str, str]) -> dict[str, Any]:
    """Return the template context of the page Track record for the last ``window`` weeks."""
    window = args.get("window", "26")
    if window not in _WINDOWS:
        raise BadQuestion("window", f"one of {', '.join(_WINDOWS)} weeks", window[:20])
    records = [
        _with_charts(track_record(params.loader, params.series_id, int(window), kind=kind))
        for kind in _KINDS
    ]
    return {
        "inputs": {"window": window},
        "windows": _WINDOWS,
        "records": records,
        "compared_to_climatology": compared_to_climatology,
        "exhibits": [one for record in records if record["judged"] for one in _exhibits(record)],
        "kind_names": _KINDS,
        "measure_names": _MEASURES,
        "alarm_names": _ALARMS,
    }


def _with_charts(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its scored rows and their charts."""
    inside, apart = count_inside(record["weeks"])
    judged = [
        row | {"counted": _counted(row), "chart": _coverage_chart(row)}
        for row in record["rows"]
        if row["n"]
    ]
    last = record["weeks"][-1]["to"] if record["weeks"] else record["to"]
    return record | {
        "judged": judged,
        "week": next((row for row in judged if row["measure"] == "total_7"), None),
        "inside": inside,
        "apart": apart,
        "weeks_to": long_day(last) if judged else "",
    }


def _counted(row: dict[str, Any]) -> str:
    """Say how many outcomes the coverage rests on."""
    n, is_total = row["coverage_n"], row["measure"].startswith("total")
    return f"{n} {'separate period' if is_total else 'forecast'}{'' if n == 1 else 's'}"


def _exhibits(record: dict[str, Any]) -> list[Exhibit]:
    """Return the charts and tables of a record; their names end with its kind."""
    weeks, pit, kind, judged = (record[k] for k in ("weeks", "pit_histogram", "kind", "judged"))
    scope = f"{_KINDS[kind].lower()}, {record['window_weeks']} weeks to {record['weeks_to']}"
    coverage = [f"coverage{level}{end}" for level in LEVELS for end in _ENDS]
    skills = [f"skill_{name}{end}" for name in REFERENCES for end in _ENDS]
    shares = {f"share_arrived{end}": f"share{end}" for end in _ENDS}
    tenths = [{"tenth": at, "outcomes": count} for at, count in enumerate(pit, start=1)]
    of_pit = f"Where outcomes fell within their forecasts: {scope}"
    exhibits = [
        Exhibit(
            f"coverage-{kind}",
            f"How often the ranges were right: {scope}",
            judged,
            ("measure", "n", "coverage_n", *coverage),
            _coverage_grid(judged),
        ),
        Exhibit(
            f"scores-{kind}",
            f"Scores: {scope}",
            judged,
            ("measure", "n", *skills, "bias", "crps", "wis"),
        ),
        Exhibit(
            f"likelihood-{kind}",
            f"Days with arrivals, by likelihood: {scope}",
            [row | {to: row[of] for to, of in shares.items()} for row in record["likelihood"]],
            ("measure", "likelihood", "days", "arrived", *shares),
        ),
        Exhibit(f"pit-{kind}", of_pit, tenths, ("tenth", "outcomes"), share_bars(pit, of_pit)),
    ]
    if weeks:
        title = f"{record['unit'].capitalize()} in the 7 days after each forecast: {scope}"
        columns = ("issue_id", "model", "from", "to", "truth", *_WEEK, "crps")
        drawing = _weeks_chart(weeks, record["unit"])
        exhibits.append(Exhibit(f"weeks-{kind}", title, weeks, columns, drawing, _WEEK_KEYS))
    return exhibits


def _weeks_chart(weeks: Rows, unit: str) -> Markup:
    """Draw each week's intervals and median, with a dot for the outcome (a ring outside 95%)."""
    svgs = []
    for size, shown in (("wide", weeks), ("narrow", weeks[-_NARROW_WEEKS:])):
        top = ceiling(max(max(week["hi95"], week["truth"]) for week in shown) or 1)
        sheet = Sheet(size, len(shown), top, right=24)
        title = (
            f"{unit.capitalize()} in the 7 days after each forecast: ranges of {len(shown)} "
            f"forecasts, from {long_day(shown[0]['from'])} to {long_day(shown[-1]['to'])}, and "
            "arrivals"
        )
        svgs.append(sheet.svg(title, _draw(sheet, shown)))
    return Markup("").join(svgs)


def _draw(sheet: Sheet, weeks: Rows) -> list[str]:
    every, gap = max(round(84 / sheet.step), 1), 0.15 * sheet.step
    marked = range((len(weeks) - 1) % every, len(weeks), every)
    parts = [sheet.axis(), sheet.marks([(at + 0.5, weeks[at]["from"]) for at in marked])]
    for at, week in enumerate(weeks):
        for level in (95, 80):
            bounds = week[f"lo{level}"], week[f"hi{level}"]
            parts.append(sheet.bar(f"band{level}", at, *bounds, gap=gap, least=1))
        x, y = sheet.x(at), sheet.y(week["median"])
        parts.append(element("line", "median", x1=x + gap, x2=x + sheet.step - gap, y1=y, y2=y))
        missed = not week["lo95"] <= week["truth"] <= week["hi95"]
        parts.append(sheet.dot("came missed" if missed else "came", at, week["truth"], 4))
    return parts


def _coverage_chart(row: dict[str, Any]) -> Markup:
    """Draw the coverage of the intervals, with its uncertainty, and the nominal level."""
    sheet = Sheet("coverage", 100, 100, right=14)
    parts = []
    for per_cent in (0, 25, 50, 75, 100):
        x = sheet.x(per_cent)
        parts.append(element("line", "grid", x1=x, x2=x, y1=2, y2=74))
        parts.append(sheet.text(x, 91, per_cent, "end" if per_cent == 100 else "middle"))
    for level, y in zip(LEVELS, (14, 38, 62), strict=True):
        share, lo, hi = (sheet.x(100 * row[f"coverage{level}{end}"]) for end in _ENDS)
        promised = sheet.x(level)
        parts += [
            sheet.text(sheet.left - 8, y + 4, f"{level}%", "end"),
            element("line", "promised", x1=promised, x2=promised, y1=y - 9, y2=y + 9),
            element("line", "whisker", x1=lo, x2=hi, y1=y, y2=y),
            element("circle", "held", cx=share, cy=y, r=5),
        ]
    shares = ", ".join(f"{n}% ranges {100 * row[f'coverage{n}']:.0f}%" for n in LEVELS)
    return sheet.svg(f"{_MEASURES[row['measure']]}, how often right by PIT: {shares}", parts)


def _coverage_grid(judged: Rows) -> Markup:
    """Arrange the charts of several measures as one picture, three per row."""
    parts = []
    for at, row in enumerate(judged):
        chart = str(row["chart"]).replace("<svg", '<svg y="22" width="300" height="96"', 1)
        parts.append(
            f'<g transform="translate({at % 3 * 320} {at // 3 * 130})">'
            f'<text class="tick" y="14">{_MEASURES[row["measure"]]}, {row["counted"]}</text>'
            f"{chart}</g>"
        )
    title = "How often the ranges were right, by days ahead and for totals"
    return Markup(
        f'<svg class="chart" viewBox="0 0 960 {130 * ((len(judged) + 2) // 3)}" role="img" '
        f'aria-label="{title}">{"".join(parts)}</svg>'
    )
