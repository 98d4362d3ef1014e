"""The features of a network while it runs: what its layers with weights read, before dropout."""

from dataclasses import dataclass, field

from torch import Tensor, fx

from s2dnas.graph.calls import operand
from s2dnas.graph.channels import ChannelGraph
from s2dnas.masked.stagewise import Read


@dataclass(frozen=True, eq=False)
class Features:
    """What the mixing layers of the body read in one pass, by the names of the values: an ``observer`` for ``Mode``.

    Where they read what dropout left, it is what was there before. The image is not noted, nor what each stage has its
    own version of.
    """

    graph: ChannelGraph
    noted: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, stage: int | None, node: fx.Node, read: Read) -> None:
        """Note what a call reads, if that is a feature."""
        if stage is None and node.name in self.graph.feature_readers:
            source = operand(node)
            if source.op != "placeholder" and isinstance(value := read(source), Tensor):
                self.noted[source.name] = value
