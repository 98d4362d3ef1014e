"""Weights are put onto the network that they belong to alone: its fingerprint is part of the state dict."""

import torch
from torch import Tensor

from s2dnas.errors import ArtifactError

EXTRA_STATE = "_extra_state"
"""How PyTorch calls, at the end of its key, what a module adds to a state dict."""


def fingerprint_state(fingerprint: str) -> Tensor:
    """A fingerprint as a tensor, uint8, which a state dict and a safetensors file can hold."""
    return torch.tensor(list(fingerprint.encode("ascii")), dtype=torch.uint8)


def refuse_other_network(own: Tensor, given: object) -> None:
    """Raise ArtifactError unless both are the same fingerprint, as ``fingerprint_state`` makes it."""
    here, there = _text(own), _text(given)
    if here == there:
        return
    (plan, order), (other_plan, other_order) = here.split("-"), there.split("-")
    what = "plan" if plan != other_plan else "order of units"
    raise ArtifactError(
        f"the weights belong to a network of another {what}: theirs is plan {other_plan} with units in order "
        f"{other_order}, this one plan {plan} with units in order {order}; make the network of that plan from the "
        "static weights that it was made from before, or load the folder that s2dnas saved it to"
    )


def _text(state: object) -> str:
    if isinstance(state, Tensor) and state.dtype == torch.uint8:
        text = bytes(state.flatten().tolist()).decode("ascii", errors="replace")
        if text.count("-") == 1:
            return text
    raise ArtifactError("the weights hold no fingerprint of a network of s2dnas; give a state dict of such a network")
