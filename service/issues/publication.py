"""How the issues of a run are stored, one per series."""

__all__ = ["insert_issues"]

import datetime as dt

from forecast.series import as_date
from service.core.database import Connection
from service.core.run_store import Claim
from service.issues import issue_store, note_store
from service.issues.declared_models import declaration_hash
from service.issues.issue_store import Entry, Issue
from service.issues.model_fits import Fits


def insert_issues(
    connection: Connection, run: Claim, kind: str, fits: Fits, now: dt.datetime
) -> dict[str, str]:
    """Store the issues of `fits`, at least one successful, with their inputs; ids by series.

    `kind` is ``live`` or ``hindcast``, `now` the time of issue.
    """
    inputs, champion, inputs_hash = fits.inputs, fits.champion, fits.inputs.hash
    specs, declared_as = inputs.specs, declaration_hash(champion, inputs.specs)
    prefix = "" if kind == "live" else f"{kind}-"
    ids = {}
    for series_id, figures in inputs.figures.items():
        day = as_date(figures.data_through)
        issue = Issue(
            issue_id=prefix + issue_store.make_id(series_id, day, now, inputs_hash),
            series_id=series_id,
            run_id=run.run_id,
            kind=kind,
            origin=day,
            data_through=day,
            as_of=now,
            issued_at=now,
            champion=champion,
            wanted=inputs.preferred,
            seed=inputs.seed,
            n_paths=inputs.n_paths,
            horizon_days=inputs.horizon_days,
            inputs_hash=inputs_hash,
            failures=fits.failures,
        )
        rows = [
            (Entry(name, specs[name].title, specs[name].role, fit.version), fit.paths[series_id])
            for name, fit in fits.successful.items()
        ]
        issue_store.insert_issue(connection, issue, rows)
        note_store.save_inputs(connection, issue, figures, declared_as)
        ids[series_id] = issue.issue_id
    return ids
