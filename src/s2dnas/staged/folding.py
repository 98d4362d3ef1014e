"""Batch norms that only scale and shift what a convolution gives become part of it."""

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def fold_norms(root: nn.Module, graph: fx.Graph) -> None:
    """Fold every batch norm, in eval mode, whose operand is a convolution that nothing else reads or calls."""
    modules = dict(root.named_modules())
    calls = [node for node in graph.nodes if node.op == "call_module"]
    for node in calls:
        source = node.args[0]
        norm = modules[str(node.target)]
        if not (isinstance(norm, _NORMS) and isinstance(source, fx.Node) and source.op == "call_module"):
            continue
        convolution, path = modules[str(source.target)], str(source.target)
        once = [call.target for call in calls].count(path) == 1 and len(source.users) == 1
        if isinstance(convolution, _CONVOLUTIONS) and once:
            owner, _, leaf = path.rpartition(".")
            root.get_submodule(owner).add_module(leaf, fuse_conv_bn_eval(convolution, norm))
            node.replace_all_uses_with(source)
            graph.erase_node(node)
