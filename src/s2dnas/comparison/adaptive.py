"""Methods of one exit that decide for each sample what to compute: LCCL, BlockDrop.

Their training lowers the cost as well, so no epoch is the best by accuracy alone: the last one is taken.
"""

from dataclasses import replace

from s2dnas.baselines.blockdrop import blockdrop
from s2dnas.baselines.blockdrop_training import CurriculumLoss, FinetuningLoss
from s2dnas.baselines.lccl import lccl
from s2dnas.comparison.evaluated import adaptive_result
from s2dnas.comparison.measured import MethodResult
from s2dnas.comparison.method_settings import MethodSettings
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import fit_step
from s2dnas.training.label_loss import LabelLoss


def measure_lccl(run: Run, settings: MethodSettings) -> MethodResult:
    """The result of gates beside convolutions, trained from fresh weights. Raises ModelError without a ResNet."""
    with run.seeds.drawing("lccl"):
        net = lccl(run.statics.trained, settings.lccl, run.feed.image_shape)
    loss = LabelLoss(run.settings.loss.label_smoothing)
    fit_step(run, "lccl", net, run.settings.from_scratch, loss, fresh=True)
    return adaptive_result(run, settings, net, "lccl")


def measure_blockdrop(run: Run, settings: MethodSettings) -> MethodResult:
    """The result of a policy that drops blocks: half of the epochs go to its curriculum, half to its finetuning.

    Raises ModelError without a ResNet.
    """
    with run.seeds.drawing("blockdrop"):
        net = blockdrop(run.statics.trained, run.feed.image_shape)
    continued, rate = run.settings.continued, settings.blockdrop_rate
    first = replace(continued, epochs=continued.epochs // 2, optimizer="adamw", learning_rate=rate)
    second = replace(first, epochs=continued.epochs - first.epochs, learning_rate=rate / 10)
    net.base.requires_grad_(False)
    fit_step(run, "blockdrop-policy", net, first, CurriculumLoss(settings.blockdrop), fresh=False)
    net.base.requires_grad_(True)
    fit_step(run, "blockdrop", net, second, FinetuningLoss(settings.blockdrop), fresh=False)
    return adaptive_result(run, settings, net, "blockdrop-policy", "blockdrop")
