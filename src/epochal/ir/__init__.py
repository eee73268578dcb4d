"""The intermediate representation: types, operators, nodes, graphs and programs."""

from epochal.ir.build import (
    Builder,
    broadcast_shapes,
    current_origin,
    make_input,
    origin,
    reset_origin,
    set_origin,
    with_inputs,
)
from epochal.ir.graph import NOWHERE, Graph, Node, Origin, Value, topological
from epochal.ir.key import graph_key, parameter_key
from epochal.ir.operator import TRAITS, Array, Build, Operator, Parameters, Sample
from epochal.ir.program import Program
from epochal.ir.types import Dimension, Shape, Symbol, TensorType, is_static, tensor_type

__all__ = [
    "NOWHERE",
    "TRAITS",
    "Array",
    "Build",
    "Builder",
    "Dimension",
    "Graph",
    "Node",
    "Operator",
    "Origin",
    "Parameters",
    "Program",
    "Sample",
    "Shape",
    "Symbol",
    "TensorType",
    "Value",
    "broadcast_shapes",
    "current_origin",
    "graph_key",
    "is_static",
    "make_input",
    "origin",
    "parameter_key",
    "reset_origin",
    "set_origin",
    "tensor_type",
    "topological",
    "with_inputs",
]
