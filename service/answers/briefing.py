"""Recent arrivals: the last day, the last seven days and the year to date, against past years."""

__all__ = ["briefing", "briefing_of"]

import datetime as dt
from collections.abc import Mapping
from typing import Any

from forecast.series import DailySeries, as_date
from service.answers.errors import BadQuestion, NotReady
from service.answers.issue_loader import IssueLoader, IssueView
from service.core.clock import format_day, format_instant, span_before
from service.core.declared_series import Route
from service.data import observation_store
from service.data.observation_store import AsOf


def briefing(loader: IssueLoader, series_id: str, as_of: AsOf | None = None) -> dict[str, Any]:
    """Compare the newest figures, or those as of `as_of`, with every earlier year, newest first."""
    loader.check_series(series_id)
    loader.check_past(as_of)
    with loader.context.database.reading() as connection:
        series = observation_store.get_series(connection, series_id, as_of)
        beside = {
            name: observation_store.get_series(connection, name, as_of)
            for name in _others(loader, series_id)
        }
        if series is None:
            everything = observation_store.get_series(connection, series_id)
            if everything is None:
                raise NotReady("no figures are stored yet")
            known = f"a day from {everything.start} on, or an instant after its figure was known"
            raise BadQuestion("as_of", known, as_of)
    return _build_briefing(loader.route, series, beside, as_of, loader.today())


def briefing_of(loader: IssueLoader, view: IssueView) -> dict[str, Any]:
    """Return the briefing for the input figures of an issue, ignoring later revisions."""
    views = {name: loader.joint_view(view, name) for name in _others(loader, view.issue.series_id)}
    beside = {name: other.observed if other else None for name, other in views.items()}
    return _build_briefing(loader.route, view.observed, beside, view.issue.as_of, loader.today())


def _others(loader: IssueLoader, series_id: str) -> list[str]:
    return [name for name in loader.route.forecast if name != series_id]


def _build_briefing(
    route: Route,
    series: DailySeries,
    beside: Mapping[str, DailySeries | None],
    as_of: AsOf | None,
    today: dt.date,
) -> dict[str, Any]:
    start, last = as_date(series.start), as_date(series.data_through)
    answer: dict[str, Any] = {
        "series_id": series.name,
        "unit": route.series[series.name].unit,
        "as_of": format_instant(as_of) if isinstance(as_of, dt.datetime) else str(as_of or last),
        "data_through": last.isoformat(),
        "last_day": _compare_period(series, last, last),
        "last_7_days": _compare_period(series, max(last - dt.timedelta(days=6), start), last),
        "year_to_date": _compare_period(series, max(last.replace(month=1, day=1), start), last),
    }
    answer["last_day"]["beside"] = {
        name: one.on(last) for name, one in beside.items() if one is not None and last in one
    }
    answer["sentence"] = _sentence(route, answer, last, today)
    return answer


def _compare_period(series: DailySeries, first: dt.date, last: dt.date) -> dict[str, Any]:
    """Return the total of a period, compared with the same period of each complete earlier year."""
    start, value = as_date(series.start), series.total(first, last)
    rows = []
    for year in range(last.year - 1, start.year - 1, -1):
        begin, end = span_before(first, last, last.year - year)
        if begin < start:
            break
        before = series.total(begin, end)
        change = round(100.0 * (value - before) / before, 1) if before else None
        rows.append(
            {"year": year, "value": before, "difference": value - before, "per_cent": change}
        )
    return {"from": str(first), "to": str(last), "value": value, "against": rows}


def _sentence(route: Route, answer: dict[str, Any], last: dt.date, today: dt.date) -> str:
    day, year, series_id = answer["last_day"], answer["year_to_date"], answer["series_id"]
    link = "in" if series_id == route.leading else "with"
    others = "".join(
        f" {link} {_count_in_words(route, name, count)}" for name, count in day["beside"].items()
    )
    begin, new_year = dt.date.fromisoformat(year["from"]), dt.date(last.year, 1, 1)
    when = "by the same day of"
    span = f"in {last.year} so far" if last.year == today.year else f"in {last.year} to that day"
    if begin > new_year:  # the figures begin in this year
        span = f"since {format_day(begin)}"
    elif (last.month, last.day) == (12, 31):
        span, when = f"in the whole of {last.year}", "in"
    counts = [_count_in_words(route, series_id, part["value"]) for part in (day, year)]
    text = f"{format_day(last)}: {counts[0]}{others}; {counts[1]} {span}"
    compared = [
        f"{_comparison_in_words(row)} {when} {row['year']} ({row['value']:,})"
        for row in year["against"][:2]
        if row["per_cent"] is not None
    ]
    return f"{text}: {' and '.join(compared)}." if compared else f"{text}."


def _count_in_words(route: Route, name: str, count: int) -> str:
    return f"{count:,} {route.series[name].unit_of(count)}"


def _comparison_in_words(row: dict[str, Any]) -> str:
    if row["per_cent"] == 0:
        return "about as many as"
    return f"{abs(row['per_cent']):,.1f}% {'more' if row['difference'] > 0 else 'fewer'} than"
