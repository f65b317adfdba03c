import numpy as np

from forecast.crossability import crossability, crossability_columns, fit_crossability


def test_columns_match_plain_loop():
    chance = np.random.default_rng(1).random((3, 12))
    columns = crossability_columns(chance)
    assert columns.shape == (3, 12, 3)
    for path in range(3):
        for day in range(12):
            before = [chance[path, day - back] for back in range(1, 6) if day >= back]
            expected = [chance[path, day], before[0] if before else 0.0, sum(before) / 5]
            np.testing.assert_allclose(columns[path, day], expected)


def test_fit_recovers_effect_of_wind():
    rng = np.random.default_rng(2)
    wind = rng.standard_normal((800, 1))
    busy = (rng.random(800) < 1 / (1 + np.exp(1 + 2 * wind[:, 0]))).astype(float)
    coefficients = fit_crossability(wind, busy, np.ones(800), 0.1)
    np.testing.assert_allclose(coefficients, [-1, -2], atol=0.35)
    calm, rough = crossability(np.array([[-1.5], [1.5]]), coefficients)
    assert calm > 0.8 > 0.1 > rough
