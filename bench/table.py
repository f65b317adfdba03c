"""Tables in Markdown, aligned, so that they read well in a terminal and in a document."""

from __future__ import annotations

__all__ = ["comparison_rows", "grid", "protocol_rows", "target_rows"]

from collections.abc import Mapping, Sequence

from bench import bootstrap
from bench.bootstrap import Interval
from bench.measures import COVERAGE, CRPS, Measured, together
from bench.runs import Entry, Run
from bench.targets import Target

_COMPARED = ("day_1", "days_1_7", "total_7", "total_28")
_TITLES = CRPS | COVERAGE | {"days_1_3": "days 1-3"}


def grid(rows: Sequence[Sequence[str]]) -> str:
    """Lay out `rows`, the first of them the header; all but the first column to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "| " + " | ".join(cells) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(rows[0]), "| " + " | ".join(rule) + " |", *map(line, rows[1:])])


def protocol_rows(
    entries: Sequence[Entry], runs: Mapping[str, Run], measured: Mapping[str, Measured]
) -> list[list[str]]:
    """Every forecaster's scores, coverages, seconds and memory."""
    header = ["forecaster", *CRPS.values(), *COVERAGE.values(), "s/origin", "peak MB"]
    return [header] + [
        [
            _title(entry),
            *(_average(measured[entry.name], column, _people) for column in CRPS),
            *(_average(measured[entry.name], column, _share) for column in COVERAGE),
            f"{runs[entry.name].seconds:.3f}",
            f"{runs[entry.name].peak_mb:,.0f}",
        ]
        for entry in entries
        if entry.name in measured
    ]


def comparison_rows(
    champion: Entry, entries: Sequence[Entry], measured: Mapping[str, Measured]
) -> list[list[str]]:
    """Ratios of the champion to each of the others, with what the interval allows to say."""
    rows = [[f"{champion.name} against", *(_TITLES[column] for column in _COMPARED)]]
    for entry in entries:
        if entry.name != champion.name and entry.name in measured:
            ours, theirs = together(measured[champion.name], measured[entry.name])
            rows.append([entry.title, *(_compared(ours, theirs, column) for column in _COMPARED)])
    return rows


def target_rows(targets: Sequence[Target]) -> list[list[str]]:
    """Every target, and whether it is met; and whether its interval says the same."""
    rows = [["target", "column", "bound", "found", f"{bootstrap.LEVEL} % interval", "", "surely"]]
    for target in targets:
        number = _person if target.least == 0 and target.most > 2 else _ratio
        bound = number(target.most)
        if target.least:
            bound = f"{_share(target.least)}-{_share(target.most)}"
        found = target.found
        rows.append(
            [
                target.group + (f" ({target.note})" if target.note else ""),
                _TITLES[target.column],
                bound,
                number(found.value),
                f"{number(found.lo)}-{number(found.hi)}",
                "met" if target.met else "MISSED",
                "yes" if target.sure else "no",
            ]
        )
    return rows


def _title(entry: Entry) -> str:
    mark = {"champion": " (champion)", "ours": " (ours)"}.get(entry.kind, "")
    return entry.title + mark


def _average(measured: Measured, column: str, number: object) -> str:
    values = measured.columns.get(column)
    return "–" if values is None or not len(values) else number(values.mean())  # type: ignore[operator]


def _compared(ours: Measured, theirs: Measured, column: str) -> str:
    if column not in ours.columns or not ours.origins:
        return "–"
    found = bootstrap.ratio(ours.columns[column], theirs.columns[column])
    return f"{_ratio(found.value)} ({_ratio(found.lo)}-{_ratio(found.hi)}) {_verdict(found)}"


def _verdict(found: Interval) -> str:
    """An interval that holds 1 lets nobody win."""
    if found.holds(1.0):
        return "="
    return "<" if found.hi < 1 else ">"


def _people(value: float) -> str:
    return f"{value:,.1f}" if value < 150 else f"{value:,.0f}"


def _person(value: float) -> str:
    return f"{value:,.1f}"


def _share(value: float) -> str:
    return f"{value:.2f}"


def _ratio(value: float) -> str:
    return f"{value:.3f}"
