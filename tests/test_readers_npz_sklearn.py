"""`.npz` stacks and scikit-learn's multi-layer perceptrons."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from regions.errors import ModelError, UnsupportedLayer
from regions.loading import load
from regions.network import Network

RNG = np.random.default_rng(0)
GOOD = {
    "W1": RNG.normal(size=(4, 3)), "b1": RNG.normal(size=4),
    "W2": RNG.normal(size=(5, 4)).astype(np.float32), "b2": RNG.normal(size=5),
    "W3": RNG.integers(-3, 4, (2, 5)), "b3": np.zeros(2),
}  # fmt: skip


def write(tmp_path: Path, **arrays) -> Path:
    path = tmp_path / "model.npz"
    np.savez(path, **arrays)
    return path


def test_npz_is_the_network_of_its_pairs(tmp_path):
    network = load(write(tmp_path, **GOOD))
    pairs = [(GOOD[f"W{k}"], GOOD[f"b{k}"]) for k in (1, 2, 3)]
    assert network.digest == Network.from_layers(pairs).digest
    assert (network.inputs, network.widths, network.outputs) == (3, (4, 5), 2)
    assert network.origin is not None
    assert (network.origin.points_checked, network.origin.activation) == (100, "ReLU")
    assert network.origin.worst_relative_error < 1e-13


def test_more_than_nine_layers_stay_in_order(tmp_path):
    arrays = {}
    for k in range(1, 13):
        arrays[f"W{k}"], arrays[f"b{k}"] = np.array([[float(k)]]), np.array([1.0])
    expected = Fraction(1, 3)
    for k in range(1, 13):
        expected = k * expected + 1
    assert load(write(tmp_path, **arrays))(["1/3"]) == (expected,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W2": np.ones((5, 3))}, r"layer 2 \(W2, b2\): .*\(5, 3\), but layer 1 .* has 4 outputs"),
        ({"b2": np.ones(4)}, r"layer 2 .* needs 5 biases, got shape \(4,\)"),
        ({"W1": np.ones(3)}, r"must have two axes \(out, in\), got shape \(3,\)"),
        ({"W3": np.full((2, 5), np.nan)}, r"layer 3 .* NaN or infinite"),
        ({"b3": np.array([1.0, np.inf])}, r"layer 3 .* NaN or infinite"),
        ({"W3": np.ones((2, 5), dtype=complex)}, "W3 needs real numbers"),
        ({"W3": np.array([["a"] * 5] * 2)}, "W3 needs real numbers"),
        ({"bias": np.ones(3)}, "has the array 'bias'; a model has W1, b1"),
        ({"W5": np.ones((1, 2))}, "has no array 'W4'"),
        ({"b3": None}, "cannot read model.npz"),
    ],
)
def test_bad_arrays(change, message, tmp_path):
    with pytest.raises(ModelError, match=message) as caught:
        load(write(tmp_path, **{**GOOD, **change}))
    assert "model.npz" in str(caught.value)


def test_missing_arrays(tmp_path):
    without = {name: array for name, array in GOOD.items() if name != "b3"}
    with pytest.raises(ModelError, match="has no array 'b3'"):
        load(write(tmp_path, **without))
    with pytest.raises(ModelError, match="must hold W1, b1"):
        load(write(tmp_path))


def test_truncated_and_garbled_archives(tmp_path):
    path = write(tmp_path, **GOOD)
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    for attempt in range(60):
        noisy = bytearray(data if attempt % 2 else data[: attempt * len(data) // 60])
        for place in rng.integers(0, max(len(noisy), 1), 4 if len(noisy) else 0):
            noisy[place] = rng.integers(256)
        path.write_bytes(bytes(noisy))
        if attempt % 2:
            try:
                load(path)
            except ModelError:
                continue
        else:
            with pytest.raises(ModelError, match=r"model\.npz"):
                load(path)
    with path.open("wb") as stream:
        np.save(stream, np.ones((2, 2)))
    with pytest.raises(ModelError, match=r"model\.npz is a single array"):
        load(path)
    for garbage in (b"not an archive", bytes([7, 9, 200] * 300)):
        path.write_bytes(garbage)
        with pytest.raises(ModelError, match=r"cannot read model\.npz") as caught:
            load(path)
        assert "allow_pickle" not in str(caught.value)


# -- scikit-learn ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sklearn():
    return pytest.importorskip("sklearn.neural_network")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_gives_its_logits(sklearn, classes):
    x = np.random.default_rng(2).normal(size=(60, 4))
    y = (x[:, 0] > 0).astype(int) if classes == 2 else np.digitize(x[:, 0], [-0.5, 0.5])
    model = sklearn.MLPClassifier((5, 3), max_iter=5, random_state=0).fit(x, y)
    network = load(model)
    assert (network.inputs, network.widths) == (4, (5, 3))
    logits = network.evaluate(x)
    if classes == 2:
        probability = 1 / (1 + np.exp(-logits))
        assert np.allclose(probability[:, 0], model.predict_proba(x)[:, 1])
    else:
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert np.allclose(shares, model.predict_proba(x))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_a_regressor_is_its_predictions(sklearn, activation):
    x = np.random.default_rng(3).normal(size=(60, 3))
    model = sklearn.MLPRegressor(
        hidden_layer_sizes=(4, 4), activation=activation, max_iter=5, random_state=0
    )
    network = load(model.fit(x, x @ np.ones((3, 2))))
    assert network.widths == ((4, 4) if activation == "relu" else ())
    assert np.allclose(network.evaluate(x), model.predict(x))
    assert network.origin is not None
    assert network.origin.format == "scikit-learn MLPRegressor"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_that_cannot_be_read(sklearn):
    x = np.random.default_rng(4).normal(size=(30, 3))
    smooth = sklearn.MLPRegressor(
        hidden_layer_sizes=(4,), activation="tanh", max_iter=5, random_state=0
    )
    with pytest.raises(UnsupportedLayer, match="activation='tanh'"):
        load(smooth.fit(x, x[:, 0]))
    with pytest.raises(ModelError, match="not fitted"):
        load(sklearn.MLPClassifier())
    with pytest.raises(ModelError, match="got BernoulliRBM"):
        load(sklearn.BernoulliRBM())
