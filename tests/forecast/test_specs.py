"""Model declarations: parsing, building and error messages."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.covariates import Covariates
from forecast.forecasters.hurdle import Hurdle
from forecast.forecasters.pool import LinearPool
from forecast.forecasters.sarimax import Sarimax
from forecast.specs import (
    FAMILIES,
    Spec,
    SpecError,
    build,
    champion,
    closure,
    parse,
    reads_covariates,
)

MODELS = Path(__file__).resolve().parents[2] / "models"

HURDLE = parse("hurdle", 'family = "hurdle"')


def parse_specs(**texts):
    return {name: parse(name, text) for name, text in texts.items()}


def pool_of(member, family="pool"):
    return f'family = "{family}"\n[members]\n{member} = 1.0'


def test_omitted_keys_have_defaults():
    assert HURDLE == Spec("hurdle", "hurdle", "hurdle", "challenger", {}, {})
    assert build("hurdle", {"hurdle": HURDLE}) == Hurdle()


def test_parameters_reach_the_family():
    specs = parse_specs(
        a='family = "sarimax"\n[parameters]\norder = [2, 0, 0]\npower = 1',
        b='family = "hurdle"\n[parameters]\nharmonics = 3\nridge = 0.5',
    )
    assert build("a", specs) == Sarimax(order=(2, 0, 0), power=1)
    assert build("b", specs) == Hurdle(harmonics=3, ridge=0.5)


def test_pool_is_built_with_its_members():
    specs = parse_specs(hurdle='family = "hurdle"', inner=pool_of("hurdle"), p=pool_of("inner"))
    pool = build("p", specs)
    assert isinstance(pool, LinearPool)
    inner = pool.members["inner"]
    assert isinstance(inner, LinearPool)
    assert inner.members == {"hurdle": Hurdle()}
    assert inner.weights == {"hurdle": 1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("family = ", "expected TOML"),
        ('family = "oracle"', "expected one of the families .* found 'oracle'"),
        ('family = ["hurdle"]', "expected one of the families"),
        ("", "expected one of the families .* found None"),
        ('family = "hurdle"\nrole = "king"', "expected one of the roles"),
        ('family = "hurdle"\nrole = ["champion"]', "expected one of the roles"),
        ('family = "hurdle"\ntitle = 3', "expected a title in quotes, found 3"),
        ('family = "hurdle"\nspeed = 3', r"expected only the keys .* found \['speed'\]"),
        ('family = "hurdle"\nparameters = 3', r"expected a table \[parameters\], found 3"),
        ('family = "pool"\nmembers = ["a"]', r"expected a table \[members\]"),
        ('family = "pool"', "expected members in a pool"),
        ('family = "hurdle"\n[members]\na = 1', "expected members in a pool .*, and only there"),
        ('family = "pool"\n[members]\na = "x"', "expected a weight of 0 or more for a, found 'x'"),
        ('family = "pool"\n[members]\na = -1', "expected a weight of 0 or more"),
        ('family = "pool"\n[members]\na = nan', "expected a weight of 0 or more"),
        ('family = "pool"\n[members]\na = true', "expected a weight of 0 or more"),
    ],
)
def test_invalid_declaration_is_rejected(text, message):
    with pytest.raises(SpecError, match=f"model m: {message}"):
        parse("m", text)


@pytest.mark.parametrize("name", ["my model", "été", "", ".x", "a..b", "a/b", "a-"])
def test_invalid_model_name_is_rejected(name):
    with pytest.raises(SpecError, match="expected a name of letters, digits and _"):
        parse(name, 'family = "hurdle"')


@given(st.text(alphabet='family="hrdl\n[] .1pogt\x00é'))
def test_any_text_is_parsed_or_rejected(text):
    try:
        parse("m", text)
    except SpecError as error:
        assert str(error).startswith("model m: expected")


@pytest.mark.parametrize(
    ("family", "parameters", "message"),
    [
        ("hurdle", "colour = 1", r"expected parameters among \['harm.* found \['colour'\]"),
        ("hurdle", 'harmonics = "two"', "expected harmonics to be like 2, found 'two'"),
        ("hurdle", "harmonics = 2.5", "expected harmonics to be like 2"),
        ("hurdle", "harmonics = true", "expected harmonics to be like 2"),
        ("hurdle", "harmonics = -1", "expected harmonics to be like 2"),
        ("hurdle", "ridge = inf", "expected ridge to be like 1.0"),
        ("hurdle", "ridge = [1.0]", "expected ridge to be like 1.0"),
        ("sarimax", "order = [1, 0]", "expected order to be like"),
        ("sarimax", "order = [1, 0, 0.5]", "expected order to be like"),
        ("sarimax", "order = 3", "expected order to be like"),
        ("sarimax", 'order = "1,0,1"', "expected order to be like"),
    ],
)
def test_unknown_or_mistyped_parameter_is_rejected(family, parameters, message):
    specs = parse_specs(m=f'family = "{family}"\n[parameters]\n{parameters}')
    with pytest.raises(SpecError, match=f"model m: {message}"):
        build("m", specs)


def test_cyclic_or_unknown_members_are_rejected():
    specs = parse_specs(a=pool_of("b"), b=pool_of("a"), c=pool_of("nobody"))
    with pytest.raises(SpecError, match="a pool among its own members: a -> b"):
        build("a", specs)
    with pytest.raises(SpecError, match="found 'nobody'"):
        build("c", specs)
    with pytest.raises(SpecError, match="found 'd'"):
        build("d", specs)
    with pytest.raises(SpecError, match=r"expected parameters among \[\]"):
        build("e", {"e": Spec("e", "e", "pool", "champion", {"x": 1}, {"a": 1.0})})


def test_closure_of_cyclic_pools_is_finite():
    specs = parse_specs(a=pool_of("b"), b=pool_of("a"), c=pool_of("a"))
    assert [spec.name for spec in closure("c", specs)] == ["c", "a", "b"]
    assert reads_covariates("c", specs) is False


def test_exactly_one_champion_is_required():
    one = Spec("a", "a", "hurdle", "champion")
    two = Spec("b", "b", "hurdle", "champion")
    assert champion({"a": one, "hurdle": HURDLE}) == "a"
    with pytest.raises(SpecError, match=r"found \['a', 'b'\]"):
        champion({"a": one, "b": two})
    with pytest.raises(SpecError, match="found none"):
        champion({"hurdle": HURDLE})


def test_project_models_can_be_built_and_cover_all_families():
    specs = {file.stem: parse(file.stem, file.read_text("utf-8")) for file in MODELS.glob("*.toml")}
    for name in specs:
        build(name, specs)
    assert champion(specs) in specs
    assert {spec.family for spec in specs.values()} == set(FAMILIES)


@pytest.mark.parametrize("family", [f for f in FAMILIES if f not in ("pool", "calibrated")])
def test_reads_covariates_tells_whether_paths_depend_on_them(family, people):
    specs = parse_specs(a=f'family = "{family}"', b=pool_of("a"), c=pool_of("b", "calibrated"))
    series = people.between("2023-10-01", "2024-12-31")
    waves = np.random.default_rng(1).random((len(series), 1))
    weather = Covariates(("wave_m",), series.start, waves, np.full((1, 7, 1), 0.9))
    without, with_weather = (
        build("a", specs).fit(series, given).simulate(7, 50, np.random.default_rng(1)).values
        for given in (None, weather)
    )
    reads = [reads_covariates(name, specs) for name in specs]
    assert reads == [not np.array_equal(without, with_weather)] * 3
