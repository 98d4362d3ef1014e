"""The search space of a network: what can be divided, in which pieces, in which order it is decided."""

import numpy as np
import pytest

from nets import NETS
from oracle import stages_of, tiny
from s2dnas.errors import PlanError, SettingsError
from s2dnas.space.assignment import readable, stage_of_units
from s2dnas.space.division import search_space
from s2dnas.space.plan import Plan
from s2dnas.space.space import Concat, SearchSpace, Split


def splits(space: SearchSpace) -> dict[str, tuple[int, ...]]:
    return {decision.name: decision.pieces for decision in space.decisions if isinstance(decision, Split)}


def names(space: SearchSpace) -> list[str]:
    return [("?" if isinstance(decision, Concat) else "") + decision.name for decision in space.decisions]


def test_a_layer_is_decided_after_what_it_reads() -> None:
    assert names(search_space(tiny("vgg").graph, 2, 1)) == ["0", "?3", "3", "?7", "7", "?9", "9"]


def test_grouped_layers_and_classifiers_choose_nothing() -> None:
    found = names(search_space(tiny("inverted_residual").graph, 2, 1))
    assert found == ["stem.0", "?first.0", "first.0", "?widen.0", "widen.0", "?narrow.0", "?last.0", "last.0"]


def test_pieces_are_as_wide_as_asked_in_every_layer() -> None:
    assert splits(search_space(tiny("vgg").graph, 2, 3)) == {"0": (3, 3), "3": (5, 3), "7": (4, 3, 3), "9": (4, 3)}
    grouped = splits(search_space(tiny("grouped").graph, 2, 3))
    assert grouped["into.0"] == (2, 2)  # two channels per unit in one layer, four in the other


def test_a_coupling_of_too_few_pieces_stays_whole() -> None:
    assert names(search_space(tiny("vgg").graph, 3, 2)) == ["0", "?3", "3", "?7", "7", "?9", "9"]
    assert names(search_space(tiny("residual").graph, 2, 3)) == ["stem.0", "b.0", "?shortcut.0", "?c.0", "c.0", "?d.0"]


def test_what_only_whole_layers_read_stays_whole() -> None:
    """Stage 2 of the first layer could not reach the classifier of stage 2 through a layer that is all in stage 1."""
    assert splits(search_space(tiny("inverted_residual").graph, 2, 3)).keys() == {"last.0"}


@pytest.mark.parametrize("name", NETS)
def test_every_network_can_be_divided(name: str) -> None:
    assert search_space(tiny(name).graph, 2, 1).size > 1


def test_a_network_that_is_too_thin_is_refused() -> None:
    with pytest.raises(
        PlanError, match=r"3 stages need couplings of at least 3 pieces of 8 .* the widest has 1 pieces"
    ):
        search_space(tiny("vgg").graph, 3, 8)


@pytest.mark.parametrize(("stages", "width"), [(1, 8), (2, 0)])
def test_impossible_settings_are_refused(stages: int, width: int) -> None:
    with pytest.raises(SettingsError, match="at least 2 stages, and at least 1 channel"):
        search_space(tiny("vgg").graph, stages, width)


def test_units_get_stages_in_the_couplings_order() -> None:
    graph = tiny("residual").graph
    plan = search_space(graph, 3, 1).uniform((2, 1, 1))
    assert stage_of_units(graph, plan).tolist() == stages_of(graph, plan)
    assert set(stage_of_units(graph, plan).tolist()) == {0, 1, 2}
    assert not stage_of_units(graph, Plan(3, {}, {})).any()


def test_a_stage_reads_itself_and_the_earlier_ones_that_are_switched_on() -> None:
    graph = tiny("vgg").graph
    layers = {layer.name: layer for layer in graph.mixing}
    plan = Plan(3, {}, {"3": (False, True, False)})
    assert readable(layers["3"], plan).tolist() == [[True, False, False], [False, True, False], [True, False, True]]
    everything = [[True, False, False], [True, True, False], [True, True, True]]
    assert readable(layers["7"], plan).tolist() == everything
    assert readable(layers["11"], Plan(3, {}, {"11": (False,) * 3})).tolist() == everything


def test_stages_are_whole_numbers_and_what_is_read_is_yes_or_no() -> None:
    graph = tiny("vgg").graph
    plan = search_space(graph, 2, 1).uniform()
    assert stage_of_units(graph, plan).dtype == np.int64
    for indicators in ({}, {"3": (False,)}):
        assert readable(graph.mixing[1], Plan(2, plan.widths, indicators)).dtype == np.bool_
