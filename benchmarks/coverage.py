"""Which networks of torchvision and timm s2dnas takes: one row per model, each measured in a process of its own.

    python benchmarks/coverage.py --json results/coverage.json --markdown docs/coverage.md

Rows that FILE already holds are kept; ``--again lacking`` measures those anew that are not proven equal or not wholly
divisible. Weights are random, nothing is downloaded.
"""

import argparse
import fnmatch
import multiprocessing
import platform
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from coverage_table import markdown
from measuring import Row, measure, unmeasured
from torch import nn

from s2dnas.artifacts import read_json, write_json
from s2dnas.graph.trace import trace

CHOSEN = Path(__file__).with_name("coverage.toml")


def main() -> None:
    """Measure what is asked for and not measured yet; write the table if asked."""
    options = _options()
    rows = read_rows(options.json)
    wanted = [key for key in chosen() if fnmatch.fnmatch(":".join(key), options.only)]
    missing = [key for key in wanted if key not in rows or _outdated(rows[key], options.again)]
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if missing:
        _load_exporter()
    for index, key in enumerate(missing):
        rows[key] = in_own_process(*key, timeout=options.timeout)
        write_rows(options.json, rows)
        print(f"{index + 1}/{len(missing)} {_line(rows[key])}", flush=True)
    if options.markdown:
        num_chosen = Counter(source for source, _ in chosen())
        options.markdown.write_text(markdown(read_json(options.json, "coverage"), _excluded(), num_chosen))


def chosen() -> list[tuple[str, str]]:
    """(source, model) in the order in which they are measured."""
    table = tomllib.loads(CHOSEN.read_text())
    timm_models = [name for names in table["timm"]["models"].values() for name in names]
    return [("torchvision", name) for name in table["torchvision"]["models"]] + [("timm", n) for n in timm_models]


def read_rows(path: Path) -> dict[tuple[str, str], Row]:
    """The rows of a file by (source, model), none if there is no file."""
    rows = read_json(path, "coverage")["rows"] if path.exists() else []
    return {(row["source"], row["model"]): row for row in rows}


def write_rows(path: Path, rows: dict[tuple[str, str], Row]) -> None:
    """Rows of models that are still chosen, in their order, with the versions that measured the newest of them."""
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    versions |= {"torchvision": torchvision.__version__, "timm": timm.__version__}
    ordered = [rows[key] for key in chosen() if key in rows]
    write_json(path, "coverage", {"versions": versions, "processor": _processor(), "rows": ordered})


def in_own_process(source: str, name: str, timeout: float) -> Row:
    """The row of a model; one with a reason if the process crashed or took too long."""
    context = multiprocessing.get_context("fork")  # what is loaded once need not be loaded for every model
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_row, args=(sender, source, name))
    process.start()
    sender.close()
    try:
        if receiver.poll(timeout):
            return receiver.recv()
        reason = f"not finished after {timeout:.0f} s"
    except EOFError:
        process.join()
        reason = f"the process ended with exit code {process.exitcode}"
    finally:
        process.kill()
        process.join()
    return {**unmeasured(source, name), "reason": reason, "raised": "crash"}


def _send_row(sender: Connection, source: str, name: str) -> None:
    sender.send(measure(source, name))
    sender.close()


def _load_exporter() -> None:
    """The first capture of a process loads half of PyTorch; it belongs to no model."""
    trace(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(16, 2)), torch.zeros(1, 3, 2, 2))


def _outdated(row: Row, again: str) -> bool:
    return again == "all" or (again == "lacking" and (bool(row["reason"]) or not row["seconds"]))


def _line(row: Row) -> str:
    share = "-" if row["divisible"] is None else f"{row['divisible']:.1%}"
    return f"{row['source']}:{row['model']} {share} {row['oracle_error']} {row['seconds']} {row['reason'][:150]}"


def _excluded() -> dict[str, dict[str, str]]:
    table: dict[str, Any] = tomllib.loads(CHOSEN.read_text())
    return {source: part["excluded"] for source, part in table.items()}


def _processor() -> str:
    lines: Iterable[str] = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Which networks of torchvision and timm s2dnas takes.")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="rows; those in it are kept")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="SOURCE:MODEL with * and ?")
    parser.add_argument("--again", choices=("lacking", "all"), default="", help="lacking: with a reason")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table of all rows")
    parser.add_argument("--timeout", type=float, default=300, metavar="SECONDS", help="for one model")
    return parser.parse_args()


if __name__ == "__main__":
    main()
