"""Choose exit rules: thresholds optimised jointly, scores fitted, promises tested. NumPy and SciPy."""

from s2dnas.calibration.choose import RuleCurve, best_rule, for_accuracy, for_budget, rule_curve
from s2dnas.calibration.fitting import Fit, calibration_table
from s2dnas.calibration.greedy import greedy_family, greedy_rule
from s2dnas.calibration.guarantee import certify_accuracy, certify_agreement, halves
from s2dnas.calibration.hindsight import hindsight
from s2dnas.calibration.optimise import frontier
from s2dnas.calibration.pareto import Frontier
from s2dnas.calibration.predictor import TARGETS

__all__ = [
    "TARGETS",
    "Fit",
    "Frontier",
    "RuleCurve",
    "best_rule",
    "calibration_table",
    "certify_accuracy",
    "certify_agreement",
    "for_accuracy",
    "for_budget",
    "frontier",
    "greedy_family",
    "greedy_rule",
    "halves",
    "hindsight",
    "rule_curve",
]
