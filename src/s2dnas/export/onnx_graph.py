"""A module as an ONNX graph for any number of samples, written in silence."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from s2dnas.errors import ModelError
from s2dnas.extras import require_extra
from s2dnas.graph.calls import failure

if TYPE_CHECKING:
    import onnx

OPSET = 20


def onnx_graph(
    module: nn.Module,
    example: Sequence[Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    traced: bool = False,
) -> "onnx.ModelProto":
    """The graph of a module from tensors, samples first, to tensors, by names.

    ``example`` are inputs of at least two samples. With ``traced`` it is made by PyTorch's older exporter, which takes
    a tenth of the time and is meant for graphs that are thrown away. Raises ModelError if PyTorch cannot export it,
    MissingExtraError without the libraries that it needs for that.
    """
    require_extra("export")
    import onnx

    write = _traced if traced else _exported
    try:
        with _quiet(), torch.no_grad(), TemporaryDirectory() as folder:
            path = Path(folder) / "graph.onnx"
            write(module, path, tuple(example), list(inputs), list(outputs))
            graph = onnx.load(path)
    except Exception as error:  # exporters raise what they like
        raise ModelError(
            f"PyTorch {torch.__version__} cannot export a stage to ONNX ({failure(error)}); "
            "s2dnas.stage_modules gives the stages for other exporters"
        ) from error
    onnx.checker.check_model(graph, full_check=True)
    return graph


def _exported(
    module: nn.Module, path: Path, example: tuple[Tensor, ...], inputs: list[str], outputs: list[str]
) -> None:
    batch = torch.export.Dim("batch")
    program = torch.onnx.export(
        module,
        example,
        dynamo=True,
        opset_version=OPSET,
        input_names=inputs,
        output_names=outputs,
        dynamic_shapes=(tuple({0: batch} for _ in example),),
        external_data=False,
        verbose=False,
    )
    assert program is not None
    program.save(path, external_data=False)


def _traced(module: nn.Module, path: Path, example: tuple[Tensor, ...], inputs: list[str], outputs: list[str]) -> None:
    torch.onnx.export(
        module,
        example,
        path,
        dynamo=False,
        opset_version=OPSET,
        input_names=inputs,
        output_names=outputs,
        dynamic_axes={name: {0: "batch"} for name in (*inputs, *outputs)},
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of what it lacks and of what it deprecates itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
