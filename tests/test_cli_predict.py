"""The command that answers image files with a saved network."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from command import s2dnas
from oracle import subject
from s2dnas.exits import ExitRule
from s2dnas.exits.rule import NEVER
from s2dnas.network.info import Normalisation
from s2dnas.saving.loading import load
from s2dnas.saving.writing import save
from s2dnas.space.division import search_space
from s2dnas.staged.build import MultiStageNet, build

NAMES = ["cat", "dog", "owl"]
STATS: Normalisation = ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
RULES = {"never": ExitRule("margin", (NEVER,)), "always": ExitRule("margin", (0.0,))}


def network_of(channels: int) -> MultiStageNet:
    """Two stages for images of 8x8."""

    def make() -> tuple[nn.Module, Tensor]:
        torch.manual_seed(0)
        layers = [nn.Conv2d(channels, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 3)).eval(), torch.ones(1, channels, 8, 8)

    graph = subject(make).graph
    return build(graph, search_space(graph, 2, 2).uniform())


@pytest.fixture(scope="module")
def colour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "colour"
    save(network_of(3), RULES, folder, class_names=NAMES, normalisation=STATS)
    return folder


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "grey"
    save(network_of(1), RULES, folder, normalisation=((0.5,), (0.5,)))
    return folder


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """A colour image, a grey one and a small one with a palette, of three sizes."""
    paths = [tmp_path / name for name in ("colour.png", "grey.jpg", "palette.gif")]
    ramp = Image.linear_gradient("L")
    Image.merge("RGB", (ramp, ramp.rotate(90), ramp.rotate(180))).resize((20, 12)).save(paths[0])
    ramp.resize((9, 31)).save(paths[1])
    Image.merge("RGB", (ramp, ramp, ramp.rotate(90))).resize((3, 3)).convert("P").save(paths[2])
    return paths


def pixels(path: Path, mode: str) -> Tensor:
    """(1, C, 8, 8) from 0 to 1."""
    with Image.open(path) as image:
        small = image.convert(mode).resize((8, 8), Image.Resampling.BILINEAR)
    values = torch.tensor(list(small.tobytes()), dtype=torch.float32) / 255
    return values.view(1, 8, 8, -1).permute(0, 3, 1, 2)


def normalised(path: Path, mode: str, stats: Normalisation) -> Tensor:
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in stats)
    return (pixels(path, mode) - mean) / std


def predicted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> list[dict[str, object]]:
    """What the command says of each image."""
    assert s2dnas(monkeypatch, "predict", *map(str, arguments), "--json") == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The sentence that the command ends with instead of an answer."""
    assert s2dnas(monkeypatch, "predict", *map(str, arguments)) == 1
    found = capsys.readouterr()
    assert "Traceback" not in found.err
    assert not found.out
    return found.err


@pytest.mark.parametrize(("kind", "mode", "stats"), [("colour", "RGB", STATS), ("grey", "L", ((0.5,), (0.5,)))])
def test_images_of_any_kind_and_size_are_answered_as_by_the_network(
    kind: str,
    mode: str,
    stats: Normalisation,
    images: list[Path],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = request.getfixturevalue(kind)
    network, rules = load(folder)
    answers = predicted(monkeypatch, capsys, folder, *images, "--batch", 2)
    assert [answer["file"] for answer in answers] == [str(path) for path in images]
    for answer, path in zip(answers, images, strict=True):
        expected = network.predict(normalised(path, mode, stats), rules["never"])
        label = int(expected.labels)
        assert answer["label"] == label
        assert answer["class"] == (NAMES[label] if kind == "colour" else str(label))
        assert answer["score"] == pytest.approx(float(expected.scores), abs=1e-5)
        assert answer["stage"] == 2


def test_an_operating_point_is_chosen(
    colour: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = predicted(monkeypatch, capsys, colour, *images, "--point", "always")
    assert [answer["stage"] for answer in answers] == [1, 1, 1]


def test_later_stages_are_not_run_for_images_that_stop(
    colour: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run: list[tuple[int, int]] = []
    stage = MultiStageNet.stage

    def noted(self: MultiStageNet, index: int, x: Tensor, carry: tuple[Tensor, ...]) -> object:
        if not x.is_meta:
            run.append((index, len(x)))
        return stage(self, index, x, carry)

    monkeypatch.setattr(MultiStageNet, "stage", noted)
    predicted(monkeypatch, capsys, colour, *images, "--point", "always")
    assert run == [(0, 3)]


def test_the_table_holds_class_score_and_stage(
    colour: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (answer,) = predicted(monkeypatch, capsys, colour, images[0], "--point", "always")
    monkeypatch.chdir(images[0].parent)
    assert s2dnas(monkeypatch, "predict", str(colour), images[0].name, "--point", "always") == 0
    shown = capsys.readouterr().out
    assert "at operating point 'always'" in shown
    (row,) = [line for line in shown.splitlines() if images[0].name in line]
    assert [cell.strip() for cell in row.strip("│|").replace("│", "|").split("|")] == [
        images[0].name,
        str(answer["class"]),
        f"{answer['score']:.3f}",
        "1",
    ]


def test_a_misspelt_operating_point_gets_the_nearest(
    colour: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(monkeypatch, capsys, colour, images[0], "--point", "alway")
    assert "has no operating point 'alway'; did you mean 'always'?" in error


def test_a_missing_file_is_named_before_anything_is_answered(
    colour: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(monkeypatch, capsys, colour, images[0], images[0].with_name("none.png"))
    assert "none.png does not exist; give the paths of image files" in error


def test_a_folder_instead_of_a_file_is_refused(
    colour: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(monkeypatch, capsys, colour, images[0].parent)
    assert f"{images[0].parent} is a folder; give the files in it" in error


def test_an_image_that_cannot_be_read_is_named(
    colour: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images[0].write_bytes(images[0].read_bytes()[:60])
    images[1].write_text("no image")
    for path in images[:2]:
        assert f"image {path} cannot be read" in refused(monkeypatch, capsys, colour, path)


def test_what_is_no_saved_network_is_refused(
    images: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = images[0].parent
    error = refused(monkeypatch, capsys, folder, images[0])
    assert f"{folder} is not a saved network, it has no network.json" in error


def test_what_predicting_needs_must_have_been_saved(
    colour: Path,
    images: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save(load(colour)[0], {}, tmp_path / "ruleless")
    assert "holds no exit rule" in refused(monkeypatch, capsys, tmp_path / "ruleless", images[0])
    save(network_of(3), RULES, tmp_path / "raw")
    assert "does not say how images are normalised" in refused(monkeypatch, capsys, tmp_path / "raw", images[0])
