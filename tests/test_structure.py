"""What CONTRIBUTING promises of the source, read from its text: no circles, no name twice, short parts, docstrings.

Each check is also given a small tree with the fault that it is there for.
"""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 250, 40

Modules = dict[str, ast.Module]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def parsed(root: Path) -> Modules:
    """All modules below a folder, by dotted name; a package is called as its folder is."""
    paths = {path.relative_to(root).with_suffix(""): path for path in sorted(root.rglob("*.py"))}
    return {
        ".".join(path.parent.parts if path.name == "__init__" else path.parts): ast.parse(file.read_text(), str(file))
        for path, file in paths.items()
    }


def imported(name: str, modules: Modules) -> set[str]:
    """The modules among ``modules`` that one of them imports: anywhere in its text, for types only as well."""
    found = set()
    for node in ast.walk(modules[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relative to itself; write the whole name"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {module if module in modules else node.module for module in inner}
    return found & modules.keys() - {name}


def circle(modules: Modules) -> list[str]:
    """Modules each of which is imported by the next, the first one again at the end; empty if there is no circle."""
    try:
        TopologicalSorter({name: imported(name, modules) for name in modules}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def outermost(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those under a condition of its own included."""
    for node in body:
        if isinstance(node, ast.If | ast.Try | ast.With):
            for part in ("body", "orelse", "finalbody"):
                yield from outermost(getattr(node, part, []))
        else:
            yield node


def defined(tree: ast.Module) -> Iterator[str]:
    """The public functions, classes and constants that a module defines; what it imports is not its own."""
    for node in outermost(tree.body):
        if isinstance(node, Definition):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def homonyms(modules: Modules) -> dict[str, list[str]]:
    """The names that several modules define, and which."""
    places = defaultdict(list)
    for name, tree in modules.items():
        for public in set(defined(tree)):
            places[public].append(name)
    return {public: found for public, found in places.items() if len(found) > 1}


def long_functions(modules: Modules) -> list[str]:
    """The functions of more lines than a function may have, inner ones and methods included."""
    return [
        f"{name}.{node.name}: {length} lines"
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LINES_OF_A_FUNCTION
    ]


def undocumented(modules: Modules) -> list[str]:
    """The modules, public functions, classes and methods without a docstring."""
    return [
        name for module, tree in modules.items() for name, node in _public(module, tree) if not ast.get_docstring(node)
    ]


def _public(name: str, node: ast.Module | Definition) -> Iterator[tuple[str, ast.Module | Definition]]:
    yield name, node
    if isinstance(node, ast.Module | ast.ClassDef):
        for part in outermost(node.body):
            if isinstance(part, Definition) and not part.name.startswith("_"):
                yield from _public(f"{name}.{part.name}", part)


@pytest.fixture(scope="module")
def source() -> Modules:
    modules = parsed(SOURCE)
    assert {"s2dnas", "s2dnas.exits.rule", "s2dnas.cli.app"} <= modules.keys()
    return modules


def planted(folder: Path, **files: str) -> Modules:
    for name, text in files.items():
        path = folder / "house" / Path(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return parsed(folder)


def test_no_circles_among_files(source: Modules) -> None:
    assert circle(source) == []


@pytest.mark.parametrize(
    "back",
    [
        "from house.low import first",
        "from house import low",
        "import house.low",
        "if TYPE_CHECKING:\n    from house.low import first",
        "def late():\n    from house.low import first",
    ],
)
def test_a_circle_is_found(back: str, tmp_path: Path) -> None:
    modules = planted(tmp_path, low="import house.middle", middle="from house.high import x", high=back)
    found = circle(modules)
    assert set(found) == {"house.low", "house.middle", "house.high"}
    assert circle(planted(tmp_path, high="from elsewhere import low")) == []


def test_no_public_name_is_defined_twice(source: Modules) -> None:
    assert homonyms(source) == {}


def test_a_name_that_is_defined_twice_is_found(tmp_path: Path) -> None:
    first = "import os\nfrom house.b import seen\ndef run(): ...\nLIMIT: int = 1\n_own = 1\n"
    second = "import os\nseen = 1\nif seen:\n    class run: ...\nelse:\n    LIMIT, other = 1, 2\n_own = 2\n"
    modules = planted(tmp_path, a=first, b=second, room__c="def other(): ...")
    assert homonyms(modules) == {
        "run": ["house.a", "house.b"],
        "LIMIT": ["house.a", "house.b"],
        "other": ["house.b", "house.room.c"],
    }


def test_no_file_is_long() -> None:
    lengths = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}
    assert {path: length for path, length in lengths.items() if length > LINES_OF_A_FILE} == {}


def test_no_function_is_long(source: Modules) -> None:
    assert long_functions(source) == []


def test_a_long_function_is_found(tmp_path: Path) -> None:
    short = "class A:\n    def short(self):\n" + "        pass\n" * (LINES_OF_A_FUNCTION - 1)
    long = short + "\n    async def long(self):\n" + "        pass\n" * LINES_OF_A_FUNCTION
    assert long_functions(planted(tmp_path, a=long)) == [f"house.a.long: {LINES_OF_A_FUNCTION + 1} lines"]


def test_everything_public_has_a_docstring(source: Modules) -> None:
    assert undocumented(source) == []


def test_a_missing_docstring_is_found(tmp_path: Path) -> None:
    outside = '"""Said."""\ndef f(): ...\ndef _g(): ...\n'
    inside = 'class C:\n    """Said."""\n    def m(self): ...\n    def _n(self): ...\n'
    assert undocumented(planted(tmp_path, a=outside + inside, b="")) == ["house.a.f", "house.a.C.m", "house.b"]


def test_the_picture_of_the_house_shows_its_layers() -> None:
    """Those that import-linter enforces, from the top, and everything that stands in the source is on one of them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    names = [part.strip().removeprefix("s2dnas.") for layer in layers for part in layer.split("|")]
    picture = (ROOT / "docs" / "pictures" / "house.svg").read_text()
    assert re.findall(r'class="name"[^>]*>([^<]+)<', picture) == names
    inside = {path.stem for path in (SOURCE / "s2dnas").iterdir() if path.is_dir() or path.suffix == ".py"}
    assert set(names) == inside - {"__init__", "__pycache__"}


def test_what_contributing_names_is_there() -> None:
    named = set(re.findall(r"`((?:src|tests|benchmarks|configs|docs)/[^` ]+)`", (ROOT / "CONTRIBUTING.md").read_text()))
    assert len(named) > 10
    assert [path for path in named if "NAME" not in path and not (ROOT / path).exists()] == []
