"""What the Ray Serve application refuses, with Ray or without."""

import sys
from typing import Any

import pytest

from mixed import mixed
from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.extras import MissingExtraError
from s2dnas.serving.ray_app import RayArguments, application


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"point": "nowhere"}, "no operating point 'nowhere'"),
        ({"replicas": (1, 1)}, "for each of 3 stages"),
        ({"replicas": (1, 0, 1)}, "at least 1 for each"),
        ({"replicas": 6}, "give the share that reaches a stage"),
        ({"reach": (1.0, 0.5, 0.2)}, "give replicas as one number"),
        ({"replicas": 6, "reach": (1.0, 0.5)}, "reach must be 3 shares"),
        ({"replicas": 2, "reach": (1.0, 0.5, 0.2)}, "total"),
        ({"ingresses": 0}, "ingresses"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        application(mixed().bundle.folder, **given)


def test_a_folder_that_is_no_bundle_is_refused() -> None:
    with pytest.raises(ArtifactError, match="no bundle"):
        application("nowhere")


def test_without_ray_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 's2dnas\[ray\]'"):
        application(mixed().bundle.folder)


def test_arguments_come_as_text() -> None:
    given = {"bundle": "here", "replicas": "4,2,1", "reach": "1,0.5,0.25", "batch": "8"}
    found = RayArguments.model_validate(given)
    assert (found.replicas, found.reach, found.batch) == ((4, 2, 1), (1.0, 0.5, 0.25), 8)
    assert RayArguments.model_validate({"bundle": "here", "replicas": "7"}).replicas == 7
