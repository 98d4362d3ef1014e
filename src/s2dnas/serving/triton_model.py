"""A bundle in Triton's Python backend, which runs a copy of this file beside the folder ``bundle``.

What a request may say is its operating point (parameter ``point``); queue, deadlines and instances are Triton's own.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s2dnas.errors import S2dnasError
from s2dnas.runtime import Session, SessionAnswers


class TritonPythonModel:
    """What Triton looks for."""

    def initialize(self, _: dict[str, str]) -> None:
        """Load the bundle; a damaged one keeps the model from being served."""
        import triton_python_backend_utils as triton

        self._triton = triton
        self._session = Session(Path(__file__).parent / "bundle")
        name, about = "s2dnas_exits", "Images answered, by operating point and stage"
        self._exits = triton.MetricFamily(name=name, description=about, kind=triton.MetricFamily.COUNTER)
        self._counters: dict[tuple[str, int], Any] = {}

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """A response for each request; those of one operating point are answered together."""
        responses: list[Any] = [None] * len(requests)
        together: dict[str, list[int]] = {}
        for place, request in enumerate(requests):
            together.setdefault(self._point(request), []).append(place)
        for point, places in together.items():
            found = self._answer(point, [requests[place] for place in places])
            for place, response in zip(places, found, strict=True):
                responses[place] = response
        return responses

    def _point(self, request: Any) -> str:
        parameters = json.loads(request.parameters() or "{}")
        return str(parameters.get("point", next(iter(self._session.bundle.manifest.points))))

    def _answer(self, point: str, requests: Sequence[Any]) -> list[Any]:
        images = [np.from_dlpack(self._triton.get_input_tensor_by_name(request, "image")) for request in requests]
        try:
            answers = self._session(np.concatenate(images), point)
        except S2dnasError as error:
            return [self._refusal(str(error)) for _ in requests]
        self._count(point, answers)
        ends = np.cumsum([len(each) for each in images])[:-1]
        parts = zip(images, np.split(np.arange(len(answers)), ends), strict=True)
        return [self._response(each, rows, answers) for each, rows in parts]

    def _response(self, images: Any, rows: Any, answers: SessionAnswers) -> Any:
        if not (np.isfinite(images).all() and np.isfinite(answers.scores[rows]).all()):
            return self._refusal("images or their scores are not finite; are the images normalised as in training?")
        outputs = {
            "label": answers.labels[rows, None],
            "score": answers.scores[rows, None].astype(np.float32),
            "stage": answers.stages[rows, None] + 1,
            "macs": answers.macs[rows, None],
        }
        # By DLPack: backends that were built for NumPy 1 read nothing from arrays of NumPy 2.
        return self._triton.InferenceResponse(
            [self._triton.Tensor.from_dlpack(name, np.ascontiguousarray(array)) for name, array in outputs.items()]
        )

    def _refusal(self, reason: str) -> Any:
        return self._triton.InferenceResponse(
            error=self._triton.TritonError(reason, self._triton.TritonError.INVALID_ARG)
        )

    def _count(self, point: str, answers: SessionAnswers) -> None:
        for stage, count in enumerate(np.bincount(answers.stages).tolist(), start=1):
            if count and (point, stage) not in self._counters:
                labels = {"point": point, "stage": str(stage)}
                self._counters[point, stage] = self._exits.Metric(labels=labels)
            if count:
                self._counters[point, stage].increment(count)
