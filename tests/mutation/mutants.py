"""The faults that mutmut can put into a package, and which of them count.

Left out, by rule, is what changes no behaviour that is promised: what messages say (everything within a ``raise``, an
f-string or a call of a logger), and the ``strict`` of ``zip``, which only asserts that two lengths agree.
mutmut itself leaves out docstrings, annotations, code outside of functions, and functions with a decorator other than
``staticmethod`` and ``classmethod``.
"""

from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst import matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import Mutation, create_mutations
from mutmut.mutation.trampoline_templates import mangle_function_name
from mutmut.utils.format_utils import get_mutant_name

LOGGER = "_log"
_TEXT = m.Raise() | m.FormattedString() | m.Call(func=m.Attribute(value=m.Name(LOGGER)))
_STRICT = m.Arg(keyword=m.Name("strict"))


@dataclass(frozen=True)
class Mutant:
    """One fault: its name, as mutmut calls it, the file, the line, and the source before and after."""

    name: str
    path: Path
    line: int
    before: str
    after: str
    counts: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.before}  ->  {self.after}"


def mutants(root: Path, package: str) -> list[Mutant]:
    """All mutants of a package below ``root``, a folder with ``src``, in the order of its files."""
    with chdir(root):  # where mutmut looks for its settings, and paths are relative to
        return [each for path in sorted(Path("src", package).rglob("*.py")) for each in _of_file(path)]


def _of_file(path: Path) -> Iterator[Mutant]:
    module, made, _, _ = create_mutations(str(path), path.read_text())
    text = {id(node) for outer in m.findall(module, _TEXT | _STRICT) for node in _below(outer)}
    lines = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    for name, function in _functions(module):
        of_function = (each for each in made if each.contained_by_top_level_function is function)
        for index, mutation in enumerate(of_function, start=1):
            yield Mutant(
                name=get_mutant_name(path, f"{name}__mutmut_{index}"),
                path=path,
                line=lines[mutation.original_node].start.line,
                before=_source(mutation.original_node),
                after=_source(mutation.mutated_node),
                counts=id(mutation.original_node) not in text and not _only_strict(mutation),
            )


def _functions(module: cst.Module) -> Iterator[tuple[str, cst.FunctionDef]]:
    """The functions and methods of a module, by the names that mutmut gives them."""
    for statement in module.body:
        inner = statement.body.body if isinstance(statement, cst.ClassDef) else [statement]
        owner = statement.name.value if isinstance(statement, cst.ClassDef) else None
        for function in inner:
            if isinstance(function, cst.FunctionDef):
                yield mangle_function_name(name=function.name.value, class_name=owner), function


def _below(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _below(child)


def _only_strict(mutation: Mutation) -> bool:
    """Whether a call is given another ``strict``, or none."""
    before, after = (m.findall(node, _STRICT) for node in (mutation.original_node, mutation.mutated_node))
    return isinstance(mutation.original_node, cst.Call) and list(map(id, before)) != list(map(id, after))


def _source(node: cst.CSTNode) -> str:
    return " ".join(cst.Module([]).code_for_node(node).split())
