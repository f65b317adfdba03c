"""Context of the page Compare: past forecasts side by side, with the outcomes."""

__all__ = ["compare_context"]

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from service.answers.comparison import (
    MOST_FORECASTS,
    compare_forecasts,
    default_days,
    list_models,
    view_of_day,
)
from service.answers.errors import NoAnswer
from service.answers.wording import long_day
from service.page.charts import ribbon, steps
from service.page.exhibits import Exhibit
from service.page.page_params import PageParams, read_day
from service.page.svg_axes import Sheet, ceiling, element, path

_NAMES = ("median", "lo80", "hi80")


def compare_context(params: PageParams, args: Mapping[str, str]) -> dict[str, Any]:
    """Return the template context; ``on1 model1 on2 …`` choose up to four forecasts.

    Without any, show forecasts 4 weeks apart. ``picks`` are the rows of the form, and ``errors``
    the messages for those that are invalid.
    """
    loader, series_id = params.loader, params.series_id
    picks = [
        {
            "day": args.get(f"on{number}", "").strip()[:40],
            "model": args.get(f"model{number}", "")[:40] or "champion",
        }
        for number in range(1, MOST_FORECASTS + 1)
    ]
    if not any(pick["day"] for pick in picks):
        for pick, day in zip(picks, default_days(loader, series_id), strict=False):
            pick["day"] = day.isoformat()
    errors: dict[str, str] = {}
    inputs: dict[str, str] = {}
    views = []
    for number, pick in enumerate(picks, start=1):
        if not pick["day"]:
            continue
        inputs |= {f"on{number}": pick["day"], f"model{number}": pick["model"]}
        try:
            view = view_of_day(loader, series_id, read_day("day", pick["day"]), pick["model"])
            _ = view.ahead  # models that are not served store fewer days
            views.append(view)
        except NoAnswer as error:
            errors[f"on{number}"] = f"forecast {number}: {error}"
    models = {"champion": "As published"} | list_models(loader, series_id)
    context = {"picks": picks, "models": models, "errors": errors, "inputs": inputs}
    if errors:
        return context
    comparison = compare_forecasts(loader, views)
    return context | comparison | {"exhibits": _exhibits(params, comparison)}


def _exhibits(params: PageParams, comparison: dict[str, Any]) -> list[Exhibit]:
    unit = params.view.declared.unit
    days, forecasts = comparison["days"], comparison["forecasts"]
    counted = "1 forecast" if len(forecasts) == 1 else f"{len(forecasts)} forecasts"
    title = f"{unit.capitalize()} per day: {counted} and what arrived"
    keys = [
        (f"line{number}", f"{number}: {long_day(one['made_on'])}, {one['model'].replace('_', ' ')}")
        for number, one in enumerate(forecasts, start=1)
    ]
    numbered = [f"{name}_{n}" for n in range(1, len(forecasts) + 1) for name in _NAMES]
    totals = [
        {name: one[name] for name in ("issue_id", "model")} | total
        for one in forecasts
        for total in one["totals"]
    ]
    columns = ("issue_id", "model", "period", "from", "to", *_NAMES, "came", "note")
    return [
        Exhibit(
            "comparison",
            f"{title}, {params.loader.route.area_title}",
            days,
            ("date", "value", *numbered),
            _chart(comparison, title),
            (("actual", "arrived"), *keys),
        ),
        Exhibit("comparison-totals", f"Totals of {counted}", totals, columns),
    ]


def _chart(comparison: dict[str, Any], title: str) -> Markup:
    """Draw the outcomes as bars, and each forecast as its median within its 80% range."""
    days = comparison["days"]
    highest = [day["value"] or 0 for day in days]
    highest += [row["hi80"] for one in comparison["forecasts"] for row in one["rows"]]
    top = ceiling(max(*highest, 1))
    label = f"{title}, {long_day(days[0]['date'])} to {long_day(days[-1]['date'])}"
    sheets = (Sheet(size, len(days), top) for size in ("wide", "narrow"))
    return Markup("").join(sheet.svg(label, _draw(sheet, comparison)) for sheet in sheets)


def _draw(sheet: Sheet, comparison: dict[str, Any]) -> list[str]:
    dates = [day["date"] for day in comparison["days"]]
    parts = [sheet.axis(), sheet.mondays(dates)]
    counts = enumerate(day["value"] for day in comparison["days"])
    parts += [sheet.bar("actual", at, 0, count) for at, count in counts if count]
    names = []
    for number, one in enumerate(comparison["forecasts"], start=1):
        first, rows = dates.index(one["rows"][0]["date"]), one["rows"]
        median = path(steps(sheet, first, rows, "median"))
        parts.append(
            element("path", f"range{number}", d=ribbon(sheet, first, rows, "lo80", "hi80"))
        )
        parts.append(element("path", f"line{number}", d=median))
        x, y = sheet.x(first) + 3, sheet.y(rows[0]["hi80"]) - 5
        names.append(element("text", "tick name", number, x=x, y=y))
    return parts + names
