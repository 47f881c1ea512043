"""What the exported graph is made of: its operations, its seeds and its weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from tfp_insects.runs.reading import open_run

Get = Callable[[str], Path]


def graph_nodes(version: Path) -> tuple[list[Any], list[Any]]:
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((version / "saved_model.pb").read_bytes())
    (meta_graph,) = saved.meta_graphs
    functions = list(meta_graph.graph_def.library.function)
    nodes = [*meta_graph.graph_def.node, *(node for function in functions for node in function.node_def)]
    return nodes, functions


def test_the_graph_is_made_of_tensorflows_own_operations(model_name: str, version_of: Get) -> None:
    nodes, functions = graph_nodes(version_of(model_name))
    operations = {node.op for node in nodes}
    names_of_functions = {function.signature.name for function in functions}
    assert {
        operation for operation in operations - names_of_functions if op_def_registry.get(operation) is None
    } == set()
    forbidden = ("PyFunc", "Xla", "Numpy", "Generator", "RngSkip", "RngRead")
    assert [operation for operation in operations if any(word in operation for word in forbidden)] == []
    for item in [*nodes, *functions]:
        assert not item.attr["_XlaMustCompile"].b
    if model_name != "cnn":
        assert "StatelessRandomNormalV2" in operations


def test_no_seed_is_stored(model_name: str, version_of: Get) -> None:
    nodes, _ = graph_nodes(version_of(model_name))
    stateful = [node for node in nodes if "Random" in node.op and "Stateless" not in node.op]
    assert {(node.op, node.attr["seed"].i, node.attr["seed2"].i) for node in stateful} == {("RandomUniformInt", 0, 0)}


def test_the_export_holds_its_weights_once_and_no_more(model_name: str, version_of: Get, run_of: Get) -> None:
    model = open_run(run_of(model_name)).build_model()
    kernels = [weight for weight in model.weights if weight.name.endswith(("kernel:0", "kernel_loc:0"))]
    biases = [weight for weight in model.weights if weight.name.endswith("bias:0")]
    # A scale for each weight of a convolution, and in the last layer a covariance that all its units share.
    random = [weight for weight in kernels if weight.name.endswith("kernel_loc:0") and weight.shape.rank == 4]
    random += [weight for weight in model.weights if weight.name.endswith("covariance_factor:0")]
    assert (len(kernels), len(biases), len(random) > 0) == (8, 8, model_name != "cnn")
    needed = 4 * sum(weight.shape.num_elements() for weight in [*kernels, *random, *biases])
    # Sums of a hidden layer's variances and squares, along rows and along columns.
    sums = 4 * 2 * sum(sum(weight.shape) for weight in kernels if weight.shape.rank == 2)
    version = version_of(model_name)
    held = sum(path.stat().st_size for path in (version / "variables").iterdir())
    assert needed <= held < needed + sums + 5_000
    rest = sum(path.stat().st_size for path in version.rglob("*") if path.is_file()) - held
    assert rest < 400_000  # The graph, whatever the width.
    saved = (version / "saved_model.pb").read_bytes()
    for word in (b"tf_keras", b"keras", b"prior", b"momentum", b"kl_weight"):
        assert word not in saved
