"""The features of a network while it runs: what its layers with weights read."""

from dataclasses import dataclass, field

from torch import Tensor, fx

from s2dnas.graph.calls import operand
from s2dnas.graph.channels import ChannelGraph
from s2dnas.masked.stagewise import Read


@dataclass(frozen=True, eq=False)
class Features:
    """Notes, before every call of a mixing layer of the body, what it reads: give it to a network as ``before``.

    The image is not noted, nor what each stage has its own version of.
    """

    graph: ChannelGraph
    noted: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, stage: int | None, node: fx.Node, read: Read) -> None:
        """Note one value by its name, once."""
        if stage is None and node.name in self.graph.layer_of:
            source = operand(node)
            if source.op != "placeholder" and isinstance(value := read(source), Tensor):
                self.noted[source.name] = value

    def take(self) -> dict[str, Tensor]:
        """What was noted since the last time, by the names of the values."""
        taken = dict(self.noted)
        self.noted.clear()
        return taken
