"""When to stop: confidence measures, exit tables, exit rules, their calibration and what they yield. NumPy only."""

from s2dnas.exits.calibrate import Curve, best, curve, for_accuracy, for_budget
from s2dnas.exits.confidence import CONFIDENCES, Confidence, confidence, entropy, margin, max_probability, softmax
from s2dnas.exits.fitting import Fit, calibration_table
from s2dnas.exits.greedy import greedy_family, greedy_rule
from s2dnas.exits.guarantee import agreeing, halves, no_worse
from s2dnas.exits.metrics import OperatingPoint, accuracy, exit_accuracy, exit_share, mean_macs, operating_point
from s2dnas.exits.optimise import frontier
from s2dnas.exits.oracle import oracle
from s2dnas.exits.pareto import Frontier
from s2dnas.exits.predictor import TARGETS, Predictor
from s2dnas.exits.rule import NEVER, ExitRule, Outcomes, decide
from s2dnas.exits.scoring import AnyScoring, Scoring, spelt_out
from s2dnas.exits.table import ExitTable

__all__ = [
    "CONFIDENCES",
    "NEVER",
    "TARGETS",
    "AnyScoring",
    "Confidence",
    "Curve",
    "ExitRule",
    "ExitTable",
    "Fit",
    "Frontier",
    "OperatingPoint",
    "Outcomes",
    "Predictor",
    "Scoring",
    "accuracy",
    "agreeing",
    "best",
    "calibration_table",
    "confidence",
    "curve",
    "decide",
    "entropy",
    "exit_accuracy",
    "exit_share",
    "for_accuracy",
    "for_budget",
    "frontier",
    "greedy_family",
    "greedy_rule",
    "halves",
    "margin",
    "max_probability",
    "mean_macs",
    "no_worse",
    "operating_point",
    "oracle",
    "softmax",
    "spelt_out",
]
