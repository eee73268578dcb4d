"""Pictures of graphs: the compiler's, with control flow, and TensorFlow 1's."""

import numpy as np
import pytest

from epochal import tensor
from epochal.errors import ArgumentError
from epochal.ir import tensor_type
from epochal.tensor import functions as F
from epochal.tf.compat import v1 as tf
from epochal.visualization import graph_picture, svg


def rows(box, label):
    return [text for name, text in box.rows if name == label]


def test_a_program_names_arguments_results_and_scalars():
    traced = tensor.trace(lambda x: F.sum(F.exp(x) * 0.5, axis=1), tensor_type("float32", (2, 4)))
    picture = graph_picture(traced.program, "traced")
    titles = {box.title: box for box in picture.boxes}
    assert set(titles) == {"input", "exp", "mul", "sum"}
    assert rows(titles["mul"], "operand 2") == ["0.5"]
    assert rows(titles["sum"], "axes") == ["(1,)"]
    assert rows(titles["sum"], "type") == ["float32[2]"]
    assert len(rows(titles["sum"], "result")) == 1
    assert len(picture.arrows) == 3
    assert "float32[2,4]" in svg(picture)


def test_types_may_be_left_out():
    traced = tensor.trace(lambda x: F.exp(x), tensor_type("float32", (2,)))
    picture = graph_picture(traced.program.graph, show_types=False, direction="LR")
    assert not [row for box in picture.boxes for row in box.rows if row[0] == "type"]
    assert picture.direction == "LR"


def test_control_flow_holds_its_graphs():
    def body(c, a):
        c = F.tanh(c + a)
        return c, c * 2.0

    traced = tensor.trace(lambda x: F.scan(body, F.zeros((3,)), x), tensor_type("float32", (5, 3)))
    (scan,) = [box for box in graph_picture(traced.program).boxes if box.title == "scan"]
    (inside,) = scan.inside
    assert inside.title == "body"
    assert {"add", "tanh", "mul"} <= {box.title for box in inside.boxes}
    assert rows(scan, "length") == ["5"]


def test_constants_show_their_first_elements():
    traced = tensor.trace(
        lambda x: x + tensor.constant(np.arange(12.0, dtype="float32")), tensor_type("float32", (12,))
    )
    (box,) = [box for box in graph_picture(traced.program).boxes if box.title == "constant"]
    assert rows(box, "value") == ["[0, 1, 2, 3, 4, 5, …]"]


def test_a_tensorflow_graph_has_its_names_and_its_order():
    graph = tf.Graph()
    with graph.as_default():
        x = tf.placeholder(tf.float32, [None, 2], name="x")
        weights = tf.Variable(tf.zeros([2, 1]), name="weights")
        tf.matmul(x, weights, name="y")
        tf.group(weights.initializer, name="start")
    picture = graph_picture(graph)
    boxes = {box.name: box for box in picture.boxes}
    assert boxes["x"].title == "Placeholder"
    assert boxes["y"].title == "MatMul"
    assert boxes["start"].title == "NoOp"
    ends = {(arrow.source, arrow.target) for arrow in picture.arrows}
    assert (boxes["x"].key, boxes["y"].key) in ends
    assert (boxes["weights/Assign"].key, "start") in ends


def test_what_is_no_graph():
    with pytest.raises(ArgumentError, match="Expected a graph to draw"):
        graph_picture(3)
