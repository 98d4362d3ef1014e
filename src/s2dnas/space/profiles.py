"""Plans that divide all couplings in the same shares (a profile), and plans drawn around a profile.

Decisions that are drawn one by one average out over a deep network: nearly all such plans give each stage the same
share. Drawn by profile, plans cover thin and wide stages, dense and sparse re-use.
"""

from itertools import combinations, pairwise

import numpy as np

from s2dnas.space.plan import Plan, stage_pairs
from s2dnas.space.space import Choice, SearchSpace, Split

_EIGHTHS = 8
_NEARNESS = 8.0
"""How near the couplings of a drawn plan are to its profile: the concentration of a Dirichlet distribution."""


def uniform_plans(space: SearchSpace) -> list[Plan]:
    """Every plan that divides all couplings in the same shares, in eighths, and re-uses all features."""
    parts = max(_EIGHTHS, space.num_stages)
    cuts = combinations(range(1, parts), space.num_stages - 1)
    plans = [space.uniform([b - a for a, b in pairwise([0, *cut, parts])]) for cut in cuts]
    return list(dict.fromkeys(plans))


def draw_around_a_profile(space: SearchSpace, rng: np.random.Generator) -> Plan:
    """A plan whose couplings have about the same shares, and whose indicators are on about equally often."""
    shares = rng.dirichlet(np.ones(space.num_stages))
    reuse = rng.random()
    pairs = len(stage_pairs(space.num_stages))
    choices: list[Choice] = []
    for decision in space.decisions:
        if isinstance(decision, Split):
            choices.append(decision.nearest(rng.dirichlet(1e-3 + _NEARNESS * shares)))
        else:
            choices.append(tuple(int(flag) for flag in rng.random(pairs) < reuse))
    return space.decode(choices)
