"""Data sets load from every kind of place, and what cannot be used is refused with a reason."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from s2dnas.data.sources import ImageData, load_data
from s2dnas.errors import DataError, SettingsError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def picture(mode: str = "RGB", value: int = 0, size: int = 4) -> Image.Image:
    pixels = np.full((size, size, 3), value, np.uint8)
    pixels[0] = 255 - value
    return Image.fromarray(pixels).convert(mode)


def write_table(
    path: Path, images: list[Image.Image], labels: list[int], label: str = "label", named: bool = True
) -> None:
    kind = datasets.ClassLabel(names=["cat", "dog"]) if named else datasets.Value("int64")
    features = datasets.Features({"picture": datasets.Image(), label: kind})
    datasets.Dataset.from_dict({"picture": images, label: labels}, features=features).to_parquet(path)


def table_folder(folder: Path, **options: object) -> str:
    write_table(folder / "train.parquet", [picture(value=v) for v in range(6)], [0, 1] * 3, **options)
    write_table(folder / "test.parquet", [picture(value=v) for v in (7, 8)], [1, 0], **options)
    return str(folder)


def image_folder(folder: Path, test_name: str) -> str:
    for split, count in (("train", 3), (test_name, 2)):
        for label, name in enumerate(("cat", "dog")):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                picture(value=10 * number + label).save(folder / split / name / f"{number}.png")
    return f"imagefolder:{folder}"


def test_digits_are_grey_and_use_the_whole_range() -> None:
    source = load_data("digits")
    assert (len(source.train), len(source.test)) == (1437, 360)
    assert source.train.image_shape == (1, 8, 8)
    assert source.train.images.aminmax() == (0, 255)
    assert source.train.class_names == tuple("0123456789")
    counts = source.test.labels.bincount()
    assert counts.max() - counts.min() <= 2
    assert torch.equal(load_data("digits").test.images, source.test.images)
    assert load_data("digits", size=16).test.image_shape == (1, 16, 16)


def test_a_folder_of_tables_loads_in_order(tmp_path: Path) -> None:
    source = load_data(table_folder(tmp_path))
    assert source.train.class_names == ("cat", "dog")
    assert source.train.image_shape == (3, 4, 4)
    assert source.train.labels.tolist() == [0, 1] * 3
    assert source.train.images[:, 0, 1, 0].tolist() == list(range(6))
    assert source.test.images[:, 2, 0, 3].tolist() == [248, 247]


@pytest.mark.parametrize("label", ["fine_label", "labels", "kind"])
def test_the_label_column_may_have_other_names_and_no_class_names(tmp_path: Path, label: str) -> None:
    write_table(tmp_path / "train.parquet", [picture()] * 3, [3, 8, 3], label, named=False)
    write_table(tmp_path / "test.parquet", [picture()], [8], label, named=False)
    source = load_data(str(tmp_path))
    assert source.train.class_names == ("3", "8")
    assert (source.train.labels.tolist(), source.test.labels.tolist()) == ([0, 1, 0], [1])


@pytest.mark.parametrize("test_name", ["test", "val"])
def test_an_image_folder_loads(tmp_path: Path, test_name: str) -> None:
    source = load_data(image_folder(tmp_path, test_name))
    assert source.train.class_names == ("cat", "dog")
    assert source.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert source.train.images[:, 0, 1, 0].tolist() == [0, 10, 20, 1, 11, 21]
    assert len(source.test) == 4


@pytest.mark.parametrize(
    ("train", "test", "channels"), [("L", "L", 1), ("1", "L", 1), ("L", "RGB", 3), ("RGB", "L", 3), ("RGBA", "P", 3)]
)
def test_images_are_grey_only_if_all_are(tmp_path: Path, train: str, test: str, channels: int) -> None:
    write_table(tmp_path / "train.parquet", [picture(train, 255)] * 2, [0, 1])
    write_table(tmp_path / "test.parquet", [picture(test, 255)], [0])
    source = load_data(str(tmp_path))
    for part in (source.train, source.test):
        assert part.image_shape == (channels, 4, 4)
        assert (part.images[:, :, 0] == 0).all()
        assert (part.images[:, :, 1:] == 255).all()


def test_loading_is_silent_and_progress_bars_come_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = table_folder(tmp_path)
    datasets.enable_progress_bars()
    capfd.readouterr()
    load_data(folder)
    assert capfd.readouterr() == ("", "")
    assert not datasets.are_progress_bars_disabled()


def test_images_of_different_sizes_need_a_size(tmp_path: Path) -> None:
    write_table(tmp_path / "train.parquet", [picture(size=4), picture(size=6)], [0, 1])
    write_table(tmp_path / "test.parquet", [picture(size=5)], [0])
    with pytest.raises(DataError, match=r"2 sizes.*`size`"):
        load_data(str(tmp_path))
    source = load_data(str(tmp_path), size=8)
    assert source.train.image_shape == source.test.image_shape == (3, 8, 8)


def test_a_test_split_of_another_size_is_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "train.parquet", [picture(size=4)], [0])
    write_table(tmp_path / "test.parquet", [picture(size=5)], [0])
    with pytest.raises(DataError, match=r"\(3, 4, 4\) in train but \(3, 5, 5\) in test"):
        load_data(str(tmp_path))


def test_a_limit_keeps_some_images_with_their_labels(tmp_path: Path) -> None:
    whole, some = load_data(table_folder(tmp_path)), load_data(str(tmp_path), limit=4)
    assert (len(some.train), len(some.test)) == (4, 2)
    values = some.train.images[:, 0, 1, 0]
    assert len(set(values.tolist())) == 4
    assert torch.equal(some.train.labels, whole.train.labels[values.long()])
    assert len(load_data("digits", limit=50).train) == 50


def corrupt_image(folder: Path) -> str:
    image_folder(folder, "test")
    (folder / "train" / "cat" / "1.png").write_bytes(b"no picture")
    return f"imagefolder:{folder}"


def cut_image(folder: Path) -> str:
    buffer = BytesIO()
    picture(size=64).save(buffer, "PNG")
    image_folder(folder, "test")
    (folder / "test" / "dog" / "0.png").write_bytes(buffer.getvalue()[:60])
    return f"imagefolder:{folder}"


def corrupt_table(folder: Path) -> str:
    table_folder(folder)
    (folder / "train.parquet").write_bytes(b"no table")
    return str(folder)


def no_test(folder: Path) -> str:
    write_table(folder / "train.parquet", [picture()], [0])
    return str(folder)


def no_label(folder: Path) -> str:
    table_folder(folder)
    return _without(folder, "label")


def no_image(folder: Path) -> str:
    table_folder(folder)
    return _without(folder, "picture")


def _without(folder: Path, column: str) -> str:
    for name in ("train", "test"):
        path = str(folder / f"{name}.parquet")
        datasets.Dataset.from_parquet(path).remove_columns(column).to_parquet(path)
    return str(folder)


def unlabelled(folder: Path) -> str:
    table_folder(folder)
    write_table(folder / "test.parquet", [picture()], [-1])
    return str(folder)


def deep_image(folder: Path) -> str:
    image_folder(folder, "test")
    Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(folder / "train" / "cat" / "0.png")
    return f"imagefolder:{folder}"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: "./nowhere", "not a folder"),
        (lambda _: "/no/where", "not a folder"),
        (lambda _: "imagefolder:nowhere", "not a folder"),
        (lambda _: "no-such-name-anywhere", "cannot be loaded"),
        (str, "cannot be loaded"),
        (no_test, "no split called test or validation or valid, only train"),
        (no_label, "columns picture; exactly one"),
        (no_image, "columns label; exactly one"),
        (corrupt_image, r"1\.png cannot be read"),
        (cut_image, r"0\.png cannot be read"),
        (corrupt_table, "cannot be loaded"),
        (unlabelled, "unlabelled|empty cells"),
        (deep_image, "8 bits per channel"),
    ],
)
def test_unusable_data_is_refused(tmp_path: Path, make: Callable[[Path], str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_data(make(tmp_path))


@pytest.mark.parametrize("numbers", [{"size": 0}, {"limit": -1}])
def test_numbers_must_be_positive(numbers: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        load_data("digits", **numbers)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.tensor([0, 2])),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.tensor([0])),
        (torch.zeros(2, 3, 4, 4), torch.tensor([0, 1])),
        (torch.zeros(0, 3, 4, 4, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64)),
    ],
)
def test_image_data_refuses_what_does_not_fit_together(images: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(DataError):
        ImageData(images, labels, ("cat", "dog"))
