"""Really run stage by stage: samples that are sure enough leave, the rest goes on in a smaller batch."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from s2dnas.arrays import FloatArray
from s2dnas.errors import SettingsError
from s2dnas.exits import ExitRule, as_scoring
from s2dnas.network.answers import Answers
from s2dnas.network.multi_exit import Carry, StagedNet


def predict(net: StagedNet, rule: ExitRule, images: Tensor) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The labels (N,) and stages (N,) of ``answers``."""
    found = answers(net, rule, images)
    return found.labels.cpu().numpy(), found.stages.cpu().numpy()


def answers(net: StagedNet, rule: ExitRule, images: Tensor) -> Answers:
    """What the network answers for images (N, C, H, W), and where each answer came from.

    A stage runs only on the samples that reach it, and not at all when there are none.
    Raises SettingsError if the rule is made for another number of stages.
    """
    if rule.num_stages != net.num_stages:
        raise SettingsError(f"the rule has {rule.num_stages} stages, the network {net.num_stages}; calibrate it again")
    scoring, count, device, dtype = as_scoring(rule.confidence), len(images), images.device, images.dtype
    labels, stages, scores = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count)
    active = np.arange(count)
    seen: list[FloatArray] = []
    carry: Carry = ()
    net.eval()
    with torch.inference_mode():
        for index in range(net.num_stages):
            if len(active) == 0:
                break
            logits, carry = net.stage(index, images, carry)
            seen.append(logits.double().cpu().numpy())
            sure, given = scoring.answer(np.stack(seen))
            leaving = rule.leaves(sure, index)
            labels[active[leaving]], stages[active[leaving]] = given[leaving], index
            scores[active[leaving]] = sure[leaving]
            staying = torch.from_numpy(np.flatnonzero(~leaving)).to(device)
            images, carry = images[staying], tuple(tensor[staying] for tensor in carry)
            seen, active = [earlier[~leaving] for earlier in seen], active[~leaving]
    macs = torch.tensor(net.macs, dtype=torch.float64)[torch.from_numpy(stages)]
    parts = (torch.from_numpy(labels), torch.from_numpy(stages), torch.from_numpy(scores).to(dtype), macs)
    return Answers(*(part.to(device) for part in parts))
