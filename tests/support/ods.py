"""Writes workbooks in the official format."""

import datetime as dt
import io
import zipfile
from xml.sax.saxutils import escape, quoteattr

MIMETYPE = "application/vnd.oasis.opendocument.spreadsheet"
COUNTS = ("Migrants arrived", "Boats arrived", "Boats arrived - involved in uncontrolled landings")
DAILY = ("Date", *COUNTS, "Notes")
WEEKLY = ("Week ending", *COUNTS, "Migrants prevented", "Events prevented", "Notes")
MANIFEST = (
    '<?xml version="1.0"?>'
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{MIMETYPE}"/>'
    "</manifest:manifest>"
)
SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text")
)


def cell(value):
    if isinstance(value, dt.date):
        return f'<table:table-cell office:value-type="date" office:date-value="{value}"/>'
    if isinstance(value, bool):
        text = str(value).lower()
        return f'<table:table-cell office:value-type="boolean" office:boolean-value="{text}"/>'
    if isinstance(value, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    if value in (None, ""):
        return "<table:table-cell/>"
    text = escape(str(value))
    return (
        f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
    )


def table(name, rows):
    body = "".join(
        f"<table:table-row>{''.join(map(cell, row))}"
        '<table:table-cell table:number-columns-repeated="16379"/></table:table-row>'
        for row in rows
    )
    empty = (
        '<table:table-row table:number-rows-repeated="1040000">'
        '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    )
    return f"<table:table table:name={quoteattr(name)}>{body}{empty}</table:table>"


def content(tables):
    return (
        f'<?xml version="1.0"?><office:document-content {SPACES}><office:body>'
        f"<office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )


def pack(parts):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return packed.getvalue()


def parts(sheets, saved=None):
    meta = f"<dc:date>{saved}</dc:date>" if saved else ""
    return {
        "mimetype": MIMETYPE,
        "META-INF/manifest.xml": MANIFEST,
        "meta.xml": f"<office:document-meta {SPACES}>{meta}</office:document-meta>",
        "content.xml": content("".join(table(name, rows) for name, rows in sheets.items())),
    }


def sheets(days, revised=()):
    """SB_01 and SB_02 as the official workbook would have them for `days`."""
    noted = set(revised)
    daily = [list(DAILY)]
    daily += [[day, p, b, 0, "Revised" if day in noted else ""] for day, p, b in days]
    weekly = [list(WEEKLY)]
    for at, (day, _, _) in enumerate(days):
        if day.weekday() == 6 and at >= 6:
            week = days[at - 6 : at + 1]
            people, boats = sum(p for _, p, _ in week), sum(b for _, _, b in week)
            weekly.append([day, people, boats, 0, 100 + at, 5, ""])
    return {"Cover_sheet": [["Cover"]], "Notes": [["Notes"]], "SB_01": daily, "SB_02": weekly}


def workbook(days, saved=None, revised=()):
    return pack(parts(sheets(days, revised), saved))


def some_days(first, n):
    """`n` days with boats on every third or so."""
    boats = [at * 7 % 5 if at % 3 == 0 else 0 for at in range(n)]
    return [(first + dt.timedelta(days=at), 50 * some, some) for at, some in enumerate(boats)]
