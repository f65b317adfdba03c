from __future__ import annotations

from pathlib import Path

import pytest

from service.answers.errors import MOST_THRESHOLD
from service.core.context import open_context
from service.core.files import RegistryError
from service.core.route_files import enabled_routes, read_route, read_routes
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
"""


def declare(folder: Path, text: str = ROUTE, name: str = "strait.toml") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    return folder


def error_lines(folder: Path) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        read_routes(folder)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_series_that_follows_no_other_leads_in_any_order(tmp_path: Path) -> None:
    (route,) = enabled_routes(declare(tmp_path))
    assert (route.leading, route.followers) == ("landings", ("vessels",))
    assert route.forecast == ("landings", "vessels")
    assert route.stored == ("landings", "vessels", "returns")
    vessels = route.series["vessels"]
    assert (vessels.unit, vessels.title) == ("vessels", "Vessels seen")
    assert (vessels.day_threshold, vessels.week_threshold) == (7, 30)
    assert (vessels.likely_above, vessels.unlikely_below) == (0.6, 0.2)
    assert route.series["landings"].change_without_note == 0
    assert route.attribution == "Source: the harbour office"


def test_every_day_may_be_likely_or_unlikely(tmp_path: Path) -> None:
    text = ROUTE.replace("unlikely_below = 0.2", "unlikely_below = 0.6")
    (route,) = enabled_routes(declare(tmp_path, text))
    vessels = route.series["vessels"]
    assert vessels.unlikely_below == vessels.likely_above


def test_project_route_declaration_is_valid() -> None:
    route = read_routes(Settings().series_dir)["channel"]
    assert route.stored == ("people", "boats", "preventions")
    assert {name: series.unit for name, series in route.series.items()} == {
        "people": "people",
        "boats": "boats",
        "preventions": "people",
    }
    assert [route.series[name].day_threshold for name in route.forecast] == [500, 10]
    for name in route.forecast:
        declared = route.series[name]
        assert (declared.likely_above, declared.unlikely_below) == (0.55, 0.35)
    assert "Open Government Licence v3.0" in route.attribution
    assert "Home Office" in route.attribution
    assert "Provisional, subject to revision" in route.attribution


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('unit = "vessels"\n', "", "series.vessels.unit: expected a value, found none"),
        ('unit = "vessels"', "unit = 3", "series.vessels.unit: expected text, found 3"),
        (
            'unit = "vessels"',
            'unit = " \\u00a0"',
            "series.vessels.unit: expected text that is not b",
        ),
        *(
            (
                "licence =",
                f'{key} = "a\\u000{code}"\nlicence =',
                f"{key}: expected text without contr",
            )
            for key, code in (
                *(("forecast_title", code) for code in "01a"),
                *((key, "a") for key in ("arrivals", "counted", "weather_place", "figures")),
            )
        ),
        ("licence =", 'counted = " "\nlicence =', "counted: expected text that is not blank"),
        ('unit = "vessels"', 'unit = ""', "series.vessels.unit: expected at least 1 character"),
        ("threshold = 7", 'threshold = "7"', "vessels.day_threshold: expected a whole number"),
        ("threshold = 7", "threshold = -7", "expected at least 0, found -7"),
        ("day_threshold = 7\n", "", "vessels.day_threshold: expected a number, found none"),
        ("likely_above = 0.6\n", "", "vessels.likely_above: expected a number, found none"),
        ("unlikely_below = 0.2\n", "", "vessels.unlikely_below: expected a number, found none"),
        ("above = 0.6", "above = 60", "likely_above: expected at most 1, found 60"),
        ("below = 0.2", "below = -0.2", "expected at least 0, found -0.2"),
        ("above = 0.6", "above = nan", "likely_above: expected a finite number, found nan"),
        ("above = 0.6", "above = true", "likely_above: expected a number, found True"),
        (
            "above = 0.6",
            "above = 0.1",
            "vessels.unlikely_below: expected at most likely_above, 0.1, found 0.2",
        ),
        (
            'unit = "returns"',
            'unit = "returns"\nlikely_above = 0.5',
            "returns.likely_above: expected only in daily series, found in a weekly one",
        ),
        ("day_threshold", "day_treshold", "day_treshold: expected day_threshold, the nearest of"),
        ("licence =", "figure = 1\nlicence =", "figure: expected figures, the nearest of its keys"),
        ("licence =", "weather_points = [[51, 1]]\nlicence =", "weather_place: expected only with"),
        (
            "licence =",
            "weather_points = [[91, 1]]\nlicence =",
            "weather_points.0.0: expected at most 90, found 91",
        ),
        (
            "licence =",
            'figures = "gone.csv"\nlicence =',
            "expected a file beside it, found no gone",
        ),
        (
            "licence =",
            f'figures = "{300 * "a"}"\nlicence =',
            "figures: expected a file beside it, found no aaa",
        ),
        ("licence =", 'read_times = "25:00"\nlicence =', "read_times: expected times such as"),
        (
            "licence =",
            'read_times_weekend = "09:40,02:30"\nlicence =',
            "not from 01:00 to 02:59, when clocks change, found '09:40,02:30'",
        ),
        ("licence =", 'name = "x"\nlicence =', "name: expected no such key, found one"),
        ('ratio = "landings per vessel"\n', "", "vessels.ratio: expected only in"),
        (
            'unit_one = "return"',
            'unit_one = "return"\nratio = "x"',
            "returns.ratio: expected only in",
        ),
        ("week_threshold = 30", "weekly = 30", "vessels.weekly: expected one of title, unit,"),
        ('attribution = "Source: the harbour office"', "", "attribution: expected a value"),
        *(
            (
                "Europe/London",
                name,
                "time_zone: expected the name of a time zone such as Europe/London",
            )
            for name in ("Mars/Dover", "Europe", "/etc/localtime", "../Dover")
        ),
        ('"weekly"', '"hourly"', "returns.frequency: expected 'daily' or 'weekly', found 'hourly'"),
        (
            'follows = "landings"',
            'follows = "vessels"',
            "series.vessels.follows: expected landings, found 'vessels'",
        ),
        (
            'follows = "landings"\n',
            "",
            "series: expected one daily series that follows no other, found vessels, landings",
        ),
        (
            'unit = "returns"',
            'unit = "returns"\nfollows = "landings"',
            "returns.follows: expected only in daily series, found in a weekly one",
        ),
        ("series.vessels]", 'series."Two words"]', "expected a series_id of lower-case letters"),
        ("[series.vessels]", "[series.vessels", "strait.toml: expected TOML, found "),
    ],
)
def test_error_names_file_key_expected_and_found(
    tmp_path: Path, old: str, new: str, error: str
) -> None:
    assert old in ROUTE
    (line, *_) = error_lines(declare(tmp_path, ROUTE.replace(old, new, 1)))
    assert line.startswith("strait.toml") and error in line


def test_declared_threshold_limit_equals_request_limit(tmp_path: Path) -> None:
    declare(tmp_path, ROUTE.replace("week_threshold = 30", f"week_threshold = {MOST_THRESHOLD}"))
    assert enabled_routes(tmp_path)[0].series["vessels"].week_threshold == MOST_THRESHOLD
    declare(
        tmp_path, ROUTE.replace("week_threshold = 30", f"week_threshold = {MOST_THRESHOLD + 1}")
    )
    assert "at most 1000000, found 1000001" in error_lines(tmp_path)[0]


def test_all_errors_are_reported_together(tmp_path: Path) -> None:
    declare(
        tmp_path, ROUTE.replace('unit = "vessels"', "unit = 3").replace('"Returns by week"', "")
    )
    declare(tmp_path, ROUTE.replace('unit = "vessels"', "unit = 3"), "other.toml")
    lines = error_lines(tmp_path)
    assert [line.split(":")[0].split(",")[0] for line in lines] == ["other.toml", "strait.toml"]


def test_series_id_must_be_unique_across_routes(tmp_path: Path) -> None:
    declare(declare(tmp_path), ROUTE.replace("landings", "entries"), "coast.toml")
    lines = error_lines(tmp_path)
    assert [line.partition(":")[0] for line in lines] == [
        "strait.toml, series.vessels",
        "strait.toml, series.returns",
    ]
    assert all("unique over all routes" in line and "coast.toml" in line for line in lines)


def test_routes_are_enabled_by_declaration_or_setting(tmp_path: Path) -> None:
    assert error_lines(tmp_path / "none")[0].endswith(
        "expected a declared route (*.toml), found none"
    )
    other = ROUTE.replace("landings", "a").replace("vessels", "b").replace("returns", "c")
    declare(declare(tmp_path), "enabled = false\n" + other, "coast.toml")
    assert [route.name for route in enabled_routes(tmp_path)] == ["strait"]
    assert [route.name for route in enabled_routes(tmp_path, "coast,strait")] == ["coast", "strait"]
    with pytest.raises(
        RegistryError, match="expected some of the routes coast, strait, found cost, river"
    ):
        enabled_routes(tmp_path, "cost,strait,river")
    (tmp_path / "strait.toml").unlink()
    with pytest.raises(
        RegistryError, match="CROSSINGS_ROUTES: expected some of the routes coast, found n"
    ):
        enabled_routes(tmp_path)


def test_faults_of_routes_that_are_not_named_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    declare(tmp_path)
    declare(tmp_path, ROUTE.replace('unit = "vessels"', "unit = 3"), "italy.toml")
    declare(tmp_path, ROUTE, "channel (copy).toml")
    declare(tmp_path, ROUTE, "coast.toml")
    (tmp_path / "x.toml").mkdir()
    (tmp_path / "y.toml").symlink_to("nowhere")
    (tmp_path / "new\nline.toml").touch()
    assert [route.name for route in enabled_routes(tmp_path, "strait")] == ["strait"]
    lines = [record.getMessage() for record in caplog.records]
    expected = (
        ("italy.toml, series.vessels.unit", "expected text, found 3"),
        ("channel (copy).toml, its name", "expected lower-case letters, digits and _, found"),
        ("coast.toml, series.vessels", "expected a series_id unique over all routes, found it in"),
        ("x.toml", "expected a regular file, found another kind"),
        ("y.toml", "expected a readable file, found No such file"),
        ("new\ufffdline.toml, name", "expected text without control characters, found"),
    )
    assert len(lines) == len(expected)
    for file, fault in expected:
        beginning = f"route left out: {tmp_path}/{file}: {fault}"
        assert any(line.startswith(beginning) for line in lines), file
    assert not any("\n" in line for line in lines)
    for names in ("", "strait,italy", "coast,strait"):
        with pytest.raises(RegistryError):
            enabled_routes(tmp_path, names)


def test_editor_leftovers_and_byte_order_mark_are_ignored(tmp_path: Path) -> None:
    folder = declare(tmp_path / "series", "\ufeff" + ROUTE)
    (folder / ".#strait.toml").symlink_to("somebody@elsewhere")
    (folder / ".strait.toml").write_bytes(b"\xff")
    assert enabled_routes(folder)[0].leading == "landings"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"title = '\xff'", "expected text in utf-8, found the byte 0xff in line 1"),
        (b"a = " + b"[" * 9000, "expected TOML, found tables nested too deeply"),
        (b"a = " + b"9" * 5000, "expected TOML, found Exceeds the limit"),
        (b"#" * 100_001, "expected at most 100,000 bytes, found more"),
    ],
)
def test_unparsable_file_gives_one_line(tmp_path: Path, content: bytes, error: str) -> None:
    (tmp_path / "strait.toml").write_bytes(content)
    with pytest.raises(RegistryError) as caught:
        read_routes(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'strait.toml'}: {error}")
    assert "\n" not in str(caught.value)


def test_dangling_link_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "strait.toml").symlink_to("nowhere")
    with pytest.raises(RegistryError, match="expected a readable file, found No such"):
        read_routes(tmp_path)


def test_invalid_route_prevents_startup(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "var", series_dir=declare(tmp_path / "s", "series = 1"))
    with pytest.raises(RegistryError, match="series: expected named values, found 1") as error:
        open_context(settings)
    lines = str(error.value).splitlines()
    assert [line.rpartition(", found ")[2] for line in lines] == 4 * ["none"] + ["1"]
    assert not (tmp_path / "var" / "crossings.sqlite").exists()


def test_read_route_ignores_other_files(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("nothing", "utf-8")
    file = tmp_path / "strait.toml"
    file.write_text(ROUTE, "utf-8")
    assert (read_route(file).name, read_route(file).folder) == ("strait", tmp_path)
    file.write_text(ROUTE.replace('follows = "landings"', 'follows = "returns"'), "utf-8")
    with pytest.raises(RegistryError, match=r"strait\.toml, series: expected one daily|follows"):
        read_route(file)
