"""Settings from TOML files and ``key=value`` pairs, checked as a whole: all faults are told at once."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError, model_validator
from pydantic.fields import FieldInfo

from s2dnas.errors import SettingsError, nearest
from s2dnas.records import Record


class Section(Record):
    """Settings that belong together; frozen, unknown keys are refused.

    Where the default of a field is a dataclass, such as a recipe, what is not given of it is as in that default.
    """

    @model_validator(mode="before")
    @classmethod
    def _on_top_of_defaults(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        return {name: _completed(value, cls.model_fields.get(name)) for name, value in content.items()}


SectionT = TypeVar("SectionT", bound=Section)


def _completed(value: Any, field: FieldInfo | None) -> Any:
    default = field.default if field is not None else None
    if isinstance(value, Mapping) and is_dataclass(default) and not isinstance(default, type):
        return {**asdict(default), **value}
    return value


def content_of(file: Path | None, overrides: Iterable[str]) -> dict[str, Any]:
    """What a TOML file says, ``key=value`` pairs on top; unchecked. Raises SettingsError if it cannot be read."""
    content = _read(file) if file is not None else {}
    for override in overrides:
        _override(content, override)
    return content


def changed(section: Section) -> list[str]:
    """The ``key=value`` pairs that make this section from its defaults; what has no default is always among them."""
    return _changed(section.model_dump(mode="json"), type(section).model_construct().model_dump(mode="json"), "")


def _changed(given: Mapping[str, Any], default: Mapping[str, Any], prefix: str) -> list[str]:
    pairs: list[str] = []
    for name, value in given.items():
        if isinstance(value, dict):
            pairs += _changed(value, default.get(name, {}), f"{prefix}{name}.")
        elif name not in default or value != default[name]:
            text = value if isinstance(value, str) else json.dumps(value)
            pairs.append(f"{prefix}{name}={text}")
    return pairs


def validated(content: Mapping[str, Any], kind: type[SectionT]) -> SectionT:
    """Settings of nested dicts, as TOML or JSON hold them. Raises SettingsError with all faults at once."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        faults = [_fault(kind, fault["loc"], fault["type"], fault["msg"], fault["input"]) for fault in error.errors()]
        raise SettingsError("\n".join(faults)) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise SettingsError(f"{file} cannot be read ({error.strerror}); give a TOML file of settings") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}; correct the file") from error


def _override(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise SettingsError(f"{override!r} is not a setting; write key=value, such as train.epochs=12")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, name = key.strip().split(".")
    for section in sections:
        content = content.setdefault(section, {})
        if not isinstance(content, dict):
            raise SettingsError(f"{override!r}: {section!r} is a single setting, not a section")
    content[name] = value


def _fault(section: type[Section], place: tuple[int | str, ...], kind: str, message: str, given: Any) -> str:
    path = ".".join(map(str, place))
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown setting {path!r}{nearest(str(place[-1]), _names(section, place[:-1]))}"
    if kind == "value_error":  # a section's own check, whose message names the values
        return f"{f'setting {path!r}' if path else 'settings'}: {message.removeprefix('Value error, ')}"
    return f"setting {path!r}: {message}, not {given!r}"


def _names(section: Any, place: tuple[int | str, ...]) -> list[str]:
    """The settings that a section of a section knows."""
    for name in place:
        section = section.model_fields[str(name)].annotation
    return list(getattr(section, "model_fields", None) or section.__dataclass_fields__)
