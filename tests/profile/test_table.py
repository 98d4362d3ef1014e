"""A latency table prices plans of its own network, and no others."""

import json
from pathlib import Path

import numpy as np
import pytest

from latencies import by_macs, no_surcharge, table_by
from oracle import tiny
from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.inherit.copies import with_copies
from s2dnas.profile.latency import latency_cost
from s2dnas.profile.table import LatencyTable
from s2dnas.space.cost import cost_model
from s2dnas.space.division import search_space

GRAPH = tiny("residual").graph
SPACE = search_space(GRAPH, 2, 1)


def test_where_time_goes_by_macs_latency_is_macs() -> None:
    cost = latency_cost(GRAPH, table_by(by_macs, GRAPH, SPACE), 64)
    assert cost.unit == "ms"
    assert cost.static == pytest.approx(GRAPH.macs / 1e6)
    rng = np.random.default_rng(0)
    for _ in range(20):
        plan = SPACE.sample(rng)
        assert cost.of(plan) == pytest.approx(cost_model(GRAPH).macs(plan) / 1e6)


def test_calls_and_stages_are_paid_per_batch_and_elements_per_sample() -> None:
    table = table_by(by_macs, GRAPH, SPACE)
    dear = table.model_copy(update={"surcharges": (no_surcharge(1, stage=0.5), no_surcharge(64, stage=0.5))})
    plan = SPACE.uniform()
    for batch in (1, 64):
        added = latency_cost(GRAPH, dear, batch).of(plan) - latency_cost(GRAPH, table, batch).of(plan)
        assert added == pytest.approx([0.5 / batch, 1.0 / batch])
    touched = table.model_copy(update={"surcharges": (no_surcharge(1, joined=1e6), no_surcharge(64, joined=1e6))})
    added = [latency_cost(GRAPH, touched, b).of(plan)[-1] - latency_cost(GRAPH, table, b).of(plan)[-1] for b in (1, 64)]
    assert added[0] == pytest.approx(added[1])
    assert added[0] > 0


def test_a_network_with_copies_is_priced_against_the_one_that_was_given() -> None:
    table, wide = table_by(by_macs, GRAPH, SPACE), with_copies(GRAPH, 0.5, tiny("residual").images.double())
    cost = latency_cost(wide, table, 1, GRAPH)
    assert cost.static == latency_cost(GRAPH, table, 1).static
    assert cost.of(search_space(wide, 2, 1).uniform())[-1] > cost.static * 0.5


def test_the_table_of_another_network_or_batch_is_refused() -> None:
    table = table_by(by_macs, GRAPH, SPACE)
    with pytest.raises(SettingsError, match=r"profile.* this network"):
        latency_cost(tiny("vgg").graph, table, 1)
    with pytest.raises(SettingsError, match="batch 2"):
        latency_cost(GRAPH, table, 2)
    with pytest.raises(SettingsError, match="'tpu'"):
        latency_cost(GRAPH, table.model_copy(update={"engine": "tpu"}), 1)


def test_a_much_wider_layer_than_was_timed_is_refused() -> None:
    table = table_by(by_macs, GRAPH, SPACE)
    kernel = table.layers[0].kernel
    with pytest.raises(SettingsError, match="profile this network"):
        table.layer(kernel, 3, 1000, 1)


def test_a_saved_table_is_the_same(tmp_path: Path) -> None:
    table = table_by(by_macs, GRAPH, SPACE)
    table.save(tmp_path / "table.json")
    assert LatencyTable.load(tmp_path / "table.json") == table


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("layers", 0, "milliseconds", 0, 0), -1.0),
        (("layers", 0, "outputs", 0), 10**6),
        (("layers", 0, "milliseconds", 0), []),
        (("layers", 0, "kernel", "stride"), [1]),
        (("surcharges", 0, "call"), -0.1),
        (("surcharges",), []),
        (("threads",), 0),
    ],
)
def test_a_damaged_table_is_refused(place: tuple[str | int, ...], value: object, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    table_by(by_macs, GRAPH, SPACE).save(path)
    content = json.loads(path.read_text())
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match="not a latency table"):
        LatencyTable.load(path)
