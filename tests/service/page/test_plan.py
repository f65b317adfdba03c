import csv
import io
import re

import pytest

from service.answers.ahead import scale_to_share
from service.answers.capacity import capacity
from service.answers.errors import MOST_THRESHOLD
from service.answers.exceedance import exceedance
from tests.service.page.test_pages import visible_text


def read_csv(site, query):
    return list(csv.DictReader(io.StringIO(site.client.get(f"/plan/plan.csv?{query}").text)))


def test_csv_has_the_numbers_of_the_plan(site):
    rows = read_csv(site, "threshold=250&window=3&horizon=10")
    view = site.loader.view("people")
    above = exceedance(view.ahead, 250, 3, 10)["rows"]
    assert [row["date"] for row in rows] == [str(d) for d in view.paths.dates[1:11].tolist()]
    assert [row["p_above"] for row in rows] == [*(str(r["p_above"]) for r in above), "", ""]
    assert "places" not in site.client.get("/plan/plan.csv?series=boats").text


def test_share_has_its_own_capacity_and_probabilities(site):
    view = site.loader.view("people")
    share = scale_to_share(view, 2.5)
    query = "our_share=2.5&threshold=10&share=80&stay_days=3"
    response = site.client.get(f"/plan?{query}")
    page_text = visible_text(response)
    present = capacity(view.observed, view.ahead, 3, 0.8, 28, (80,), 2.5)
    above = exceedance(share.ahead, 10, 1, 28)["p_any"]  # days are scaled alike
    for words in (
        f"{present['places_peak']:,} places give an 80% chance",
        f"{above:.0%} chance of at least one day with more than 10 people",
        "We assume that your share of all arrivals is 2.5%",
        "How many places are needed, for 2.5% of all arrivals?",
        "How long could it be quiet, in the whole UK?",
    ):
        assert words in page_text
    assert "our_share=2.5" in response.text.split('class="download"')[1]
    assert "We assume" not in visible_text(site.client.get("/plan"))
    rows = read_csv(site, query)
    assert {row["our_share"] for row in rows} == {"2.5"}
    assert [(int(row["present_median"]), int(row["places"])) for row in rows] == [
        (row["median"], row["places"]) for row in present["rows"]
    ]
    assert [int(row["hi95"]) for row in rows] == share.ahead.upto(28).quantiles([0.975])[0].tolist()


def test_one_place_and_the_highest_threshold(site):
    page = visible_text(site.client.get("/plan?our_share=0.01&stay_days=1&horizon=7"))
    assert "1 place gives a 90% chance" in page
    assert "and the 1 place needed, 0.01% of all arrivals" in page
    page = site.client.get(f"/plan?threshold={MOST_THRESHOLD}").text
    others = page.split('<table class="others">')[1].split("</table>")[0]
    assert re.findall(r'"row">([0-9,]+)<', others)[-1] == "1,000,000"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("threshold=many", "threshold must be a whole number from 0 to 1,000,000, like 500"),
        ("threshold=1000001", "threshold must be a whole number from 0 to 1,000,000"),
        ("share=100", "how certain you need to be must be a whole number from 50 to 99, like 90"),
        ("stay_days=", "length of stay must be a whole number from 1 to 90, like 4"),
        ("window=20&horizon=10", "must be at most 10, the number of days ahead"),
        ("our_share=0", "your share must be a number with at most two decimals from 0.01 to 100"),
        ("our_share=3,5", "with at most two decimals from 0.01 to 100, like 12.5"),
        ("threshold=50,0", "threshold must be a whole number"),
        ("window=1.00000001", "days to add up must be a whole number"),
        ("window=1.5", "days to add up must be a whole number"),
        ("our_share=12.500000001", "with at most two decimals"),
        ("horizon=1e1", "number of days ahead must be a whole number"),
    ],
)
def test_invalid_input_is_named_and_kept(site, query, words):
    response = site.client.get(f"/plan?{query}")
    assert (response.status_code, response.headers["Cache-Control"]) == (400, "no-store")
    assert words in visible_text(response)
    assert "<title>Error: Plan –" in response.text
    # A number input would drop what is not a number.
    name, _, value = query.partition("&")[0].partition("=")
    kept = rf'<input type="text"[^>]*id="{name}"[^>]*value="{value}"[^>]*aria-invalid="true"'
    assert re.search(kept, response.text)
    response = site.client.get(f"/plan/plan.csv?{query}")
    assert response.status_code == 400
    assert words in response.json["detail"]


def test_inputs_are_kept_for_other_series_and_days(site):
    page = site.client.get("/plan?our_share=40&threshold=1,500&stay_days=7").text
    link, form = page.split('<nav class="series"')[1].split('<form class="pick"')
    assert "series=boats&amp;stay_days=7&amp;our_share=40" in link
    assert "threshold" not in link.split("</nav>")[0], "each series has its own"
    for name, value in (("our_share", 40), ("threshold", 1500)):
        assert f'<input type="hidden" name="{name}" value="{value}">' in form
