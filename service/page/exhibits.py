"""Charts and tables offered for download, with their columns."""

from __future__ import annotations

__all__ = ["BAND_KEYS", "RANGES", "Exhibit", "csv_of", "metadata_of"]

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

RANGES = ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")
BAND_KEYS = (
    ("median", "median"),
    ("band50", "50% range"),
    ("band80", "80% range"),
    ("band95", "95% range"),
)

# Column name pattern: description, datatype and unit; {unit} is the series' unit.
_COLUMNS = {
    "date": ("calendar day of the route", "date", ""),
    "period": ("period", "string", ""),
    "from": ("first day, included", "date", ""),
    "to": ("last day, included", "date", ""),
    "value": ("published count; on a curve of totals, the published total", "integer", "{unit}"),
    "came|truth": ("count published after the forecast was made", "integer", "{unit}"),
    "median": ("median of the forecast", "integer", "{unit}"),
    "mean|before|after|yearly_mean": ("mean of the forecast", "number", "{unit}"),
    r"lo(\d+)": (r"lower bound of the central \1% range", "integer", "{unit}"),
    r"hi(\d+)": (r"upper bound of the central \1% range", "integer", "{unit}"),
    r"median_(\d)": (r"median of forecast \1", "integer", "{unit}"),
    r"(lo|hi)80_(\d)": (r"\1 end of the 80% range of forecast \2", "integer", "{unit}"),
    "p_zero": ("probability of no arrivals", "number", "probability"),
    "p_above": ("probability of more than the threshold", "number", "probability"),
    "likelihood": ("likelihood of crossings: likely, possible or unlikely", "string", ""),
    "p_any": ("probability of more than the threshold at least once", "number", "probability"),
    "threshold": ("threshold", "integer", "{unit}"),
    "window": ("days in a row that are added up", "integer", "days"),
    "last_year": ("published count of the same days a year earlier", "integer", "{unit}"),
    "last_year_mean": ("mean of the 7 days around the date a year earlier", "number", "{unit}"),
    r"year_(\d+)": (r"published total from 1 January to the date in \1", "integer", "{unit}"),
    "known": ("published total of the period so far", "integer", "{unit}"),
    "our_share": ("share of all arrivals that the counts are for", "number", "per cent"),
    "present_median": ("median number present", "integer", "{unit}"),
    "places": ("places that are enough on that day with the chosen share", "integer", "places"),
    "stay_days": ("days that each person stays", "integer", "days"),
    "share": ("probability with which places are enough", "number", "probability"),
    "days": ("number of days", "integer", "days"),
    "p_quiet_days": ("probability of this many days with no arrivals", "number", "probability"),
    "p_longest_run": ("probability of a longest quiet spell so long", "number", "probability"),
    r"(\w+)_at_least": (r"the same as \1, or more", "number", "probability"),
    "arrived": ("days with arrivals", "integer", "days"),
    "share_arrived": ("share of days with arrivals", "number", "share"),
    r"share_arrived_(lo|hi)": (r"\1 end of the 95% interval of share_arrived", "number", "share"),
    r"wind_(lo80|median|hi80)": (r"mean wind from 00:00 to 09:00 UTC: \1", "integer", "km/h"),
    r"gusts_(lo80|median|hi80)": (r"highest gust of the day: \1", "integer", "km/h"),
    "wind_from": ("where the wind comes from", "string", ""),
    "wave_night_mean_m": ("mean wave height from 00:00 to 09:00 UTC", "number", "m"),
    "wave_max_m": ("highest wave height of the day", "number", "m"),
    "issue_id": ("forecast ID", "string", ""),
    "model": ("model", "string", ""),
    "measure": ("days ahead, or total", "string", ""),
    "n": ("number of forecasts", "integer", "forecasts"),
    r"coverage(\d+)": (r"share of outcomes within their \1% range", "number", "share"),
    r"coverage(\d+)_lo": (r"lower bound of the 95% interval of coverage\1", "number", "share"),
    r"coverage(\d+)_hi": (r"upper bound of the 95% interval of coverage\1", "number", "share"),
    "skill_(.+)": (r"1 minus the ratio of the CRPS to that of \1", "number", "share"),
    "bias": ("mean forecast minus outcome", "number", "{unit}"),
    "crps": ("mean continuous ranked probability score", "number", "{unit}"),
    "wis": ("mean weighted interval score", "number", "{unit}"),
    "tenth": ("tenth of the forecast distribution, 1 the lowest", "integer", ""),
    "outcomes": ("outcomes of days 1 to 7 in that tenth", "integer", "outcomes"),
    "note": ("note", "string", ""),
}
_CHANGE = ("change of the mean forecast that comes from it", "number", "{unit}")


@dataclass(frozen=True)
class Exhibit:
    """A chart or table on a page, with its data."""

    name: str  # in URLs and file names
    title: str
    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[str]  # those of `rows` to download, in this order
    drawing: Markup | None = None
    keys: Sequence[tuple[str, str]] = ()  # the legend: class of the style sheet, and words
    credit: str = ""  # attribution and licence, if different from the route's
    licence_url: str = ""


def csv_of(exhibit: Exhibit) -> str:
    """Return the rows as CSV; a missing number is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, exhibit.columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(exhibit.rows)
    return text.getvalue()


def metadata_of(exhibit: Exhibit, unit: str, url: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the CSV at `url` and its columns.

    W3C, Metadata Vocabulary for Tabular Data (CSVW), 2015; prefixes as in the RDFa initial context.
    """
    return {
        "@context": "http://www.w3.org/ns/csvw",
        "url": url,
        "dc:title": exhibit.title,
        **facts,
        "tableSchema": {"columns": [_column(name, unit) for name in exhibit.columns]},
    }


def _column(name: str, unit: str) -> dict[str, Any]:
    words, datatype, unit_name = _CHANGE
    for pattern, column in _COLUMNS.items():
        match = re.fullmatch(pattern, name)
        if match:
            words, datatype, unit_name = match.expand(column[0]), *column[1:]
            break
    row = {"name": name, "titles": name, "dc:description": words, "datatype": datatype}
    return row | ({"schema:unitText": unit_name.format(unit=unit)} if unit_name else {})
