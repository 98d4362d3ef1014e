"""Random draws of libraries that know only the global generator of PyTorch, made to follow another one."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """A context in which the global CPU generator is seeded by one draw from ``generator``; restored at its end.

    kornia draws on the CPU, whatever the device of the images.
    """
    seed = int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
