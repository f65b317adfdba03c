from tests.support import embedded


def test_embedded_figures_match_the_published_totals():
    series = embedded.read()
    people, boats = series["people"], series["boats"]
    assert list(series) == ["people", "boats"]
    assert len(people) == len(boats) == 2922
    assert (str(people.start), str(people.data_through)) == ("2018-01-01", "2025-12-31")
    years = {y: people.total(f"{y}-01-01", f"{y}-12-31") for y in range(2018, 2026)}
    assert list(years.values()) == [299, 1843, 8462, 28526, 45755, 29437, 36816, 41472]
    assert (people.values.sum(), boats.values.sum()) == (192_610, 4_961)
    assert people.values.max() == people.on("2022-09-03") == 1305
    assert ((people.values > 0) == (boats.values > 0)).mean() > 0.99
