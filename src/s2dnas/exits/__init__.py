"""When to stop: confidence measures, exit tables, exit rules and what they yield. Applied with NumPy alone."""

from s2dnas.exits.confidence import CONFIDENCES, Confidence, confidence, entropy, margin, max_probability, softmax
from s2dnas.exits.metrics import OperatingPoint, accuracy, exit_accuracy, exit_share, mean_cost, operating_point
from s2dnas.exits.predictor import Predictor
from s2dnas.exits.rule import NEVER, ExitRule, Outcomes, decide
from s2dnas.exits.scoring import AnyScoring, Scoring, as_scoring
from s2dnas.exits.table import ExitTable

__all__ = [
    "CONFIDENCES",
    "NEVER",
    "AnyScoring",
    "Confidence",
    "ExitRule",
    "ExitTable",
    "OperatingPoint",
    "Outcomes",
    "Predictor",
    "Scoring",
    "accuracy",
    "as_scoring",
    "confidence",
    "decide",
    "entropy",
    "exit_accuracy",
    "exit_share",
    "margin",
    "max_probability",
    "mean_cost",
    "operating_point",
    "softmax",
]
