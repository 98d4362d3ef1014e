"""A multi-exit network that really stops: samples that are sure enough leave, the rest goes on in a smaller batch."""

from abc import abstractmethod

import torch
from torch import Tensor

from s2dnas.exits import ExitRule
from s2dnas.network.answers import Answers
from s2dnas.network.multi_exit import MultiExitNet
from s2dnas.network.routing import Held, routing

Carry = tuple[Tensor, ...]


class StagedNet(MultiExitNet):
    """A multi-exit network that can stop: its stages run one after the other, later ones on fewer samples."""

    @abstractmethod
    def stage(self, index: int, x: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        """Run one stage, counted from 0, on images (N, C, H, W) and the features that earlier stages handed on.

        Gives logits (N, K) and the carry for the next stage: tensors with the samples along their first axis. The
        first stage takes an empty carry.
        """

    def predict(self, images: Tensor, rule: ExitRule) -> Answers:
        """Answer images (N, C, H, W), normalised as in training; a stage runs only on the samples that reach it.

        The network is in eval mode meanwhile. Raises SettingsError if the rule is made for another number of stages.
        """
        routed = routing(self._run, rule, self.macs)
        training = self.training
        self.eval()
        try:
            with torch.inference_mode():
                return routed(images)
        finally:
            self.train(training)

    def _run(self, index: int, held: Held) -> tuple[Tensor, Held]:
        images, *carry = held
        logits, handed_on = self.stage(index, images, tuple(carry))
        return logits, (images, *handed_on)
