"""Declarations of models: what they may say, and what is answered to the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.covariates import Covariates
from forecast.forecasters.hurdle import Hurdle
from forecast.forecasters.pool import LinearPool
from forecast.forecasters.sarimax import Sarimax
from forecast.series import DailySeries
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


def declared(**texts: str) -> dict[str, Spec]:
    return {name: parse(name, text) for name, text in texts.items()}


def pool_of(*members: str) -> str:
    return 'family = "pool"\n[members]\n' + "\n".join(f"{member} = 1.0" for member in members)


def calibrated_of(member: str) -> str:
    return f'family = "calibrated"\n[members]\n{member} = 1.0'


def test_what_is_left_out_has_its_default() -> None:
    assert HURDLE == Spec("hurdle", "hurdle", "hurdle", "challenger", {}, {})
    assert build("hurdle", {"hurdle": HURDLE}) == Hurdle()


def test_parameters_reach_the_family() -> None:
    specs = declared(
        a='family = "sarimax"\n[parameters]\norder = [2, 0, 0]\npower = 1',
        b='family = "hurdle"\n[parameters]\nharmonics = 3\nridge = 0.5',
    )
    assert build("a", specs) == Sarimax(order=(2, 0, 0), power=1)
    assert build("b", specs) == Hurdle(harmonics=3, ridge=0.5)


def test_a_pool_has_its_members() -> None:
    specs = declared(hurdle='family = "hurdle"', inner=pool_of("hurdle"), p=pool_of("inner"))
    pool = build("p", specs)
    assert isinstance(pool, LinearPool)
    inner = pool.members["inner"]
    assert isinstance(inner, LinearPool)
    assert inner.members == {"hurdle": Hurdle()}
    assert inner.weights == {"hurdle": 1.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("family = ", "expected TOML"),
        ('family = "oracle"', "expected a family of .* found 'oracle'"),
        ('family = ["hurdle"]', "expected a family of"),
        ("", "expected a family of .* found None"),
        ('family = "hurdle"\nrole = "king"', "expected a role of"),
        ('family = "hurdle"\nrole = ["champion"]', "expected a role of"),
        ('family = "hurdle"\ntitle = 3', "expected a title in quotes, found 3"),
        ('family = "hurdle"\nspeed = 3', r"expected keys .* found \['speed'\]"),
        ('family = "hurdle"\nparameters = 3', r"expected a table \[parameters\], found 3"),
        ('family = "pool"\nmembers = ["a"]', r"expected a table \[members\]"),
        ('family = "pool"', "expected members in a pool"),
        (
            'family = "hurdle"\n[members]\na = 1',
            "expected members in a pool or a calibrated model, and only there",
        ),
        ('family = "pool"\n[members]\na = "x"', "expected a weight of 0 or more for a, found 'x'"),
        ('family = "pool"\n[members]\na = -1', "expected a weight of 0 or more"),
        ('family = "pool"\n[members]\na = nan', "expected a weight of 0 or more"),
        ('family = "pool"\n[members]\na = true', "expected a weight of 0 or more"),
    ],
)
def test_declarations_that_say_too_little_or_too_much(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=f"model m: {words}"):
        parse("m", text)


@pytest.mark.parametrize("name", ["my model", "été", "", ".x", "a..b", "a/b", "a-"])
def test_a_name_that_is_no_name_of_a_folder(name: str) -> None:
    with pytest.raises(SpecError, match="expected a name of letters, digits and _"):
        parse(name, 'family = "hurdle"')


@given(st.text(alphabet='family="hrdl\n[] .1pogt\x00é'))
def test_any_text_is_a_declaration_or_refused(text: str) -> None:
    try:
        parse("m", text)
    except SpecError as error:
        assert str(error).startswith("model m: expected")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("colour = 1", r"expected parameters of \['harmonics'.* found \['colour'\]"),
        ('harmonics = "two"', "expected harmonics to be like 2, found 'two'"),
        ("harmonics = 2.5", "expected harmonics to be like 2"),
        ("harmonics = true", "expected harmonics to be like 2"),
        ("harmonics = -1", "expected harmonics to be like 2"),
        ("ridge = inf", "expected ridge to be like 1.0"),
        ("ridge = [1.0]", "expected ridge to be like 1.0"),
    ],
)
def test_parameters_are_of_the_family_and_of_its_kind(parameters: str, words: str) -> None:
    specs = declared(m=f'family = "hurdle"\n[parameters]\n{parameters}')
    with pytest.raises(SpecError, match=f"model m: {words}"):
        build("m", specs)


@pytest.mark.parametrize("order", ["[1, 0]", "[1, 0, 0.5]", "3", '"1,0,1"'])
def test_lists_keep_their_length_and_kind(order: str) -> None:
    specs = declared(m=f'family = "sarimax"\n[parameters]\norder = {order}')
    with pytest.raises(SpecError, match="expected order to be like"):
        build("m", specs)


def test_pools_that_do_not_close() -> None:
    specs = declared(a=pool_of("b"), b=pool_of("a"), c=pool_of("nobody"))
    with pytest.raises(SpecError, match="a pool among its own members: a -> b"):
        build("a", specs)
    with pytest.raises(SpecError, match="found 'nobody'"):
        build("c", specs)
    with pytest.raises(SpecError, match="found 'd'"):
        build("d", specs)
    with pytest.raises(SpecError, match=r"expected parameters of \[\]"):
        build("e", {"e": Spec("e", "e", "pool", "champion", {"x": 1}, {"a": 1.0})})


def test_pools_that_are_members_of_each_other_have_a_closure() -> None:
    specs = declared(a=pool_of("b"), b=pool_of("a"), c=pool_of("a"))
    assert [spec.name for spec in closure("c", specs)] == ["c", "a", "b"]
    assert reads_covariates("c", specs) is False


def test_there_is_one_champion() -> None:
    one = Spec("a", "a", "hurdle", "champion")
    two = Spec("b", "b", "hurdle", "champion")
    assert champion({"a": one, "hurdle": HURDLE}) == "a"
    with pytest.raises(SpecError, match=r"found \['a', 'b'\]"):
        champion({"a": one, "b": two})
    with pytest.raises(SpecError, match="found none"):
        champion({"hurdle": HURDLE})


def test_the_declared_models_are_built() -> None:
    """Every declaration of the project holds, and every family is declared."""
    specs = {file.stem: parse(file.stem, file.read_text("utf-8")) for file in MODELS.glob("*.toml")}
    for name in specs:
        build(name, specs)
    assert champion(specs) in specs
    assert {spec.family for spec in specs.values()} == set(FAMILIES)


@pytest.mark.parametrize("family", [f for f in FAMILIES if f not in ("pool", "calibrated")])
def test_who_reads_covariates(family: str, people: DailySeries) -> None:
    """A family is said to read them when its paths are others with them."""
    specs = declared(a=f'family = "{family}"', b=pool_of("a"), c=calibrated_of("b"))
    seen = people.upto("2024-12-31")
    waves = np.random.default_rng(1).random((900, 1))
    known = Covariates(("wave_m",), np.datetime64("2022-07-16"), waves, np.full((1, 7, 1), 0.9))
    without, given = (
        build("a", specs).fit(seen, what).simulate(7, 50, np.random.default_rng(1)).values
        for what in (None, known)
    )
    reads = [reads_covariates(name, specs) for name in specs]
    assert reads == [not np.array_equal(without, given)] * 3
