"""Serves a bundle to other programs: requests join into batches, and under load answers get cheaper before late."""

from s2dnas.serving.batcher import Batcher
from s2dnas.serving.limits import ServingLimits
from s2dnas.serving.served import ServedAnswers

__all__ = ["Batcher", "ServedAnswers", "ServingLimits"]
