"""A network and an exit rule made fast: flat stages with batch norms folded, routed on the device of the images."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from s2dnas.errors import DataError
from s2dnas.exits import ExitRule
from s2dnas.network.answers import Answers
from s2dnas.network.routing import Held, routing
from s2dnas.staged.build import MultiStageNet
from s2dnas.staged.flat import stage_modules
from s2dnas.staged.lean import LeanStage
from s2dnas.values import IMAGE, needed_later


class Runner(nn.Module):
    """Answers as ``network.predict(images, rule)`` does, but for rounding, in less time: for inference alone.

    Weights are copies. It is moved, converted and copied as any module is, for example to
    ``memory_format=torch.channels_last``, and stays in eval mode. ``rule`` may be exchanged between calls.
    Raises SettingsError if the rule is made for another number of stages, or the network's stages were exchanged.
    """

    def __init__(self, network: MultiStageNet, rule: ExitRule) -> None:
        super().__init__()
        stages = [LeanStage(flat) for flat in stage_modules(network, fold=True)]
        self.stages = nn.ModuleList(stages)
        self.rule, self.macs, self._image_shape = rule, network.macs, network.info.image_shape
        known = [(IMAGE, *stage.outputs) for stage in stages]
        self._held = ((IMAGE,), *needed_later([stage.inputs for stage in stages], known))
        self.register_buffer("_like", next(network.parameters()).detach().new_empty(0), persistent=False)
        routing(self._run, rule, self.macs)
        self.eval()

    def forward(self, images: Tensor) -> Answers:
        """Answer images (N, C, H, W), normalised as in training; a stage runs only on the samples that reach it.

        Raises DataError for images of another shape, type or device.
        """
        self._refuse_unfit(images)
        with torch.inference_mode():
            return routing(self._run, self.rule, self.macs)(images)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile every stage, with the arguments of ``torch.compile``; routing stays as it is.

        A stage is compiled when it first runs, and again for the first batches of other sizes. Copies are not compiled.
        """
        for stage in self.stages:
            stage.compile(*args, **kwargs)

    def train(self, mode: bool = True) -> "Runner":  # noqa: ARG002
        """Stay in eval mode: batch norms are folded."""
        return super().train(False)

    def _run(self, index: int, held: Held) -> tuple[Tensor, Held]:
        stage = cast(LeanStage, self.stages[index])
        known = dict(zip(self._held[index], held, strict=True))
        outputs: tuple[Tensor, ...] = stage(*[known[name] for name in stage.inputs])
        known.update(zip(stage.outputs, outputs, strict=True))
        return outputs[0], tuple([known[name] for name in self._held[index + 1]])

    def _refuse_unfit(self, images: Tensor) -> None:
        like = self._like
        if images.shape[1:] != self._image_shape or images.dtype != like.dtype or images.device != like.device:
            shape = ", ".join(map(str, self._image_shape))
            raise DataError(
                f"images must be {like.dtype} (N, {shape}) on {like.device}, normalised as in training, not "
                f"{images.dtype} {tuple(images.shape)} on {images.device}; move and convert images or runner with to()"
            )
