"""Nodes, constants and names."""

import numpy as np

from stn_numba.onnx.graph import Graph


def test_equal_nodes_and_constants_are_made_once():
    graph = Graph()
    assert graph.node("Add", "x", 1.0) == graph.node("Add", "x", np.float64(1))
    assert graph.node("Add", "x", 1.0) != graph.node("Add", "x", [1.0])
    assert graph.node("Concat", "x", "y", axis=1) != graph.node("Concat", "x", "y", axis=0)
    assert graph.constant([1, 2]) == graph.constant(np.array([1, 2], np.int32))
    assert graph.constant([1, 2], "one") != graph.constant([1, 2], "two")


def test_constants_have_the_dtypes_of_files():
    graph = Graph()
    values = {name: graph.constants[graph.constant(value)] for name, value in {
        "whole": [1, 2], "float": [0.5, np.nan, np.inf, -np.inf], "truth": [True],
    }.items()}  # fmt: skip
    assert {name: value.dtype for name, value in values.items()} == {"whole": np.int64, "float": np.float32, "truth": np.bool_}
    np.testing.assert_array_equal(values["float"], np.float32([0.5, np.nan, np.inf, -np.inf]))


def test_numbers_that_float32_cannot_hold_stay_finite_and_other_than_0():
    graph = Graph()
    found = graph.constants[graph.constant([1e300, -1e300, 1e-300, -1e-300, 0.0])]
    limits = np.finfo(np.float32)
    np.testing.assert_array_equal(found, [limits.max, -limits.max, limits.tiny, -limits.tiny, 0])


def test_moving_channels_there_and_back_takes_no_node():
    graph = Graph()
    last = graph.channels_last("x")
    assert graph.channels_first(last) == "x"
    assert graph.channels_first("features", 2) == graph.channels_last("features", 2) == "features"
    assert [node.attributes["perm"] for node in graph.nodes] == [[0, 2, 3, 1]]


def test_names_are_those_of_layers_and_differ():
    graph = Graph()
    graph.reserve(["Relu"])
    with graph.inside("chain1"), graph.inside("relu1"):
        assert graph.place == "chain1.relu1"
        names = [graph.node("Relu", "x"), graph.node("Relu", "y"), graph.constant(1.0, "weight")]
    assert names == ["chain1.relu1.Relu", "chain1.relu1.Relu_2", "chain1.relu1.weight"]
    assert graph.place == ""
    assert graph.node("Relu", "z") == "Relu_2"
