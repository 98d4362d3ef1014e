import numpy as np
import pytest

from s2dnas.errors import ArtifactError, DataError, SettingsError
from s2dnas.exits import ExitTable, Scoring

GOOD = {
    "scores": [[0.5, 0.25, 1.0], [1.0, 0.5, 0.0]],
    "predictions": [[0, 1, 2], [0, 2, 2]],
    "labels": [0, 2, 2],
    "costs": [10.0, 30.0],
    "confidence": "margin",
}


def test_a_table_knows_its_size_and_who_is_right():
    table = ExitTable(**GOOD)
    assert (table.num_stages, table.num_samples) == (2, 3)
    assert table.correct.tolist() == [[True, False, True], [True, True, True]]
    assert table.stage_accuracy.tolist() == pytest.approx([2 / 3, 1])


def test_a_table_cannot_be_changed_through_its_arrays_or_theirs():
    scores = np.array(GOOD["scores"])
    table = ExitTable(**GOOD | {"scores": scores})
    scores[:] = 0
    assert table.scores.tolist() == GOOD["scores"]
    with pytest.raises(ValueError, match="read-only"):
        table.scores[0, 0] = 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [0.5, 0.5, 0.5]}, "scores"),
        ({"scores": np.empty((2, 0))}, "N >= 1"),
        ({"predictions": [[0, 1, 2]]}, "predictions must have shape"),
        ({"labels": [0, 2]}, "labels must have shape"),
        ({"costs": [10.0]}, "costs must have shape"),
        ({"costs": [10.0, 5.0]}, "never decreasing"),
        ({"costs": [0.0, 5.0]}, "positive"),
        ({"costs": [1.0, np.inf]}, "finite"),
        ({"scores": [[0.5, 0.25, 1.0], [1.0, np.nan, 0.0]]}, "stage 2, sample 1"),
        ({"scores": [[0.5, 0.25, 1.5], [1.0, 0.5, 0.0]]}, "stage 1, sample 2"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        ExitTable(**GOOD | change)


def test_an_unknown_measure_is_refused():
    with pytest.raises(SettingsError, match="did you mean 'margin'"):
        ExitTable(**GOOD | {"confidence": "margins"})


def test_from_logits_scores_and_predicts_every_stage():
    logits = np.log(np.array([[[0.7, 0.3], [0.4, 0.6]], [[0.9, 0.1], [0.8, 0.2]]]))
    table = ExitTable.from_logits(logits, [0, 0], [1, 2], "margin")
    np.testing.assert_allclose(table.scores, [[0.4, 0.2], [0.8, 0.6]])
    assert table.predictions.tolist() == [[0, 1], [0, 0]]
    assert ExitTable.from_logits(logits, [0, 0], [1, 2]).confidence == "margin"


@pytest.mark.parametrize("shape", [(2, 3), (0, 3, 4), (2, 0, 4)])
def test_from_logits_refuses_other_shapes(shape):
    with pytest.raises(DataError, match=r"\(S, N, K\)"):
        ExitTable.from_logits(np.zeros(shape), [0], [1])


def test_from_logits_refuses_a_diverged_network_and_a_single_class():
    with pytest.raises(DataError, match="non-finite"):
        ExitTable.from_logits(np.full((1, 1, 2), np.nan), [0], [1])
    with pytest.raises(SettingsError, match="2 classes"):
        ExitTable.from_logits(np.zeros((1, 1, 1)), [0], [1])


def test_a_saved_table_comes_back_equal(tmp_path, trained):
    table = trained(50, 3)
    table.save(tmp_path / "table.npz")
    loaded = ExitTable.load(tmp_path / "table.npz")
    for name in ("scores", "predictions", "labels", "costs"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(table, name))
        assert getattr(loaded, name).dtype == getattr(table, name).dtype
    assert loaded.confidence == table.confidence


@pytest.mark.parametrize(
    "change", [{"version": np.array(99)}, {"format": np.array("x")}, {"labels": None}, {"scores": np.zeros((1, 1))}]
)
def test_a_foreign_or_damaged_file_is_refused(tmp_path, change):
    path = tmp_path / "table.npz"
    ExitTable(**GOOD).save(path)
    arrays = {name: array for name, array in (dict(np.load(path)) | change).items() if array is not None}
    np.savez(path, **arrays)
    with pytest.raises(ArtifactError, match=r"table\.npz"):
        ExitTable.load(path)


def test_the_static_answers_are_saved_and_taken_where_they_are_known(tmp_path):
    known, unknown = ExitTable(**GOOD, static=[2, 1, 0]), ExitTable(**GOOD)
    for table, static in ((known, [2, 1, 0]), (unknown, None)):
        table.save(tmp_path / "table.npz")
        loaded = ExitTable.load(tmp_path / "table.npz")
        assert (None if loaded.static is None else loaded.static.tolist()) == static
    assert known.take([2, 0]).static.tolist() == [0, 2]
    assert unknown.take([2, 0]).static is None


def test_arrays_of_any_type_become_double_precision_and_whole_numbers():
    floats = {name: np.array(GOOD[name], dtype=np.float32) for name in ("scores", "predictions", "labels", "costs")}
    table = ExitTable(**floats, confidence="margin", static=np.array([0, 1, 2], dtype=np.int8))
    assert [table.scores.dtype, table.costs.dtype] == [np.float64] * 2
    assert [table.predictions.dtype, table.labels.dtype, table.static.dtype] == [np.int64] * 3


def test_a_measure_alone_is_the_tables_by_its_name():
    assert ExitTable(**GOOD | {"confidence": Scoring("margin")}).confidence == "margin"
    surest = Scoring("margin", surest=True)
    assert ExitTable(**GOOD | {"confidence": surest}).confidence == surest


def test_a_table_at_other_costs_answers_the_same() -> None:
    table = ExitTable(**GOOD)
    priced = table.priced([0.5, 0.75], "ms")
    assert (priced.costs.tolist(), priced.unit, table.unit) == ([0.5, 0.75], "ms", "macs")
    np.testing.assert_array_equal(priced.scores, table.scores)
    with pytest.raises(DataError, match="costs must have shape"):
        table.priced([1.0], "ms")
