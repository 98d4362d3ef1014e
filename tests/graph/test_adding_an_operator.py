"""The documented example runs, and what it builds is right."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oracle import error
from s2dnas.graph.ops import RULES
from s2dnas.masked.shared import SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.space.division import search_space
from s2dnas.staged.build import build

GUIDE = Path(__file__).parents[2] / "docs" / "adding-an-operator.md"


def test_the_documented_rule_makes_its_operator_divisible(capsys: Any) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL))
    names: dict[str, Any] = {}
    try:
        exec(compile(code, str(GUIDE), "exec"), names)
    finally:
        RULES.pop("mylib.mirror", None)
    before, after = capsys.readouterr().out.splitlines()
    assert "no rule for this operator" in before
    assert after == "()"
    _compare(names["model"], names["images"], names)


def _compare(model: torch.nn.Module, images: Tensor, names: dict[str, Any]) -> None:
    graph = names["analyse_channels"](names["trace"](model.double(), images.double()))
    plan = search_space(graph, 2, 1).sample(np.random.default_rng(0))
    shared = SharedNet(graph, static_weights(graph, 2)).eval()
    with torch.no_grad():
        assert error(build(graph, plan)(images.double()), shared(images.double(), plan)) < 1e-9
