"""A report says what its content holds: round trip, derived numbers, valid and self-contained output."""

import base64
import io
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from s2dnas.errors import ArtifactError, DataError
from s2dnas.report.console import summary_table
from s2dnas.report.content import ReportContent, SearchRecord
from s2dnas.report.html import render
from s2dnas.report.images import Gallery, tiles
from s2dnas.report.plots import draw
from s2dnas.report.progress import search_plot
from s2dnas.report.rows import comparison, headline, point_name, savings
from s2dnas.report.style import POINT
from s2dnas.report.text import duration, letter, percent, points, shorten
from s2dnas.report.write import write_report

HOSTILE = """--!>]]></svg><script>alert("x")</script>$\\frac{1}$\x1b&amp;'"""


def document(num_points: int = 2, num_couplings: int = 3) -> dict[str, Any]:
    point = {
        "accuracy": 0.869,
        "mean_macs": 20e6,
        "exit_share": [0.6, 0.4, 0.0],
        "exit_accuracy": [0.95, 0.75, None],
        "thresholds": [0.9, 0.8],
        "calibrate_accuracy": 0.87,
        "calibrate_macs": 20.5e6,
    }
    widths = [{"name": f"c{i}", "layers": 2, "widths": [2, 1, 1], "channels": 16} for i in range(num_couplings)]
    return {
        "model": "resnet20",
        "data": "CIFAR-10",
        "command": "s2dnas run",
        "seed": 3,
        "static": {"accuracy": 0.874, "macs": 40_000_000, "params": 270_000, "seconds": 60.0, "epochs": 5},
        "static_control": {"accuracy": 0.876, "epochs": 4, "seconds": 50.0},
        "stages": [
            {"accuracy": a, "macs": m, "params": 1000}
            for a, m in ((0.7, 8_000_000), (0.8, 15_000_000), (0.87, 30_000_000))
        ],
        "operating_points": [{"target": f"target number {i}", **point} for i in range(num_points)],
        "unreached": [{"target": "macs <= 1 %", "reason": "stage 1 needs 20 %"}],
        "curve": [{"mean_macs": 8e6, "accuracy": 0.7}, {"mean_macs": 30e6, "accuracy": 0.87}],
        "search": {
            "evaluations": 3,
            "seconds": 5.0,
            "shared_seconds": 9.0,
            "strategy": "reinforce",
            "rewards": [0.4, 0.6, 0.5],
            "accuracies": [0.5, 0.7, 0.6],
            "costs": [1e7, 2e7, 3e7],
            "proposed": 12,
            "feasible": 3,
            "uniform_gain": 0.0123,
            "uniform_error": 0.01,
            "preferences": [
                {"coupling": "c0", "middle": [0.3, 0.6], "spread": [0.1, 0.0], "chosen": [0.25, 0.75]},
            ],
        },
        "training": {
            "epochs": 2,
            "seconds": 70.0,
            "history": [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5, "stage_accuracy": [0.5, 0.6, 0.7]}],
        },
        "plan": {"num_stages": 3, "couplings": widths, "indicators": {"conv1": [1, 0, 1], "conv2": [1, 1, 1]}},
        "whole": [{"module": "attention", "operator": "softmax", "reason": "has no rule"}],
        "settings": {"search": {"evaluations": 3}, "augment": ["crop", None]},
        "versions": {"python": "3.11"},
        "hardware": "2 CPU cores",
    }


def content(**kwargs: int) -> ReportContent:
    return ReportContent.model_validate(document(**kwargs))


def page(value: ReportContent, first: Gallery | None = None) -> str:
    return render(value, draw(value), first, None)


def gallery(channels: int = 3, size: int = 32) -> Gallery:
    return Gallery(np.full((2, channels, size, size), 7, np.uint8), ("cat, 0.99", "dog, 0.98"))


# content


def test_content_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    content().save(tmp_path / "report.json")
    assert ReportContent.load(tmp_path / "report.json") == content()


@pytest.mark.parametrize("place", [(), ("static",), ("stages", 0), ("plan",), ("search",)])
def test_unknown_keys_are_refused(place: tuple[Any, ...]) -> None:
    changed = document()
    part: Any = changed
    for key in place:
        part = part[key]
    part["flops"] = 1
    with pytest.raises(ValidationError, match="flops"):
        ReportContent.model_validate(changed)


def test_a_damaged_file_is_an_artifact_error(tmp_path: Path) -> None:
    content().save(path := tmp_path / "report.json")
    path.write_text(path.read_text().replace('"seed"', '"sead"'))
    with pytest.raises(ArtifactError, match="sead"):
        ReportContent.load(path)


@pytest.mark.parametrize("key", ["exit_share", "exit_accuracy"])
def test_values_per_stage_have_one_entry_per_stage(key: str) -> None:
    changed = document()
    changed["operating_points"][0][key].pop()
    with pytest.raises(ValidationError, match=key):
        ReportContent.model_validate(changed)


@pytest.mark.parametrize(("key", "bad"), [("accuracy", 87.4), ("accuracy", float("nan")), ("macs", 0)])
def test_accuracies_are_fractions_and_macs_positive(key: str, bad: float) -> None:
    changed = document()
    changed["static"][key] = bad
    with pytest.raises(ValidationError, match=key):
        ReportContent.model_validate(changed)


def test_numpy_numbers_are_accepted_and_written_as_json(tmp_path: Path) -> None:
    changed = document()
    changed["static"] |= {"accuracy": np.float64(0.5), "macs": np.int64(40_000_000)}
    changed["operating_points"][0]["exit_share"] = tuple(np.array([0.5, 0.25, 0.25]))
    ReportContent.model_validate(changed).save(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["static"]["macs"] == 40_000_000


# what is derived


def test_comparison_lists_static_stages_and_points_against_static() -> None:
    rows = comparison(content())
    assert [row.kind for row in rows] == ["static"] * 2 + ["stage"] * 3 + ["point"] * 2
    assert rows[0].difference == 0
    assert rows[2].difference == pytest.approx(-0.174)
    assert rows[2].cost == pytest.approx(0.2)
    assert rows[-1].cost == pytest.approx(0.5)
    assert rows[-1].exit_share == (0.6, 0.4, 0.0)


def test_times_stand_beside_macs_or_are_said_to_be_missing() -> None:
    times = {"batch": 4, "static": 2.0, "stages": [0.5, 1.0, 1.5]}
    timed = document() | {"latency": {"engine": "e", "processor": "p", "threads": 1, "times": [times]}}
    found = ReportContent.model_validate(timed)
    rows = {row.name: row for row in comparison(found)}
    assert rows["static"].milliseconds == (2.0,)
    assert rows["stage 2 for all"].milliseconds == (1.0,)
    point = found.operating_points[0]
    assert rows[point_name(found, 0)].milliseconds == pytest.approx((np.dot(point.exit_share, times["stages"]),))
    assert "ms at 4" in render(found, draw(found), None, None)
    without = ReportContent.model_validate(document())
    assert all(row.milliseconds == () for row in comparison(without))
    assert "Times were not measured" in render(without, draw(without), None, None)
    with pytest.raises(ValidationError, match="times of 'batch 4'"):
        ReportContent.model_validate(timed | {"latency": timed["latency"] | {"times": [times | {"stages": [1.0]}]}})


def test_savings_by_structure_and_by_early_exit_add_up() -> None:
    saving = savings(content())[0]
    assert saving.structure == pytest.approx(0.25)
    assert saving.exits == pytest.approx(0.25)
    assert saving.total == pytest.approx(1 - 20 / 40)


def test_headline_compares_the_first_point_with_static() -> None:
    assert headline(content()) == (
        "On CIFAR-10, the dynamic resnet20 answers with 86.9 % accuracy at 50 % of the static network's macs "
        "(static: 87.4 %)."
    )
    assert "reached no target" in headline(content(num_points=0))


@pytest.mark.parametrize(
    ("seconds", "text"), [(7.25, "7.2 s"), (59.97, "1 min 00 s"), (75, "1 min 15 s"), (4000, "1 h 07 min")]
)
def test_durations_read_naturally(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_are_formatted_alike() -> None:
    assert (percent(0.8694), percent(0.8694, 2), points(0.0015), points(-0.005)) == (
        "86.9 %",
        "86.94 %",
        "+0.15",
        "\N{MINUS SIGN}0.50",
    )
    assert points(-1e-9) == "0.00"
    assert [letter(index) for index in (0, 25, 26, 52)] == ["A", "Z", "AA", "BA"]


@given(st.text(max_size=60), st.integers(4, 40))
def test_shortened_names_fit_and_are_printable(name: str, length: int) -> None:
    short = shorten(name, length)
    assert len(short) <= length
    assert short.isprintable()
    assert len(name) > length or len(short) == len(name)


# plots


def test_plots_are_valid_and_deterministic_svg() -> None:
    plots = draw(content())
    assert set(plots) == {"cost_accuracy", "exits", "plan", "indicators", "search", "preferences", "training"}
    assert draw(content()) == plots
    for svg in plots.values():
        assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
        assert "<text" in svg


def test_the_global_look_of_matplotlib_stays() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw(content())
    assert dict(matplotlib.rcParams) == before


def test_exits_show_shares_and_a_dash_where_nobody_leaves() -> None:
    svg = draw(content(num_points=1))["exits"]
    texts = re.findall(r">([^<]+)</text>", svg)
    assert {"60 %", "40 %", "95.0 %", "75.0 %", "\N{EN DASH}"} <= set(texts)


def test_a_hundred_couplings_each_get_a_row_and_more_height() -> None:
    small, large = (draw(content(num_couplings=count))["plan"] for count in (3, 100))

    def height(svg: str) -> float:
        return float(ElementTree.fromstring(svg).attrib["height"].removesuffix("pt"))

    assert all(f">c{index}</text>" in large for index in range(100))
    assert height(large) > height(small) + 97 * 9


def with_search(**changed: object) -> ReportContent:
    value = document()
    value["search"] |= changed
    return ReportContent.model_validate(value)


def test_the_best_of_the_last_turn_is_marked_and_each_turn_has_its_own() -> None:
    one, two = (
        search_plot(SearchRecord.model_validate(document()["search"] | {"turn_starts": starts}))
        for starts in ((0,), (0, 2))
    )

    def marked(svg: str) -> float:
        """Where, from left to right, two markers lie on each other: a plan and the sign that it is the best."""
        uses = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}use")
        places = Counter((use.get("x"), use.get("y")) for use in uses)
        ((x, _),) = (place for place, count in places.items() if count == 2)
        return float(x or 0)

    assert marked(two) > marked(one)

    def falls(svg: str) -> bool:
        """Whether the best so far gets worse, which it does where a turn begins."""
        line = re.findall(rf'<path d="([^"]+)"[^>]*stroke: {POINT}; stroke-width: 1.6', svg)[0]
        heights = [float(height) for height in re.findall(r"[ML] \S+ (\S+)", line)]
        return any(lower > higher + 0.1 for higher, lower in pairwise(heights))

    assert falls(two)
    assert not falls(one)


def test_a_page_says_how_plans_got_their_weights() -> None:
    drawn = dict.fromkeys(("cost_accuracy", "plan", "exits"), "<svg/>")
    before, in_turns, alone = (
        render(with_search(**changed), drawn, None, None)
        for changed in ({}, {"turn_starts": (0, 2)}, {"trial_seconds": 3.0, "trained_all": True, "seconds": 20.0})
    )
    assert ", after 9.0 s of training the shared network" in before
    assert ", in 2 turns with 9.0 s of training the shared network" in in_turns
    assert "each of them was tried out by training, for 3.0 s in all" in alone


def test_plots_without_data_are_left_out() -> None:
    bare = document(num_points=0)
    bare |= {"search": None, "training": None, "curve": [], "static_control": None, "stages": bare["stages"][:1]}
    bare["plan"] = {"num_stages": 1, "couplings": [], "indicators": {}}
    value = ReportContent.model_validate(bare)
    assert set(draw(value)) == {"cost_accuracy", "plan"}
    assert "reached no target" in page(value)


def test_units_of_unequal_size_are_counted_as_units() -> None:
    changed = document()
    changed["plan"]["couplings"][0]["channels"] = 17
    svg = draw(ReportContent.model_validate(changed))["plan"]
    assert ">2 u</text>" in svg
    assert ">8</text>" in svg


# page


def test_page_loads_nothing_from_elsewhere() -> None:
    html = page(content(), gallery())
    links = re.findall(r"""(?:src|href|data|action)\s*=\s*["']([^"']*)""", html)
    assert links
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert not re.search(r"@import|<script|<link|<iframe|url\((?!#)", html)
    without_names = re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)
    assert not re.search(r"https?://", without_names)


@pytest.mark.parametrize("num_points", [1, 2, 5])
def test_page_shows_every_operating_point(num_points: int) -> None:
    html = page(content(num_points=num_points))
    for index in range(num_points):
        assert f"<td>{letter(index)}: target number {index}</td>" in html


def test_page_shows_what_a_reader_needs() -> None:
    html = page(content(), gallery())
    for expected in (
        "stage 1 needs 20 %",
        "has no rule",
        "s2dnas run",
        "2 CPU cores",
        "python 3.11",
        "search.evaluations",
        "[&#34;crop&#34;, null]",
        "30.00 M macs instead of 40.00 M",
        "static, 4 epochs more",
        "cat, 0.99",
        "Of 12 plans that were drawn, 3 kept the limits",
        "1.23 ± 1.0 points more of the search split",
        "a difference that chance may have made",
    ):
        assert expected in html


@pytest.mark.parametrize(("gain", "by_chance"), [(0.015, True), (-0.015, True), (0.03, False), (-0.03, False)])
def test_a_plan_that_is_worse_than_uniform_ones_is_not_called_chance(gain: float, by_chance: bool) -> None:
    changed = document()
    changed["search"]["uniform_gain"] = gain
    assert ("a difference that chance may have made" in page(ReportContent.model_validate(changed))) == by_chance


def test_hostile_names_are_text_everywhere() -> None:
    changed = document()
    changed |= {"model": HOSTILE, "data": HOSTILE, "command": HOSTILE, "settings": {HOSTILE: HOSTILE}}
    changed["operating_points"][0]["target"] = HOSTILE
    changed["plan"]["couplings"][0]["name"] = HOSTILE
    changed["plan"]["indicators"] = {HOSTILE: [1, 0, 1]}
    changed["search"]["preferences"][0]["coupling"] = HOSTILE
    value = ReportContent.model_validate(changed)
    for svg in draw(value).values():
        ElementTree.fromstring(svg)
    assert "<script" not in page(value)
    assert summary_table(value).row_count == 7


# images, console, files


@pytest.mark.parametrize(("size", "shown"), [(32, 64), (28, 56), (224, 64), (64, 64), (1, 64)])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_are_about_64_pixels(channels: int, size: int, shown: int) -> None:
    tile = tiles(gallery(channels, size))[0]
    assert (tile.width, tile.height, tile.caption) == (shown, shown, "cat, 0.99")


def test_tiles_keep_the_pixels() -> None:

    from PIL import Image

    images = np.arange(3 * 32 * 32, dtype=np.uint8).reshape(1, 3, 32, 32)
    encoded = tiles(Gallery(images, ("x",)))[0].uri.partition(",")[2]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
    assert np.array_equal(shown[::2, ::2].transpose(2, 0, 1), images[0])
    assert np.array_equal(shown[1::2, 1::2], shown[::2, ::2])


@pytest.mark.parametrize(
    ("images", "captions"),
    [
        (np.zeros((1, 2, 4, 4), np.uint8), ("a",)),
        (np.zeros((1, 3, 4, 4), np.float32), ("a",)),
        (np.zeros((2, 3, 4, 4), np.uint8), ("a",)),
    ],
)
def test_galleries_that_cannot_be_shown_are_refused(images: Any, captions: tuple[str, ...]) -> None:
    with pytest.raises(DataError):
        Gallery(images, captions)


def test_summary_table_prints_each_row_as_it_is() -> None:
    from rich.console import Console

    changed = document()
    changed["operating_points"][0]["target"] = "[red]x"
    table = summary_table(ReportContent.model_validate(changed))
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table)
    text = console.export_text()
    assert table.row_count == 7
    assert "A: [red]x" in text
    assert "60 / 40 / 0" in text


def test_report_folder_holds_page_data_and_plots(tmp_path: Path) -> None:
    path = write_report(tmp_path / "run", content(), gallery(), gallery(1))
    assert path == tmp_path / "run" / "report.html"
    assert ReportContent.load(tmp_path / "run" / "report.json") == content()
    assert {file.stem for file in (tmp_path / "run" / "plots").iterdir()} == set(draw(content()))
    first = path.read_bytes()
    assert write_report(tmp_path / "run", content(), gallery(), gallery(1)).read_bytes() == first
