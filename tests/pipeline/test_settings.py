"""Settings of exits that cannot be met are refused before any work."""

import pytest

from s2dnas.errors import SettingsError
from s2dnas.pipeline.settings import load_settings


@pytest.mark.parametrize(
    "setting",
    [
        "guarantees=[0.0]",
        "guarantees=[100.0]",
        "agreements=[1.0]",
        "agreements=[98.0]",
        "delta=0.0",
        "delta=1.0",
        "predictor=luck",
        "confidence=correctness",
    ],
)
def test_values_out_of_range_are_refused(setting):
    with pytest.raises(SettingsError, match=setting.split("=")[0]):
        load_settings(None, [f"exits.{setting}"])


def test_values_in_range_are_taken():
    settings = load_settings(
        None, ["exits.guarantees=[1, 0.5]", "exits.agreements=[0.98]", "exits.predictor=sufficiency"]
    )
    assert (settings.exits.guarantees, settings.exits.agreements) == ((1, 0.5), (0.98,))
    assert settings.exits.predictor == "sufficiency"
