"""The benchmark of finetuning finds a rate that does no harm, and measures nothing twice."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import finetuning
import pytest
import torch
from range_test import HIGHEST, LOWEST, range_test
from torch import Tensor, nn

from s2dnas.training.loop import TrainingTask
from s2dnas.training.moment import Moment


@pytest.mark.parametrize("steepness", [1.0, 30.0])
def test_a_range_test_stays_below_where_the_loss_grows_and_leaves_the_network_alone(steepness: float) -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.ones_(module.weight)

    def loss(net: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        del images, labels, moment
        return steepness * next(net.parameters()).square().sum()

    def batches(_: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        return iter([(torch.zeros(1), torch.zeros(1))])

    found = range_test(TrainingTask(module, loss, batches, 1), torch.device("cpu"))
    assert LOWEST / 10 < found < min(HIGHEST, 1 / steepness) / 2  # steps of 1 / steepness and more overshoot
    assert module.weight.item() == 1


@pytest.mark.slow
def test_it_goes_on_where_it_was_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = argparse.Namespace(
        out=tmp_path, json=tmp_path / "found.json", data=["digits"], networks=["small"], epochs=[1],
        rates=["0.01", "steps", "range"], seeds=[0], static_epochs=1, limit=300,
    )  # fmt: skip
    finetuning.measure_all(given)
    rows = json.loads(given.json.read_text())["rows"]
    assert [(row["start"], row["rate"]) for row in rows] == [
        (start, rate) for start in ("given", "reconstructed") for rate in given.rates
    ]
    assert all(0 <= accuracy <= 1 for row in rows for when in ("before", "last", "best") for accuracy in row[when])
    capsys.readouterr()
    given.json.write_text(json.dumps(json.loads(given.json.read_text()) | {"rows": rows[:-1]}))
    finetuning.measure_all(given)
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert json.loads(given.json.read_text())["rows"] == rows
