"""`repr` of everything public in nn."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import data, nn
from stn_numba.nn.training.reports.history import Epoch
from tests._util import parsed_html


class Own(nn.Layer):
    """A custom layer."""

    def forward(self, x, rng=None):
        return x, lambda dy, *, input_gradient=True: (dy, {})


LAYERS = {
    "Dense(units=3)": nn.Dense(3),
    "Conv2d(filters=4, kernel_size=5, stride=2, padding=1)": nn.Conv2d(4, 5, stride=2, padding=1),
    "MaxPool(size=2)": nn.MaxPool(),
    "AvgPool(size=3)": nn.AvgPool(3),
    "Dropout(rate=0.5)": nn.Dropout(0.5),
    "ReLU()": nn.ReLU(),
    "Flatten()": nn.Flatten(),
    "Own()": Own(),
    "Chain(Flatten(), Own(), Dense(units=2))": nn.Chain(nn.Flatten(), Own(), nn.Dense(2)),
    "Parallel(Dense(units=2), Chain())": nn.Parallel(nn.Dense(2), nn.Chain()),
    "SpatialTransformer(Flatten(), 'affine')": nn.SpatialTransformer(nn.Flatten()),
    "SpatialTransformer(Flatten(), 'tps', shape=(4, 4), options={'control_points': [2, 3]}, padding='border')":
        nn.SpatialTransformer(nn.Flatten(), "tps", (4, 4), options={"control_points": [2, 3]}, padding="border"),
    "SpatialTransformer(ReLU(), 'affine', align_corners=False)": nn.SpatialTransformer(nn.ReLU(), align_corners=False),
    "SpatialTransformer(Flatten(), 'affine', initial=[0.5, 0.0, 0.0, 0.0, 0.5, 0.0])":
        nn.SpatialTransformer(nn.Flatten(), initial=[0.5, 0, 0, 0, 0.5, 0]),
    "RandomWarp('affine', spread=0.1)": data.RandomWarp(),
    "RandomWarp('affine', spread=[0.0, 0.0, 0.1, 0.0, 0.0, 0.1], shape=(4, 4), padding='wrap')":
        data.RandomWarp("affine", [0, 0, 0.1, 0, 0, 0.1], shape=(4, 4), padding="wrap"),
    "EarlyStopping(3, 'loss', min_delta=0.5)": nn.EarlyStopping(3, "loss", min_delta=0.5),
    "Adam(beta1=0.9, beta2=0.999, epsilon=1e-08)": nn.Adam(),
    "SGD(momentum=0.5, nesterov=True)": nn.SGD(0.5, nesterov=True),
    "Muon(momentum=0.95, adam=Adam(beta1=0.9, beta2=0.999, epsilon=1e-08))": nn.Muon(),
    "History(0 epochs)": nn.History(),
    "History(2 epochs, the last: loss 0.5000, error 25.00%)":
        nn.History([Epoch(n, 0.5, 0.25, None, None, 1.0, 1.0) for n in (1, 2)]),
}  # fmt: skip


@pytest.mark.parametrize("text", LAYERS)
def test_repr_is_the_expression_that_makes_it(text):
    assert repr(LAYERS[text]) == text


@pytest.mark.parametrize("kind", [nn.CSVLog, nn.JSONLinesLog])
def test_repr_of_a_log_shows_its_path(kind, tmp_path):
    assert repr(kind(tmp_path / "log")) == f"{kind.__name__}({str(tmp_path / 'log')!r})"


def test_repr_of_a_tensorboard_log_shows_its_path(tmp_path):
    pytest.importorskip("tensorboardX")
    assert repr(nn.TensorBoardLog(tmp_path)) == f"TensorBoardLog({str(tmp_path)!r})"


def rows(model):
    return [line.split() for line in repr(model).splitlines()]


def test_repr_of_a_model_is_a_table_of_its_layers():
    model = stn.models.st_fcn((8, 8, 1), 3, units=4, localisation_units=2, shape=(6, 5))
    text = repr(model)
    assert text.splitlines()[0] == f"Classifier of images (8, 8, 1) into 3 classes: {model.n_params:,} parameters of float32"
    table = rows(model)
    assert ["spatialtransformer1", "SpatialTransformer,", "affine", "(6,", "5,", "1)"] in table
    assert ["spatialtransformer1.localisation.dense1", "Dense(units=2)", "(2,)", "130"] in table
    assert ["spatialtransformer1.localisation.theta", "Dense(units=6)", "(6,)", "18"] in table
    assert ["dense1", "Dense(units=4)", "(4,)", "124"] in table
    named = {name.rpartition(".")[0] for name in model.params}
    assert named <= {row[0] for row in table}


@pytest.mark.parametrize("make", [stn.models.cnn, stn.models.tutorial, stn.models.two_st_fcn])
def test_the_table_adds_up_to_all_parameters_and_shapes(make):
    model = make()
    counts = [int(row[-1].replace(",", "")) for row in rows(model)[2:] if not row[-1].endswith(")")]
    assert sum(counts) == model.n_params
    outputs = {name: output for name, _, output in model.network.trace(np.zeros((1, *model.input_shape), np.float32))}
    for name, output in outputs.items():
        (line,) = (line for line in repr(model).splitlines() if line.split()[0] == name)
        assert str(output.shape[1:]) in line


def test_unknown_shapes_are_shown_as_question_marks():
    model = stn.models.fcn((8, 8, 1), 3, units=4)
    del model.network._sizes  # as in models pickled by older versions
    assert " ? " in repr(model)


def test_html_of_a_model_is_the_same_table():
    model = stn.models.st_cnn(shape=(24, 24))
    text = model._repr_html_()
    found = parsed_html.rows(text)
    assert found[0] == ["layer", "kind", "output", "parameters"]
    assert [" ".join(" ".join(row).split()) for row in found] == [" ".join(row) for row in rows(model)[1:]]
    assert parsed_html.all_text(text).startswith(repr(model).splitlines()[0])


def test_html_of_names_and_options_is_escaped():
    class Odd(Own):
        def config(self):
            return {"option": "<b>&"}

    model = nn.Model(nn.Chain(nn.Flatten(), Odd()), (2, 2, 1))
    assert "<b>" not in model._repr_html_()
    assert "Odd(option='<b>&')" in parsed_html.all_text(model._repr_html_())


def test_html_of_a_history_has_curves_and_all_epochs():
    epochs = [Epoch(n, 1 / n, 0.5 / n, 2 / n, None, 10.0 * n, 1e-3) for n in (1, 2, 3)]
    text = nn.History(epochs)._repr_html_()
    assert parsed_html.all_text(text).startswith("History(3 epochs, the last: loss 0.3333, error 16.67%")
    assert text.count("<polyline") == 4
    found = parsed_html.rows(text)
    assert found[0][:3] == ["epoch", "loss", "error"]
    assert found[2] == ["2", "0.5", "0.25", "1", "", "20", "0.001", "1"]


def test_html_of_no_epochs_and_of_losses_alone():
    assert parsed_html.all_text(nn.History()._repr_html_()) == "History(0 epochs)"
    text = nn.History([Epoch(1, np.nan, None, None, None, 1.0, 1.0)])._repr_html_()
    assert "<svg" not in text
    assert parsed_html.rows(text)[1][1] == "nan"
