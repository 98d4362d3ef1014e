"""The cost of any plan in closed form, without building a module."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import FloatArray, IntArray
from s2dnas.graph.channels import ChannelGraph
from s2dnas.space.plan import Plan, stage_pairs


@dataclass(frozen=True, eq=False)
class CostModel:
    """Multiply-adds per stage as sums of products of widths.

    For L mixing layers, named ``layers``, and C ``couplings`` of ``sizes`` (C,) units: ``outputs`` and ``inputs``
    (L, C) hold channels per unit, ``whole_outputs`` and ``whole_inputs`` (L,) the channels that always stay in stage 1,
    ``per_weight`` (L,) the multiply-adds per pair of channels. ``every_output`` (L,) is how many outputs a layer of
    the tail has in every stage, ``every_input`` (L,) how many inputs each output of a grouped layer has; both are 0
    for other layers. ``readers`` holds, per layer, the positions of those that read it, L for the tail.
    ``first_stage`` and ``every_stage`` are the multiply-adds of convolutions and linear layers that are no mixing
    layers: those of the body are in stage 1, those of the tail in every stage.
    """

    layers: tuple[str, ...]
    couplings: tuple[str, ...]
    sizes: FloatArray
    outputs: FloatArray
    inputs: FloatArray
    whole_outputs: FloatArray
    whole_inputs: FloatArray
    per_weight: FloatArray
    every_output: FloatArray
    every_input: FloatArray
    readers: tuple[frozenset[int], ...]
    first_stage: float
    every_stage: float

    def macs(self, plan: Plan) -> FloatArray:
        """(S,) cumulative multiply-adds for one sample: entry j is the cost of a sample that leaves after stage j."""
        outputs, reads = self.channels(plan)
        grouped = self.every_input[:, None]
        per_stage = self.per_weight @ (outputs * np.where(grouped > 0, grouped, reads.sum(axis=2))) + self.every_stage
        per_stage[0] += self.first_stage
        return np.asarray(np.cumsum(per_stage))

    def channels(self, plan: Plan) -> tuple[FloatArray, FloatArray]:
        """Channels that each layer makes in each stage (L, S), and that stage j reads of stage i, (L, S, S) as [j, i].

        A grouped layer is said to read all that it may; each of its outputs reads ``every_input`` of them.
        """
        widths = self._widths(plan)
        outputs, inputs = self.outputs @ widths, self.inputs @ widths
        outputs[:, 0] += self.whole_outputs
        inputs[:, 0] += self.whole_inputs
        outputs = np.where(self.every_output[:, None] > 0, self.every_output[:, None], outputs)
        outputs[:, 1:] *= self._used(outputs)[:, None]
        return outputs, self._reads(plan) * inputs[:, None, :]

    def _used(self, outputs: FloatArray) -> npt.NDArray[np.bool_]:
        """(L,): whether a layer's channels of later stages reach the tail, at once or through later stages of others.

        Those that do not are in no stage: the plan divides the layer's outputs, but no layer that reads them.
        """
        tail = len(self.layers)
        used = [every > 0 or tail in readers for every, readers in zip(self.every_output, self.readers, strict=True)]
        divided = [later > 0 for later in outputs[:, 1:].sum(axis=1).tolist()]
        changed = True
        while changed:
            changed = False
            for layer in reversed(range(tail)):
                if not used[layer] and any(used[reader] and divided[reader] for reader in self.readers[layer]):
                    used[layer] = changed = True
        return np.array(used)

    def _widths(self, plan: Plan) -> FloatArray:
        """Units (C, S) per coupling and stage; a coupling that the plan does not divide is all in stage 1."""
        others = (0,) * (plan.num_stages - 1)
        rows = [plan.widths.get(name, (size, *others)) for name, size in zip(self.couplings, self.sizes, strict=True)]
        return np.array(rows, dtype=np.float64).reshape(len(rows), plan.num_stages)

    def _reads(self, plan: Plan) -> FloatArray:
        """(L, S, S): 1 where stage j (row) of a layer reads the features of stage i (column)."""
        pairs = stage_pairs(plan.num_stages)
        reads = np.tile(np.eye(plan.num_stages), (len(self.layers), 1, 1))
        if pairs:
            everything = (True,) * len(pairs)
            earlier, later = zip(*pairs, strict=True)
            in_tail = self.every_output > 0
            flags = [plan.indicators.get(name, everything) for name in self.layers]
            reads[:, later, earlier] = np.where(in_tail[:, None], True, np.array(flags, dtype=np.bool_))
        return reads


def cost_model(graph: ChannelGraph) -> CostModel:
    """The cost of every plan of an analysed network."""
    coupling_of = np.full(graph.num_units, -1, dtype=np.int64)
    for index, coupling in enumerate(graph.couplings):
        coupling_of[coupling.units] = index
    sizes = np.array([len(coupling.units) for coupling in graph.couplings], dtype=float)

    def count(units: IntArray) -> tuple[FloatArray, float]:
        """Channels per unit of each coupling, and channels of no coupling."""
        owners = coupling_of[units]
        return np.bincount(owners[owners >= 0], minlength=len(sizes)) / sizes, float((owners < 0).sum())

    outputs, whole_outputs = zip(*(count(layer.outputs) for layer in graph.mixing), strict=True)
    position = {node: index for index, layer in enumerate(graph.mixing) for node in layer.nodes}
    position |= dict.fromkeys(graph.tail, len(graph.mixing))
    inputs, whole_inputs = zip(*(count(layer.inputs) for layer in graph.mixing), strict=True)
    return CostModel(
        layers=tuple(layer.name for layer in graph.mixing),
        couplings=tuple(coupling.name for coupling in graph.couplings),
        sizes=sizes,
        outputs=np.stack(outputs),
        inputs=np.stack(inputs),
        whole_outputs=np.array(whole_outputs),
        whole_inputs=np.array(whole_inputs),
        per_weight=np.array([layer.macs_per_weight for layer in graph.mixing], dtype=float),
        every_output=np.array([len(layer.outputs) if layer.in_tail else 0 for layer in graph.mixing], dtype=float),
        every_input=np.array(
            [len(layer.inputs) // layer.groups if layer.groups > 1 else 0 for layer in graph.mixing], dtype=float
        ),
        readers=tuple(
            frozenset(position[reader] for node in layer.nodes for reader in graph.readers.get(node, ()))
            for layer in graph.mixing
        ),
        first_stage=float(sum(macs for node, macs in graph.whole_macs.items() if node not in graph.tail)),
        every_stage=float(sum(macs for node, macs in graph.whole_macs.items() if node in graph.tail)),
    )
