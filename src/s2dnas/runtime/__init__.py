"""Runs a bundle where there is no torch: an engine and NumPy, a stage only on the samples that reach it."""

from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.joined import Joined, Ready
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.runtime.openvino_engine import OpenvinoEngine
from s2dnas.runtime.session import Session
from s2dnas.runtime.session_answers import SessionAnswers

__all__ = ["Bundle", "Joined", "OnnxruntimeEngine", "OpenvinoEngine", "Ready", "Session", "SessionAnswers"]
