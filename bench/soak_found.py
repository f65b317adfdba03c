"""What a soak leaves behind, and whether it is what it should be."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

import sqlalchemy as sa

from bench.soak_readers import Readers
from bench.soak_world import World
from service.context import Context
from service.jobs.score import score
from service.store import tables
from tests.service.mailbox import Mailbox

_TROUBLED = {"ingest", "renew", "renew-again"}
_GROWTH = 1.10
_GROWTH_MB = 15


@dataclass
class Found:
    """The counts, by what they count, and what is wrong, a line each."""

    counts: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def table(self) -> str:
        """As Markdown."""
        rows = [f"| {name} | {value} |" for name, value in self.counts.items()]
        return "\n".join(["| what | found |", "| --- | --- |", *rows])


def look(context: Context, world: World, mailbox: Mailbox, readers: Readers) -> Found:
    """Look at every run, issue, score, mail and answer."""
    found = Found()
    _runs(found, context, world)
    _issues(found, context)
    _mails(found, context, world, mailbox)
    _answers(found, readers)
    return found


def _runs(found: Found, context: Context, world: World) -> None:
    c = tables.runs.c
    with context.database.reading() as connection:
        rows = connection.execute(sa.select(c.job, c.started_at, c.outcome, c.reason)).all()
    outcomes = Counter(row.outcome for row in rows)
    troubles = Counter(name for name, _, _ in world.troubles)
    found.counts["troubles made"] = ", ".join(f"{n} x {name}" for name, n in troubles.items())
    found.counts["runs of jobs"] = ", ".join(f"{n} {name}" for name, n in sorted(outcomes.items()))
    for row in rows:
        made = row.job in _TROUBLED and world.is_troubled(row.started_at)
        if row.outcome not in ("done", "skipped") and not made:
            found.wrong.append(f"{row.job} at {row.started_at} {row.outcome}: {row.reason}")
    if world.troubles and not outcomes["failed"]:
        found.wrong.append("no trouble that was made was noticed")


def _issues(found: Found, context: Context) -> None:
    """Every model of every issue that the figures reach has one score that stands."""
    last = score(context)  # brings nothing, if the jobs have scored all
    if last.detail["scores"]:
        found.wrong.append(f"{last.detail['scores']} scores were still to come")
    issues, paths, scores = tables.issues, tables.issue_paths, tables.issue_scores
    reached = sa.select(sa.func.max(tables.observations.c.date)).scalar_subquery()
    with context.database.reading() as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(issues)).scalar_one()
        due = connection.execute(
            sa.select(paths.c.issue_id, paths.c.model, issues.c.origin)
            .join(issues, issues.c.issue_id == paths.c.issue_id)
            .where(issues.c.kind == "live", issues.c.data_through < reached)
        ).all()
        standing = Counter(
            (row.issue_id, row.model)
            for row in connection.execute(
                sa.select(scores.c.issue_id, scores.c.model).where(scores.c.superseded_at.is_(None))
            )
        )
    found.counts["issues"] = f"{total}"
    found.counts["scores that stand"] = f"{sum(standing.values())} of {len(due)} due"
    bare = [row for row in due if standing[row.issue_id, row.model] != 1]
    found.wrong += [f"{row.issue_id}/{row.model} is not scored" for row in bare]
    if total < 4:
        found.wrong.append(f"expected several issues, found {total}")


def _mails(found: Found, context: Context, world: World, mailbox: Mailbox) -> None:
    """Every subscriber has every week's mail once, whatever the server refused at first."""
    with context.database.reading() as connection:
        weeks = connection.execute(sa.select(tables.editions.c.week)).scalars().all()
        people = connection.execute(sa.select(tables.subscribers.c.address)).scalars().all()
    names = Counter(message["Message-ID"] for message in mailbox.messages())
    taken = Counter(mailbox.readers())
    found.counts["weekly mails"] = (
        f"{sum(taken.values())} to {len(people)} readers in {len(weeks)} weeks, "
        f"{world.refused_mails} refused at first"
    )
    found.wrong += [f"{name} was sent {n} times" for name, n in names.items() if n != 1]
    found.wrong += [
        f"{address}: expected {len(weeks)} mails, found {taken[address]}"
        for address in people
        if taken[address] != len(weeks)
    ]
    if not weeks:
        found.wrong.append("no week's mail was sent")


def _answers(found: Found, readers: Readers) -> None:
    seconds = sorted(readers.seconds)
    found.counts["answers"] = ", ".join(f"{n:,} x {code}" for code, n in readers.answers.items())
    if seconds:
        p99 = 1000 * seconds[int(0.99 * (len(seconds) - 1))]
        found.counts["answers, ms"] = (
            f"median {1000 * seconds[len(seconds) // 2]:.0f}, p99 {p99:.0f}"
        )
    found.wrong += readers.broken[:20]
    for name, column in (("web worker", 0), ("jobs", 1)):
        weights = [row[column] for row in readers.memory]
        # The first quarter is spent on filling what is kept on purpose.
        begin, end = weights[len(weights) // 4 :][:1] or [0.0], weights[-1:] or [0.0]
        found.counts[f"memory of the {name}, MB"] = f"{begin[0]:.0f}, at the end {end[0]:.0f}"
        if end[0] > _GROWTH * begin[0] + _GROWTH_MB:
            found.wrong.append(f"memory of the {name}: {begin[0]:.0f} MB, then {end[0]:.0f} MB")
    found.counts["ended"] = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"
