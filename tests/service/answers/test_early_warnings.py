import datetime as dt

from service.answers.early_warnings import warning_chances, warning_record
from service.answers.exceedance import exceedance
from service.answers.issue_loader import IssueLoader
from service.app import create_app
from service.issues import early_warning_store
from service.issues.early_warning_store import EarlyWarning
from tests.service.support import NOW, ManualClock

DAY = dt.timedelta(days=1)


def test_chances_are_those_of_exceedance(mailer):
    ahead = IssueLoader(mailer, ManualClock(NOW)).view("people").ahead
    days, week = warning_chances(ahead, 300, 1500)
    for row, window, horizon in ((days, 1, 3), (week, 7, 7)):
        answer = exceedance(ahead, row["threshold"], window, horizon)
        assert (row["p"], row["days"]) == (answer["p_any"], answer["rows"])
    assert (days["from"], days["to"], week["to"]) == ("2026-01-02", "2026-01-04", "2026-01-08")
    assert warning_chances(ahead, 300, None) == [days]


def test_warning_record_counts_warnings_followed_by_arrivals(mailer):
    loader = IssueLoader(mailer, ManualClock(NOW))
    assert warning_record(loader)["sentence"] == ""
    client = create_app(mailer, ManualClock(NOW)).test_client()

    def get_record(series_id="people", kind="live"):
        return client.get(f"/v1/series/{series_id}/track-record?kind={kind}").json["early_warnings"]

    assert get_record() is None
    assert "Early warnings" not in client.get("/record").text
    last = dt.date(2025, 12, 31)
    values = loader.view("people").observed.values[-7:].tolist()
    highest, total = max(values[-3:]), sum(values)
    warnings = [
        EarlyWarning(last, 1, highest - 1, last - 2 * DAY, last, 0.5, "channel"),
        EarlyWarning(last, 1, highest, last - 2 * DAY, last, 0.25, "channel"),
        EarlyWarning(last, 7, total - 1, last - 6 * DAY, last, 0.75, "channel"),
        EarlyWarning(last, 7, total, last - 6 * DAY, last, 0.5, "channel"),
        EarlyWarning(last + DAY, 1, 0, last - DAY, last + DAY, 0.9, "channel"),  # not over yet
        EarlyWarning(last, 1, 0, last - 2 * DAY, last, 0.9, "italy"),  # of another route
    ]
    with mailer.database.writing() as connection:
        early_warning_store.insert_warnings(connection, warnings)
    answer = {
        "warnings": 5,
        "over": 4,
        "followed": 2,
        "expected": 2.0,
        "sentence": (
            "Of the early warnings sent so far whose days are over, 2 of 4 were followed by "
            "such a day or week. From the chances that they gave, we would expect about 2.0."
        ),
    }
    assert warning_record(loader) == get_record() == answer
    assert answer["sentence"] in client.get("/record").text
    assert get_record(kind="hindcast") is get_record("boats") is None
