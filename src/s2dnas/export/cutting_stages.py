"""A quantised graph of all stages, cut into stages again.

Between two stages lies a QuantizeLinear and a DequantizeLinear. The giver keeps the first and the reader the second, so
what is carried is uint8, and all stages together compute bit for bit what the whole graph computes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from s2dnas.runtime.manifest import Manifest, ValueRecord
from s2dnas.runtime.whole_graph import WholeGraph, producers
from s2dnas.values import IMAGE

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, eq=False)
class CutGraphs:
    """A graph per stage, and what the ``values`` that they exchange are now."""

    stages: tuple["onnx.ModelProto", ...]
    values: Mapping[str, ValueRecord]


def cut_stages(whole: WholeGraph, quantised: "onnx.ModelProto", manifest: Manifest) -> CutGraphs:
    """Cut ``quantised``, which was made of ``whole``, where the stages of the float32 ``manifest`` are.

    A value is carried as uint8 if all that later stages read of it is quantised; otherwise it stays as it was.
    """
    cut = _Cut(whole.owners, quantised, manifest)
    return CutGraphs(tuple(map(cut.stage, range(len(manifest.stages)))), cut.values())


class _Cut:
    """``_quantisers`` holds, for each value that is carried as uint8, the node that makes it so.

    Such a value's name is then that of the uint8, so its float32, where a stage still has it, needs another one.
    """

    def __init__(self, owners: Mapping[str, int], quantised: "onnx.ModelProto", manifest: Manifest) -> None:
        self._owners, self._model, self._manifest = owners, quantised, manifest
        self._made_by = producers(quantised.graph.node)
        self._constants = {tensor.name: tensor for tensor in quantised.graph.initializer}
        self._quantisers = {name: node for name in manifest.values if (node := self._quantiser(name))}
        self._names = {name: f"{name}:float32" for name in self._quantisers}
        self._names |= {node.output[0]: name for name, node in self._quantisers.items()}

    def values(self) -> dict[str, ValueRecord]:
        """What stages exchange."""
        return {name: self._record(name) for name in self._manifest.values}

    def stage(self, index: int) -> "onnx.ModelProto":
        """The graph of one stage."""
        import onnx
        from onnx import helper

        file = self._manifest.stages[index]
        nodes = [self._renamed(node) for node in self._body(index)]
        read = {name for node in nodes for name in node.input}
        graph = helper.make_graph(
            nodes,
            f"stage{index + 1}",
            [self._described(name) for name in file.inputs],
            [*self._answers(index), *map(self._described, file.gives)],
            [tensor for name, tensor in self._constants.items() if name in read],
        )
        model = helper.make_model(graph, opset_imports=self._model.opset_import, ir_version=self._model.ir_version)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _quantiser(self, name: str) -> "onnx.NodeProto | None":
        """The node that all later readers of a value read it through, None if there is none."""
        readers = [node for node in self._model.graph.node if name in node.input]
        inserted = [node for node in readers if node.name not in self._owners]
        direct = {self._owners[node.name] for node in readers if node.name in self._owners}
        alone = direct <= {self._giver(name)} and len(inserted) == 1
        return inserted[0] if alone else None

    def _giver(self, name: str) -> int:
        return self._owners[self._made_by[name].name]

    def _body(self, index: int) -> Iterator["onnx.NodeProto"]:
        """The nodes of a stage, each after those that it reads."""
        known = {node.output[0] for name, node in self._quantisers.items() if self._giver(name) != index}
        for node in self._model.graph.node:
            if self._owners.get(node.name) == index:
                for name in node.input:
                    yield from self._inserted(name, known)
                yield node
        for name in self._manifest.stages[index].gives:
            if name in self._quantisers:
                yield from self._inserted(self._quantisers[name].output[0], known)

    def _inserted(self, name: str, known: set[str]) -> Iterator["onnx.NodeProto"]:
        """What the quantiser put before a tensor, as far as it is not ``known`` yet."""
        node = self._made_by.get(name)
        if node is None or node.name in self._owners or name in known:
            return
        known.add(name)
        for other in node.input:
            yield from self._inserted(other, known)
        yield node

    def _renamed(self, node: "onnx.NodeProto") -> "onnx.NodeProto":
        copy = type(node)()
        copy.CopyFrom(node)
        copy.input[:] = [self._names.get(name, name) for name in node.input]
        copy.output[:] = [self._names.get(name, name) for name in node.output]
        return copy

    def _answers(self, index: int) -> list["onnx.ValueInfoProto"]:
        return [value for value in self._model.graph.output if self._giver(value.name) == index]

    def _described(self, name: str) -> "onnx.ValueInfoProto":
        import onnx

        if name == IMAGE:
            image: onnx.ValueInfoProto = self._model.graph.input[0]
            return image
        record = self._record(name)
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(record.dtype))
        return onnx.helper.make_tensor_value_info(name, kind, ["batch", *record.shape])

    def _record(self, name: str) -> ValueRecord:
        record = self._manifest.values[name]
        if name not in self._quantisers:
            return record
        scale, zero_point = (self._number(other) for other in self._quantisers[name].input[1:])
        return ValueRecord(shape=record.shape, dtype="uint8", scale=scale, zero_point=int(zero_point))

    def _number(self, name: str) -> float:
        from onnx import numpy_helper

        return float(numpy_helper.to_array(self._constants[name]).item())
