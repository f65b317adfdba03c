import datetime as dt
import itertools

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from service.core.tables import editions, issue_notes, issue_paths, issue_scores, issues
from service.issues import issue_store, note_store
from service.issues.issue_store import decode, encode
from tests.service.stored_issues import claim_refit
from tests.service.support import NOW, publish, random_paths

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
TABLES = (issues, issue_paths, issue_notes, issue_scores, editions)
_periods = itertools.count()


def publish_at(database, moment, start="2026-01-01", run_id=None, **more):
    """Publish an issue of a run of its own, unless one is given."""
    run_id = run_id or claim_refit(database, f"{next(_periods)}")
    return publish(database, {"climatology": random_paths(start, 3)}, run_id, moment, **more)


def test_stored_issue_equals_published_issue(database):
    """The champion's paths are stored whole, those of others in part."""
    models = {name: random_paths("2026-01-01", 60, 600) for name in ("climatology", "hurdle")}
    more = {"champion": "hurdle", "failures": {"prophet": "did not converge"}}
    issue = publish(database, models, claim_refit(database), **more)
    with database.reading() as connection:
        assert issue_store.get_latest_issue(connection, "people") == issue
        assert issue_store.get_issue(connection, issue.issue_id) == issue
        assert [e.model for e in issue_store.list_entries(connection, issue.issue_id)] == [*models]
        other, served = (issue_store.load_paths(connection, issue, model) for model in models)
        assert issue_store.load_paths(connection, issue, "pool") is None
        assert issue_store.get_issue(connection, "people-nothing") is None
        assert issue_store.get_latest_issue(connection, "boats") is None
    assert served.start == other.start == models["hurdle"].start
    np.testing.assert_array_equal(served.values, models["hurdle"].values)
    np.testing.assert_array_equal(other.values, models["climatology"].values[:500, :35])


def test_latest_issue_is_the_last_live_one_issued(database):
    publish_at(database, NOW)
    last = publish_at(database, NOW + HOUR)
    between = publish_at(database, NOW)
    publish_at(database, NOW + HOUR, kind="hindcast")
    moments = [NOW - HOUR, NOW + HOUR / 2, NOW + HOUR, None]
    with database.reading() as connection:
        latest = [issue_store.get_latest_issue(connection, "people", moment) for moment in moments]
    assert latest == [None, between, last, last]


def test_issues_are_listed_newest_first_in_pages(database):
    runs = [claim_refit(database, f"{at}") for at in range(4)]
    # Two at each moment, that of the later run first.
    issues = [
        publish_at(database, NOW + at // 2 * HOUR, run_id=runs[at], champion=f"{at}")
        for at in (1, 0, 3, 2)
    ]
    listed = []
    with database.reading() as connection:
        for _ in issues:
            after = (listed[-1].issued_at, listed[-1].run_id) if listed else None
            listed += issue_store.list_issues(connection, "people", 1, after)
    assert [issue.champion for issue in listed] == ["3", "2", "1", "0"]


def test_first_issue_of_each_kind_and_last_hindcast_up_to_a_day(database):
    live = [publish_at(database, NOW + at * HOUR) for at in range(2)]
    past = [
        publish_at(database, NOW - days * DAY, start, kind="hindcast")
        for days, start in ((9, "2025-12-01"), (8, "2025-12-08"))
    ]
    days = [dt.date(2025, 11, 29), dt.date(2025, 11, 30), dt.date(2025, 12, 6), NOW.date()]
    with database.reading() as connection:
        assert issue_store.get_first_issue(connection, "people") == live[0]
        assert issue_store.get_first_issue(connection, "people", "hindcast") == past[0]
        last = [issue_store.get_latest_hindcast(connection, "people", day) for day in days]
    assert last == [None, past[0], past[0], past[1]]


def test_sibling_issue_has_same_run_and_origin(database):
    run_id = claim_refit(database)
    published = {
        (series_id, day): publish_at(database, NOW, day, run_id, series_id=series_id)
        for day in ("2026-01-01", "2026-01-08")
        for series_id in ("people", "boats")
    }
    alone = publish_at(database, NOW)
    with database.reading() as connection:
        for (series_id, day), issue in published.items():
            other = "boats" if series_id == "people" else "people"
            assert issue_store.get_sibling_issue(connection, issue, other) == published[other, day]
        assert issue_store.get_sibling_issue(connection, alone, "boats") is None


def test_issue_id_names_series_and_origin_and_is_unique():
    first, same, later, other = (
        issue_store.make_id("people", dt.date(2025, 12, 31), moment, inputs_hash)
        for moment, inputs_hash in ((NOW, "a"), (NOW, "a"), (NOW + HOUR / 3600, "a"), (NOW, "b"))
    )
    assert first.startswith("people-20251231-")
    assert first == same
    assert len({first, later, other}) == 3


def test_prune_deletes_issue_with_dependent_rows(database):
    """The age of a hindcast counts from its run."""
    issues_by_age = {}
    for age in (10, 5, 1):
        moment = NOW - age * DAY
        run_id = claim_refit(database, f"{moment}", moment)
        issue_id = publish_at(database, moment, run_id=run_id).issue_id
        publish_at(database, NOW - 1000 * DAY, "2023-01-01", run_id, kind="hindcast")
        issues_by_age[age] = issue_id
        edition = {"period": f"W{age:02}", "kind": "weekly", "made_at": moment, "content": {}}
        score = {"model": "climatology", "days_known": 1, "truth_hash": "x", "content": {}}
        with database.writing() as connection:
            note_store.save_note(connection, issue_id, note_store.EXPLANATION, {})
            connection.execute(editions.insert().values(issue_id=issue_id, **edition))
            score["scored_at"] = moment
            connection.execute(issue_scores.insert().values(issue_id=issue_id, **score))
    with database.writing() as connection:
        assert issue_store.prune_issues(connection, NOW - 7 * DAY) == 2
        for table, left in zip(TABLES, (4, 4, 2, 2, 2), strict=True):
            count = sa.select(sa.func.count()).select_from(table)
            assert connection.scalar(count) == left, table.name
        assert issue_store.get_issue(connection, issues_by_age[10]) is None
        assert issue_store.prune_issues(connection, NOW + DAY) == 3
        assert issue_store.get_issue(connection, issues_by_age[1]) is not None, "newest is kept"


@given(
    arrays(
        np.int32,
        array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.one_of(st.integers(0, 300), st.integers(65_530, 65_540), st.just(2**31 - 1)),
    )
)
def test_decode_inverts_encode(values):
    again = decode(*encode(values))
    assert again.dtype == np.int32
    assert again.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(again, values, strict=True)


def test_encoding_is_deterministic_and_compresses():
    values = random_paths("2026-01-01", 400, 500).values
    encoding, content = encode(values)
    assert (encoding, content) == encode(np.asfortranarray(values))
    assert encoding == "huffman:3:500:400"
    assert len(content) < values.nbytes / 4


@pytest.mark.parametrize(
    ("encoding", "cut"),
    [("planes-zlib:2:50:40", 0), ("huffman:2:50", 0), ("huffman:3:50:40", 0), (None, 9)],
)
def test_unknown_encoding_or_damage_is_rejected(encoding, cut):
    known, content = encode(random_paths("2026-01-01", 40).values)
    with pytest.raises(ValueError):
        decode(encoding or known, content[: len(content) - cut])
