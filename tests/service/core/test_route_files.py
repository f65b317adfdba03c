import pytest

from service.core.context import open_context
from service.core.files import RegistryError
from service.core.route_files import enabled_routes
from service.core.settings import Settings

ROUTE = """
title = "The strait"
time_zone = "Europe/London"
attribution = "Source: the harbour office"
licence = "None"

[series.vessels]
title = "Vessels seen"
unit = "vessels"
unit_one = "vessel"
ratio = "landings per vessel"
day_threshold = 7
week_threshold = 30
likely_above = 0.6
unlikely_below = 0.2
follows = "landings"

[series.returns]
title = "Returns by week"
unit = "returns"
unit_one = "return"
frequency = "weekly"

[series.landings]
title = "Landings seen"
unit = "arrivals"
unit_one = "arrival"
day_threshold = 90
week_threshold = 400
likely_above = 1
unlikely_below = 0.0

[source]
kind = "csv"
file = "landings.csv"
columns = {landings = "arrived"}
"""


def declare(folder, text=ROUTE, name="strait.toml"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    return folder


def error_lines(folder, names=""):
    with pytest.raises(RegistryError) as caught:
        enabled_routes(folder, names)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_series_that_follows_no_other_leads_in_any_order(tmp_path):
    (route,) = enabled_routes(declare(tmp_path))
    assert (route.name, route.folder) == ("strait", tmp_path)
    assert (route.leading, route.followers) == ("landings", ("vessels",))
    assert route.forecast == ("landings", "vessels")
    assert route.stored == ("landings", "vessels", "returns")
    vessels = route.series["vessels"]
    assert (vessels.unit, vessels.title) == ("vessels", "Vessels seen")
    assert (vessels.day_threshold, vessels.week_threshold) == (7, 30)
    assert (vessels.likely_above, vessels.unlikely_below) == (0.6, 0.2)
    assert (route.forecast_title, route.location) == ("The strait", "strait")


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('unit = "vessels"\n', "", "series.vessels.unit: expected a value, found none"),
        ('unit = "vessels"', "unit = 3", "series.vessels.unit: expected text, found 3"),
        ('unit = "vessels"', 'unit = "a\\n"', "series.vessels.unit: expected text without control"),
        ("licence =", 'arrivals = "\\u0001"\nlicence =', "arrivals: expected text without control"),
        ('unit = "vessels"', 'unit = ""', "series.vessels.unit: expected at least 1 character"),
        ("threshold = 7", 'threshold = "7"', "vessels.day_threshold: expected a whole number"),
        ("threshold = 7", "threshold = -7", "expected at least 0, found -7"),
        ("threshold = 7", "threshold = 1000001", "expected at most 1000000, found 1000001"),
        ("above = 0.6", "above = 60", "likely_above: expected at most 1, found 60"),
        ("licence =", "weather_points = [[51, 1]]\nlicence =", "expected both weather_points and"),
        ("licence =", "weather_points = [[51, 181]]\nlicence =", "points.0.1: expected at most"),
        ("licence =", "weather_points = [[91, 1]]\nlicence =", "points.0.0: expected at most 90"),
        ("above = 0.6", "above = nan", "likely_above: expected a finite number, found nan"),
        ("above = 0.6", "above = 0.1", "vessels: expected unlikely_below to be at most likely_ab"),
        ("licence =", "licenses = 1\nlicence =", "licenses: expected licence, the nearest known"),
        ("licence =", 'name = "x"\nlicence =', "expected no key name, which the file's own sets"),
        ("likely_above = 0.6\n", "", "vessels: expected day_threshold, likely_above, unlikely_b"),
        ("licence =", 'read_times = "25:00"\nlicence =', "read_times: expected times such as"),
        ("licence =", 'read_times_weekend = "09:40,02:30"\nlicence =', "not from 01:00 to 02:59"),
        ('ratio = "landings per vessel"\n', "", "vessels: expected ratio in a series that foll"),
        ('unit_one = "return"', 'unit_one = "return"\nratio = "x"', "returns: expected ratio in"),
        *(
            ("Europe/London", name, "time_zone: expected the name of a time zone such as")
            for name in ("Mars/Dover", "/etc/localtime")
        ),
        ('follows = "landings"', 'follows = "vessels"', "expected vessels to be daily and follow"),
        (
            'ratio = "landings per vessel"\n',
            'ratio = "x"\nfrequency = "weekly"\n',
            "expected vessels to be daily and follow landings, or nothing",
        ),
        (
            'frequency = "weekly"',
            "day_threshold = 1\nweek_threshold = 1\nlikely_above = 1\nunlikely_below = 0",
            "expected one daily series that follows no other, found returns, landings",
        ),
        ("series.vessels]", 'series."Two words"]', "expected lower-case letters, digits and _"),
        ("[series.vessels]", "[series.vessels", "strait.toml: expected TOML, found "),
        ("licence =", f"areas = {'[' * 3000}\nlicence =", "strait.toml: expected TOML, found "),
        ('kind = "csv"', 'kind = "xls"', "source.kind: expected 'govuk', 'csv' or 'json'"),
        ('file = "landings.csv"', "", "source: expected either a file or an address"),
        ("columns", 'address = "https://x.org/a"\ncolumns', "expected either a file or an add"),
        ('file = "landings.csv"', 'address = "http://x.org/a"', "source.address: expected an ad"),
        *(
            ("columns", f'date_format = "{form}"\ncolumns', "source.date_format: expected a form")
            for form in ("%d/%m", "%d/%m/%Y %d", "%B %Y")
        ),
        ("columns", 'decimal = ","\nthousands = ","\ncolumns', "expected different characters"),
        ("columns", 'thousand = ","\ncolumns', "source.thousand: expected thousands, the nearest"),
        ("{landings", "{landing", "expected columns of declared series, found landing"),
        ('{landings = "arrived"}', "{}", "source.columns: expected"),
    ],
)
def test_error_names_file_key_and_what_was_expected(tmp_path, old, new, error):
    assert old in ROUTE
    (line,) = error_lines(declare(tmp_path, ROUTE.replace(old, new, 1)))
    assert line.startswith("strait.toml") and error in line


def test_keys_that_do_not_fit_together_are_all_reported(tmp_path):
    text = ROUTE.replace("{landings", "{landing").replace("licence", 'weather_place = "x"\nlicence')
    (line,) = error_lines(declare(tmp_path, text))
    assert line.startswith("strait.toml: expected columns of declared series, found landing; ")
    assert "; expected both weather_points and weather_place, or neither" in line


def test_all_errors_are_reported_together(tmp_path):
    declare(
        tmp_path, ROUTE.replace('unit = "vessels"', "unit = 3").replace('"Returns by week"', "3")
    )
    (tmp_path / "latin.toml").write_bytes(b"title = '\xff'")
    (tmp_path / "link.toml").symlink_to("nowhere")
    assert [line.partition(", found")[0] for line in error_lines(tmp_path)] == [
        "latin.toml: expected text in utf-8",
        "link.toml: expected a readable file",
        "strait.toml, series.vessels.unit: expected text",
        "strait.toml, series.returns.title: expected text",
    ]


def test_series_id_must_be_unique_across_routes(tmp_path):
    declare(declare(tmp_path), ROUTE.replace("landings", "entries"), "coast.toml")
    assert error_lines(tmp_path) == [
        f"strait.toml, series.{name}: expected a series_id unique over all routes, "
        "found it in coast.toml too"
        for name in ("vessels", "returns")
    ]


def test_routes_are_enabled_by_declaration_or_setting(tmp_path):
    assert error_lines(tmp_path / "none")[0].endswith("found none")
    other = ROUTE.replace("landings", "a").replace("vessels", "b").replace("returns", "c")
    declare(declare(tmp_path), "enabled = false\n" + other, "coast.toml")
    assert [route.name for route in enabled_routes(tmp_path)] == ["strait"]
    assert [route.name for route in enabled_routes(tmp_path, "coast,strait")] == ["coast", "strait"]
    (line,) = error_lines(tmp_path, "cost,strait")
    assert line.startswith("CROSSINGS_ROUTES: expected some of the routes coast, strait in ")
    assert line.endswith("found cost,strait")
    (tmp_path / "strait.toml").unlink()
    assert error_lines(tmp_path) == ["CROSSINGS_ROUTES: expected some of coast, found none"]


def test_routes_that_are_not_named_and_leftovers_of_editors_are_not_read(tmp_path):
    folder = declare(tmp_path / "series", "\ufeff" + ROUTE)
    declare(folder, "no TOML", "italy.toml")
    (folder / ".#strait.toml").symlink_to("somebody@elsewhere")
    assert enabled_routes(folder, "strait")[0].leading == "landings"
    assert error_lines(folder, "strait,italy")[0].startswith("italy.toml: expected TOML")


def test_invalid_route_prevents_startup(tmp_path):
    settings = Settings(var_dir=tmp_path / "var", series_dir=declare(tmp_path / "s", "series = 1"))
    with pytest.raises(RegistryError, match="series: expected named values, found 1") as error:
        open_context(settings)
    lines = str(error.value).splitlines()
    assert [line.rpartition(", found ")[2] for line in lines] == 4 * ["none"] + ["1"]
    assert not (tmp_path / "var" / "crossings.sqlite").exists()
