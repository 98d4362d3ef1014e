"""The loss of several exits, against the formula written out in NumPy."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.special import log_softmax
from torch import Tensor, nn

from s2dnas.errors import SettingsError
from s2dnas.training.feature_distillation import feature_distillation
from s2dnas.training.label_loss import LabelLoss
from s2dnas.training.loss_weights import LossWeights
from s2dnas.training.multi_exit_loss import multi_exit_loss

Array = npt.NDArray[np.float64]
STAGES, SAMPLES, CLASSES = 3, 5, 4


@pytest.fixture
def logits() -> Tensor:
    return 2 * torch.randn(STAGES, SAMPLES, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def teacher() -> Tensor:
    return 2 * torch.randn(SAMPLES, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def labels() -> Tensor:
    return torch.tensor([0, 3, 1, 2, 3])


def cross_entropies(logits: Tensor, labels: Tensor) -> Array:
    """Per stage (S,)."""
    chosen = log_softmax(logits.numpy(), -1)[:, np.arange(SAMPLES), labels.numpy()]
    return np.asarray(-chosen.mean(-1))


def divergences(logits: Tensor, teacher: Tensor, temperature: float) -> Array:
    """KL(teacher || stage) of softened probabilities, per stage (S,)."""
    student, target = (log_softmax(values.numpy() / temperature, -1) for values in (logits, teacher))
    return np.asarray((np.exp(target) * (target - student)).sum(-1).mean(-1))


def test_without_teacher_it_is_the_sum_of_the_cross_entropies(logits: Tensor, labels: Tensor) -> None:
    loss = multi_exit_loss(logits, labels, None, LossWeights(distillation=0.7))
    assert float(loss) == pytest.approx(cross_entropies(logits, labels).sum(), rel=1e-6)


def test_without_distillation_the_teacher_does_not_count(logits: Tensor, labels: Tensor, teacher: Tensor) -> None:
    loss = multi_exit_loss(logits, labels, teacher, LossWeights(distillation=0))
    assert float(loss) == pytest.approx(cross_entropies(logits, labels).sum(), rel=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_distillation_alone_is_the_softened_divergence(
    logits: Tensor, labels: Tensor, teacher: Tensor, temperature: float
) -> None:
    loss = multi_exit_loss(logits, labels, teacher, LossWeights(distillation=1, temperature=temperature))
    expected = temperature**2 * divergences(logits, teacher, temperature).sum()
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_alpha_weighs_the_stages(logits: Tensor, labels: Tensor, teacher: Tensor) -> None:
    alpha, share = np.array([0.5, 0.0, 2.0]), 0.25
    loss = multi_exit_loss(logits, labels, teacher, LossWeights(tuple(alpha), distillation=share, temperature=2))
    per_stage = (1 - share) * cross_entropies(logits, labels) + share * 4 * divergences(logits, teacher, 2)
    assert float(loss) == pytest.approx((alpha * per_stage).sum(), rel=1e-6)


def test_a_stage_of_no_weight_gets_no_gradient(logits: Tensor, labels: Tensor, teacher: Tensor) -> None:
    logits.requires_grad_()
    multi_exit_loss(logits, labels, teacher, LossWeights((1.0, 0.0, 1.0))).backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum((1, 2)).gt(0).tolist() == [True, False, True]


def test_a_student_that_equals_its_teacher_has_nothing_to_learn_from_it(labels: Tensor, teacher: Tensor) -> None:
    logits = teacher.expand(STAGES, -1, -1).clone().requires_grad_()
    loss = multi_exit_loss(logits, labels, teacher, LossWeights(distillation=1))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-12)
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("alpha", [(1.0, 1.0), (1.0, 1.0, 1.0, 1.0), (1.0, -1.0, 1.0), (0.0, 0.0, 0.0)])
def test_weights_that_fit_no_stages_are_refused(logits: Tensor, labels: Tensor, alpha: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match=r"alpha is .* for 3 stages; give 3 weights"):
        multi_exit_loss(logits, labels, None, LossWeights(alpha))


def test_earlier_stages_learn_from_the_last_one_which_does_not_learn_from_them(logits: Tensor, labels: Tensor) -> None:
    logits.requires_grad_()
    plain = multi_exit_loss(logits, labels, None, LossWeights())
    more = multi_exit_loss(logits, labels, None, LossWeights(from_last=0.6, temperature=2))
    expected = 0.6 * 4 * divergences(logits.detach()[:-1], logits.detach()[-1], 2).sum()
    assert float((more - plain).detach()) == pytest.approx(expected, rel=1e-6)
    (more - plain).backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum((1, 2)).gt(1e-9).tolist() == [True, True, False]


def test_samples_count_by_their_chance_to_get_to_a_stage(logits: Tensor, labels: Tensor) -> None:
    loss = multi_exit_loss(logits, labels, None, LossWeights(survivors=1))
    unsure = 1 - np.exp(log_softmax(logits.numpy(), -1)).max(-1)
    arriving = np.stack([np.ones(SAMPLES), unsure[0], unsure[0] * unsure[1]])
    losses = -log_softmax(logits.numpy(), -1)[:, np.arange(SAMPLES), labels.numpy()]
    expected = np.sum([(losses[j] * arriving[j]).sum() / arriving[j].sum() for j in range(STAGES)])
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_the_gap_of_features_is_relative_to_how_much_they_vary() -> None:
    static = {"a": torch.tensor([0.0, 2.0, 4.0]), "b": torch.tensor([[1.0, -1.0]])}
    assert float(feature_distillation(static, static)) == 0
    off = {"a": static["a"] + 1, "b": static["b"]}
    assert float(feature_distillation(off, static)) == pytest.approx((1 / 4 + 0) / 2)
    larger = {name: 10 * value for name, value in off.items()}
    assert float(feature_distillation(larger, {name: 10 * value for name, value in static.items()})) == pytest.approx(
        1 / 8
    )
    assert float(feature_distillation({}, {})) == 0


def test_label_smoothing_spreads_a_share_over_all_classes(logits: Tensor, labels: Tensor) -> None:
    loss = multi_exit_loss(logits, labels, None, LossWeights(label_smoothing=0.1))
    spread = -log_softmax(logits.numpy(), -1).mean() * STAGES
    assert float(loss) == pytest.approx(0.9 * cross_entropies(logits, labels).sum() + 0.1 * spread, rel=1e-6)


def test_a_network_with_one_answer_learns_as_one_stage_does(logits: Tensor, labels: Tensor) -> None:
    loss = LabelLoss(0.1)(nn.Identity(), logits[0], labels)
    joint = multi_exit_loss(logits[:1], labels, None, LossWeights(label_smoothing=0.1))
    assert float(loss) == pytest.approx(float(joint), rel=1e-6)


@pytest.mark.parametrize(
    "name", ["distillation", "temperature", "from_last", "survivors", "features", "label_smoothing"]
)
def test_a_weight_out_of_range_is_refused_by_name(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        LossWeights(**{name: -1.0})


def test_a_teacher_and_features_in_half_precision_are_compared_in_full(labels: Tensor, teacher: Tensor) -> None:
    weights, students = LossWeights(distillation=1.0), teacher.float().expand(2, -1, -1)
    rounded = multi_exit_loss(students, labels, teacher.bfloat16(), weights)
    assert rounded.dtype == torch.float32
    assert 0 <= float(rounded) < 1e-2
    values = torch.linspace(-1, 1, 1000).reshape(10, 100)
    gap = feature_distillation({"a": values.bfloat16()}, {"a": values})
    assert gap.dtype == torch.float32
    assert 0 < float(gap) < 1e-4
