"""An answer as JSON or CSV, with its tag and how long it may be kept."""

from __future__ import annotations

__all__ = ["represent"]

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any

from flask import Response, request

from service.api.errors import Problem

JSON, CSV = "application/json", "text/csv"


def represent(
    body: dict[str, Any],
    rows: str | None = "rows",
    max_age_seconds: int = 60,
    columns: Sequence[str] = (),
) -> Response:
    """Answer with `body` in the form that the reader prefers; 304 when it has it already.

    Parameters
    ----------
    rows : str | None
        Key of the rows that CSV shows; None when the answer is no table.
    columns : sequence of str
        Head of the table, for when it may have no rows.

    Raises
    ------
    Problem
        406 when the reader wants neither JSON nor, for a table, CSV.
    """
    offered = [JSON, CSV] if rows else [JSON]
    chosen = request.accept_mimetypes.best_match(offered)
    if request.accept_mimetypes and chosen is None:
        raise Problem(406, f"expected Accept to allow {' or '.join(offered)}")
    if chosen == CSV and rows:
        text, content_type = _csv(body[rows], columns), f"{CSV}; charset=utf-8"
    else:
        text, content_type = json.dumps(body, separators=(",", ":"), allow_nan=False), JSON
    content = text.encode()
    answer = Response(content, content_type=content_type)
    # The tag is of the bytes themselves: issue, figures, status and reasons are all in them,
    # save in CSV, whose status stands in headers.
    digest = hashlib.sha256(content)
    for name in ("status", "issue_id", "data_through"):
        if body.get(name):
            answer.headers[f"X-Crossings-{name.replace('_', '-').title()}"] = str(body[name])
            digest.update(str(body[name]).encode())
    digest.update(json.dumps(body.get("reasons", [])).encode())
    answer.set_etag(digest.hexdigest()[:32])
    answer.headers["Cache-Control"] = f"public, max-age={max_age_seconds}"
    answer.vary.add("Accept")
    answer.make_conditional(request)
    return answer


def _csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
