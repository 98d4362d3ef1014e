"""A multi-exit network that really stops: samples that are sure enough leave, the rest goes on in a smaller batch."""

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from s2dnas.arrays import FloatArray
from s2dnas.errors import SettingsError
from s2dnas.exits import ExitRule, as_scoring
from s2dnas.network.answers import Answers
from s2dnas.network.multi_exit import MultiExitNet

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
        if rule.num_stages != self.num_stages:
            raise SettingsError(
                f"the rule has {rule.num_stages} stages, the network {self.num_stages}; calibrate it again"
            )
        training = self.training
        self.eval()
        try:
            with torch.inference_mode():
                return self._stopping(images, rule)
        finally:
            self.train(training)

    def _stopping(self, images: Tensor, rule: ExitRule) -> Answers:
        count, device, dtype = len(images), images.device, images.dtype
        labels, stages, scores = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count)
        scoring, active = as_scoring(rule.confidence), np.arange(count)
        seen: list[FloatArray] = []
        carry: Carry = ()
        for index in range(self.num_stages):
            if len(active) == 0:
                break
            logits, carry = self.stage(index, images, carry)
            seen.append(logits.double().cpu().numpy())
            sure, answers = scoring.answer(np.stack(seen))
            leaving = rule.leaves(sure, index)
            labels[active[leaving]], stages[active[leaving]] = answers[leaving], index
            scores[active[leaving]] = sure[leaving]
            staying = torch.from_numpy(np.flatnonzero(~leaving)).to(device)
            images, carry = images[staying], tuple(tensor[staying] for tensor in carry)
            seen, active = [earlier[~leaving] for earlier in seen], active[~leaving]
        macs = torch.tensor(self.macs, dtype=torch.float64)[torch.from_numpy(stages)]
        return Answers(
            labels=torch.from_numpy(labels).to(device),
            stages=torch.from_numpy(stages).to(device),
            scores=torch.from_numpy(scores).to(device, dtype),
            macs=macs.to(device),
        )
