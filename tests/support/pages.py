"""Writes GOV.UK pages in the official format."""

import datetime as dt

HEADER = (
    "Date",
    "Migrants arrived",
    "Boats arrived",
    "Boats involved in uncontrolled landings",
    "Notes",
)


def spelled(day):
    return f"{day:%-d %B %Y}"


def cells(day, people, boats, note="\u00a0"):
    return [spelled(day), str(people), str(boats), "0", note]


def table(rows, header=HEADER):
    head = "".join(f'<th scope="col">{one}</th>' for one in header or ())
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{one}</td>" for one in row[1:])}</tr>\n'
        for row in rows
    )
    top = f"<thead><tr>{head}</tr></thead>" if header else ""
    return f"<table>{top}<tbody>{body}</tbody></table>"


def page(body, updated=None, public=None):
    stamps = "".join(
        f'<meta name="govuk:{name}" content="{value}">\n'
        for name, value in (("updated-at", updated), ("public-updated-at", public))
        if value
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f"<title>Small boat arrivals: last 7 days - GOV.UK</title>{stamps}</head>\n"
        f'<body><main><h1>Small boat arrivals: last 7 days</h1><div class="govspeak">{body}</div>'
        "</main></body></html>"
    ).encode()


def week(last, counts):
    """Rows for the days up to `last`."""
    first = last - dt.timedelta(days=len(counts) - 1)
    return [cells(first + dt.timedelta(days=at), p, b) for at, (p, b) in enumerate(counts)]
