"""Tensors that a stage makes are made where its images are, wherever the network was captured."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate


def device_of(x: Tensor) -> torch.device:
    """The device of a value of the graph."""
    return x.device


def with_device(arguments: Any, device: Callable[[], fx.Node]) -> Any:
    """Arguments with each device in them replaced by what ``device`` gives."""
    return map_aggregate(arguments, lambda value: device() if isinstance(value, torch.device) else value)
