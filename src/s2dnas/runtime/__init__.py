"""Runs a bundle where there is no torch: onnxruntime and NumPy, a stage only on the samples that reach it."""

from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.session import Session
from s2dnas.runtime.session_answers import SessionAnswers

__all__ = ["Bundle", "Session", "SessionAnswers"]
