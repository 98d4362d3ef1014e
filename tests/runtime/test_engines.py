"""What every engine promises, and that sessions on it answer as PyTorch does."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from bundled import RULES, bundled
from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.runtime import OnnxruntimeEngine, OpenvinoEngine, Session
from s2dnas.runtime.engine import Engine, GraphProgram

ENGINES: dict[str, Callable[..., Engine]] = {"onnxruntime": OnnxruntimeEngine, "openvino": OpenvinoEngine}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    pytest.importorskip(request.param)
    return ENGINES[request.param]()


def static_of(engine: Engine) -> tuple[GraphProgram, npt.NDArray[np.float32]]:
    net = bundled("residual")
    file = net.bundle.manifest.static
    assert file is not None
    return engine.load(net.bundle.graph(file)), net.images.numpy()


def test_a_bound_call_reads_and_writes_the_arrays_that_it_was_given(engine: Engine) -> None:
    program, images = static_of(engine)
    given = {"image": np.zeros_like(images)}
    found = {name: np.zeros_like(array) for name, array in program.run(given).items()}
    call = program.bound({"image": given["image"][:3]}, {name: array[:3] for name, array in found.items()})
    for rows in (slice(0, 3), slice(3, 6)):
        given["image"][:3] = images[rows]
        call()
        for name, array in program.run({"image": images[rows]}).items():
            np.testing.assert_allclose(found[name][:3], array, atol=1e-5)
            assert not found[name][3:].any()


def test_what_a_run_gives_is_not_overwritten_by_the_next(engine: Engine) -> None:
    program, images = static_of(engine)
    first = program.run({"image": images[:2]})
    kept = {name: array.copy() for name, array in first.items()}
    program.run({"image": images[2:4]})
    assert all(np.array_equal(first[name], kept[name]) for name in kept)


@pytest.mark.parametrize("name", ["residual", "padded_image"])
def test_sessions_answer_as_pytorch_does(engine: Engine, name: str) -> None:
    net = bundled(name)
    session = Session(net.bundle, engine=engine)
    for point, rule in RULES.items():
        for count in (0, 1, 2, 7, 16):
            found, expected = session(net.images[:count].numpy(), point), net.network.predict(net.images[:count], rule)
            assert found.stages.tolist() == expected.stages.tolist()
            assert found.labels.tolist() == expected.labels.tolist()
            np.testing.assert_allclose(found.scores, expected.scores.numpy(), atol=1e-4)


def test_two_threads_may_work(engine: Engine) -> None:
    net = bundled("residual")
    two = Session(net.bundle, engine=ENGINES[engine.name](threads=2))(net.images.numpy())
    assert two.labels.tolist() == Session(net.bundle, engine=engine)(net.images.numpy()).labels.tolist()
    with pytest.raises(SettingsError, match="threads must be at least 1"):
        ENGINES[engine.name](threads=0)


def test_what_is_no_graph_is_refused(engine: Engine) -> None:
    with pytest.raises(ArtifactError, match="graph"):
        engine.load(b"no graph")


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match="device must be one of cpu, cuda"):
        OnnxruntimeEngine(device="tpu")
