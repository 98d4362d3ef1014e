"""Really run stage by stage: samples that are sure enough leave, the rest goes on in a smaller batch."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from s2dnas.errors import SettingsError
from s2dnas.exits import ExitRule, as_scoring
from s2dnas.network.multi_exit import Carry, StagedNet


def predict(net: StagedNet, rule: ExitRule, images: Tensor) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Predictions (N,) and the stage, from 0, that each came from (N,), for images (N, C, H, W).

    A stage runs only on the samples that reach it, and not at all when there are none.
    Raises SettingsError if the rule is made for another number of stages.
    """
    if rule.num_stages != net.num_stages:
        raise SettingsError(f"the rule has {rule.num_stages} stages, the network {net.num_stages}; calibrate it again")
    scoring = as_scoring(rule.confidence)
    seen: list[npt.NDArray[np.float64]] = []
    predictions = np.zeros(len(images), dtype=np.int64)
    stages = np.zeros(len(images), dtype=np.int64)
    active = np.arange(len(images))
    carry: Carry = ()
    net.eval()
    with torch.inference_mode():
        for index in range(net.num_stages):
            if len(active) == 0:
                break
            logits, carry = net.stage(index, images, carry)
            seen.append(logits.double().cpu().numpy())
            scores, answers = scoring.answer(np.stack(seen))
            leaving = rule.leaves(scores, index)
            predictions[active[leaving]] = answers[leaving]
            stages[active[leaving]] = index
            staying = torch.from_numpy(np.flatnonzero(~leaving)).to(images.device)
            images, carry = images[staying], tuple(tensor[staying] for tensor in carry)
            seen = [earlier[~leaving] for earlier in seen]
            active = active[~leaving]
    return predictions, stages
