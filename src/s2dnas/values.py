"""The names of the values that stages exchange, wherever they run, and which of them are needed when."""

from collections.abc import Collection, Hashable, Iterable, Sequence
from itertools import chain
from typing import TypeVar

ValueT = TypeVar("ValueT", bound=Hashable)

IMAGE = "image"


def feature_name(value: str, index: int) -> str:
    """``relu_3/1``: the part of the value ``relu_3`` that the first stage, ``index`` 0, computed."""
    return f"{value}/{index + 1}"


def logits_name(index: int) -> str:
    """``logits_1``: the logits (N, K) of the first stage. No feature is called so."""
    return f"logits_{index + 1}"


def score_name(index: int, scoring: int) -> str:
    """``score_1_by_1``: how sure the first stage is, (N,), by the first of several scorings."""
    return f"score_{index + 1}_by_{scoring + 1}"


def label_name(index: int, scoring: int) -> str:
    """``label_1_by_1``: what it then answers, (N,)."""
    return f"label_{index + 1}_by_{scoring + 1}"


LIMITS = "thresholds"
"""What a whole network in one file takes beside the image, if it is given: S - 1 thresholds, float64."""

LABEL, STAGE, SCORE, LOGITS = "label", "stage", "score", "logits"
"""What it gives per image: the answer, the stage, from 0, that gave it, and how sure it was, (N,); logits (N, K)."""


def needed_later(
    takes: Sequence[Iterable[ValueT]], known: Sequence[Collection[ValueT]]
) -> tuple[tuple[ValueT, ...], ...]:
    """After each of S stages, of what is there by then all that a later stage takes.

    ``takes`` (S,) is what each stage takes, ``known`` (S,) what comes to be there with it: what it gives, and, with the
    first, the image.
    """
    there: set[ValueT] = set()
    needed = []
    for index, new in enumerate(known):
        there |= set(new)
        later = dict.fromkeys(chain.from_iterable(takes[index + 1 :]))
        needed.append(tuple(value for value in later if value in there))
    return tuple(needed)
