"""Settings of any kind: read, changed by pairs, checked, and told apart from their defaults."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from s2dnas.config import Section, changed, content_of, validated
from s2dnas.errors import SettingsError


@dataclass(frozen=True)
class Schedule:
    steps: int = 1
    name: str = "constant"


class Inner(Section):
    shares: tuple[float, ...] = (0.5,)
    on: bool = False


class Outer(Section):
    kind: str
    inner: Inner = Inner()
    schedule: Schedule = Schedule(steps=7, name="cosine")


def test_pairs_stand_on_top_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "outer.toml").write_text('kind = "a"\ninner.on = true\nschedule.steps = 2\n')
    content = content_of(tmp_path / "outer.toml", ["inner.shares=[0.25, 1]", "schedule.steps=3", "kind=plain text"])
    found = validated(content, Outer)
    assert found == Outer(
        kind="plain text", inner=Inner(shares=(0.25, 1.0), on=True), schedule=Schedule(steps=3, name="cosine")
    )


def test_the_pairs_that_were_changed_make_the_same_settings_again() -> None:
    given = Outer(kind="b", inner=Inner(shares=(0.1, 0.2), on=True), schedule=Schedule(steps=9, name="cosine"))
    assert changed(given) == ["kind=b", "inner.shares=[0.1, 0.2]", "inner.on=true", "schedule.steps=9"]
    assert validated(content_of(None, changed(given)), Outer) == given
    assert changed(Outer(kind="b")) == ["kind=b"]


def test_all_faults_are_told_at_once_each_with_its_place() -> None:
    with pytest.raises(SettingsError) as raised:
        validated(content_of(None, ["inner.shars=[1]", "schedule.stepps=1", "inner.on=perhaps"]), Outer)
    said = str(raised.value)
    assert "unknown setting 'inner.shars'; did you mean 'shares'?" in said
    assert "unknown setting 'schedule.stepps'; did you mean 'steps'?" in said
    assert "'inner.on'" in said
    assert "'perhaps'" in said
    assert "'kind'" in said


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["inner.on"], "write key=value"),
        (["=3"], "write key=value"),
        (["kind=a", "kind.name=b"], "'kind' is a single setting"),
    ],
)
def test_what_is_no_setting_is_refused(pairs: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        content_of(None, pairs)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.toml cannot be read"):
        content_of(tmp_path / "missing.toml", [])
    (tmp_path / "broken.toml").write_text("kind = ")
    with pytest.raises(SettingsError, match=r"broken\.toml is not valid TOML"):
        content_of(tmp_path / "broken.toml", [])
