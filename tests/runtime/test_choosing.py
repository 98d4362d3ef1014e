"""The engine is chosen by time, and no operating point is offered that is slower than the static network."""

from typing import Any

import numpy as np
import pytest

from bundled import RULES, bundled
from s2dnas.errors import DataError, SettingsError
from s2dnas.runtime import Bundle, Session, choosing


def test_the_faster_engine_is_chosen_and_only_faster_points_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = {"onnxruntime": 2.0, "onnxruntime, blocked": 1.0, "openvino": 3.0}

    def told(calls: Any, _: int) -> Any:
        static = {key: slow[key[0]] for key in calls if key[1] is None}
        return {key: slow[key[0]] * (0.5 if key[1] == "margin" else 4.0) for key in calls} | static

    monkeypatch.setattr(choosing, "_in_turn", told)
    session, profile = choosing.fastest(bundled("residual").bundle, bundled("residual").images.numpy(), batch=4)
    assert session.engine == profile.engine == "onnxruntime, blocked"
    assert profile.static == 2000 / 4
    assert profile.points.keys() == RULES.keys()
    assert profile.offered == ("margin",)


def test_it_measures_what_it_says() -> None:
    net = bundled("residual")
    session, profile = choosing.fastest(net.bundle, net.images.numpy(), batch=16, rounds=2)
    assert isinstance(session, Session)
    assert min(profile.static, *profile.points.values()) > 0
    assert session(net.images.numpy()).labels.shape == (16,)


def test_too_few_images_are_refused() -> None:
    with pytest.raises(DataError, match="batches of 17"):
        choosing.fastest(bundled("residual").bundle, bundled("residual").images.numpy(), batch=17)


def test_without_the_static_network_nothing_is_compared() -> None:
    net = bundled("residual")
    alone = Bundle(net.bundle.folder, net.bundle.manifest.model_copy(update={"static": None}))
    with pytest.raises(SettingsError, match="no static network"):
        choosing.fastest(alone, np.zeros((1, 3, 8, 8), np.float32))
