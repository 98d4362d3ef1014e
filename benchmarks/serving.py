"""What serving costs over calling the session, and what a server does beyond its capacity.

python benchmarks/serving.py --json results/serving.json --minutes 10

A ResNet-18 with random weights, thresholds set so that about half of all images leave at each stage. The server is a
process of its own (`s2dnas serve`), the client this one; both, and the session that they are compared with, use one
thread each.
CPU time is what the kernel counts for a process or, of the server, for the thread that speaks HTTP.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

import s2dnas
from s2dnas.artifacts import write_json
from s2dnas.exits import ExitRule
from s2dnas.export.bundling import export
from s2dnas.models.registry import create_model
from s2dnas.runtime import Bundle, Session
from s2dnas.staged.build import build

SIZES = (1, 8, 32)
DEADLINE = 1.0
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10.0, help="of overload, with relief and without")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="per round and side")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        bundle, images = random_bundle(Path(folder), given.image_size)
        session = Session(bundle)
        with serving(bundle, "--deadline", "60000", "--relief-most", "0") as server:
            costs = [compared(session, server, images[:count], given.rounds, given.seconds) for count in SIZES]
            capacity = asyncio.run(closed_loop(server, images[:1], 16, given.seconds))["images_per_second"]
        print({"capacity": capacity}, flush=True)
        overloads = []
        for relief in ("1", "0"):
            with serving(bundle, "--deadline", str(1000 * DEADLINE), "--relief-most", relief) as server:
                found = asyncio.run(overload(server, images[:1], 1.2 * capacity, 60 * given.minutes))
            overloads.append({"relief_most": float(relief), "offered_per_second": 1.2 * capacity, **found})
            print(overloads[-1], flush=True)
    content = {
        "image_size": given.image_size,
        "minutes": given.minutes,
        "cores": os.cpu_count(),
        "rounds": given.rounds,
    }
    write_json(given.json, "serving", {**content, "costs": costs, "capacity": capacity, "overloads": overloads})


def random_bundle(folder: Path, size: int) -> tuple[Bundle, np.ndarray[Any, Any]]:
    """A bundle, and 32 images for it."""
    torch.manual_seed(0)
    net = s2dnas.analyse(create_model("resnet18", 10).eval(), torch.zeros(1, 3, size, size))
    network = build(net.graph, net.space(3, min_width=32).uniform([0.5, 0.25, 0.25]))
    images = np.random.default_rng(0).standard_normal((max(SIZES), 3, size, size)).astype(np.float32)
    nobody = export(network, ExitRule("margin", (2.0, 2.0)), folder / "first", traced=True)
    thresholds = tuple(
        float(np.median(Session(nobody)(images, thresholds=limits).scores)) for limits in ((0.0, 2.0), (2.0, 0.0))
    )
    return export(network, ExitRule("margin", thresholds), folder / "bundle", traced=True), images


@dataclass(frozen=True)
class Server:
    """A running process and its port."""

    pid: int
    port: int

    def cpu(self, thread: int | None = None) -> float:
        """Seconds of CPU of the process, or of one of its threads; the main thread has the process's number."""
        path = f"/proc/{self.pid}/stat" if thread is None else f"/proc/{self.pid}/task/{thread}/stat"
        fields = Path(path).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> int:
        """Bytes that it holds."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@contextmanager
def serving(bundle: Bundle, *options: str) -> Iterator[Server]:
    """`s2dnas serve` on a free port."""
    command = [sys.executable, "-c", "from s2dnas.cli import main; main()", "serve", str(bundle.folder), "--port", "0"]
    command += options
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process.pid, int(process.stdout.readline().rpartition(":")[2]))
        finally:
            process.terminate()


def compared(
    session: Session, server: Server, images: np.ndarray[Any, Any], rounds: int, seconds: float
) -> dict[str, Any]:
    """Session and server in turn, A B A B: CPU per request with one client, images per second with two."""
    rows: list[dict[str, float]] = []
    for _ in range(rounds + 1):
        alone = called(session, images, seconds)
        one = asyncio.run(closed_loop(server, images, 1, seconds))
        two = asyncio.run(closed_loop(server, images, 2, seconds))
        rows.append(
            {
                "session_cpu_ms": alone["cpu_ms"],
                "server_cpu_ms": one["cpu_ms"],
                "http_thread_cpu_ms": one["http_thread_cpu_ms"],
                "throughput_share": two["images_per_second"] / alone["images_per_second"],
                "images_per_cpu_second_share": alone["cpu_ms"] / two["cpu_ms"],
            }
        )
    rows = rows[1:]  # the first round warms up
    found = {"images": len(images), **{name: median(row[name] for row in rows) for name in rows[0]}, "rounds": rows}
    print({name: value for name, value in found.items() if name != "rounds"}, flush=True)
    return found


def called(session: Session, images: np.ndarray[Any, Any], seconds: float) -> dict[str, float]:
    """The session, called in this process."""
    start, cpu, calls = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < seconds:
        session(images)
        calls += 1
    took = time.perf_counter() - start
    return {"cpu_ms": 1e3 * (time.process_time() - cpu) / calls, "images_per_second": calls * len(images) / took}


def encoded(images: np.ndarray[Any, Any]) -> bytes:
    """A whole HTTP request with a binary tensor."""
    shape = list(images.shape)
    head = (
        f'{{"inputs":[{{"name":"image","datatype":"FP32","shape":{shape},"parameters":{{"binary_data_size":{images.nbytes}}}'
        '}],"parameters":{"binary_data_output":true}}'
    ).encode()
    lines = ["POST /v2/models/s2dnas/infer HTTP/1.1", "Host: localhost", f"Content-Length: {len(head) + images.nbytes}"]
    lines.append(f"Inference-Header-Content-Length: {len(head)}")
    return "\r\n".join([*lines, "", ""]).encode() + head + images.tobytes()


class Connection:
    """One that is kept; several requests go through it, one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    @staticmethod
    async def to(server: Server) -> "Connection":
        return Connection(*await asyncio.open_connection("127.0.0.1", server.port))

    @property
    def closed(self) -> bool:
        """Whether the server has closed it, as it does with those that nothing came through for some seconds."""
        return self._reader.at_eof()

    async def ask(self, request: bytes) -> int:
        """The status of the response, once all of it is there."""
        self.writer.write(request)
        await self.writer.drain()
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"\r\ncontent-length: ")[2].split(b"\r\n")[0])
        await self._reader.readexactly(length)
        return int(head.split()[1])


async def closed_loop(server: Server, images: np.ndarray[Any, Any], clients: int, seconds: float) -> dict[str, float]:
    """Each client asks anew as soon as it has its answer."""
    request, end = encoded(images), time.perf_counter() + seconds

    async def client() -> int:
        connection, calls = await Connection.to(server), 0
        while time.perf_counter() < end:
            assert await connection.ask(request) == 200
            calls += 1
        connection.writer.close()
        return calls

    start, cpu, http = time.perf_counter(), server.cpu(), server.cpu(server.pid)
    calls = sum(await asyncio.gather(*(client() for _ in range(clients))))
    took = time.perf_counter() - start
    return {
        "images_per_second": calls * len(images) / took,
        "cpu_ms": 1e3 * (server.cpu() - cpu) / calls,
        "http_thread_cpu_ms": 1e3 * (server.cpu(server.pid) - http) / calls,
    }


async def overload(server: Server, images: np.ndarray[Any, Any], per_second: float, seconds: float) -> dict[str, Any]:
    """Requests come at random, that often, whatever becomes of those before."""
    request, rng = encoded(images), np.random.default_rng(0)
    statuses: Counter[str] = Counter()
    latencies: list[float] = []
    memory: list[int] = []
    idle: list[Connection] = []

    async def ask() -> None:
        start = time.perf_counter()
        try:
            open_ones = iter(lambda: idle.pop() if idle else None, None)
            connection = next((each for each in open_ones if not each.closed), None) or await Connection.to(server)
            status = await connection.ask(request)
        except (OSError, asyncio.IncompleteReadError) as error:
            statuses[type(error).__name__] += 1
            return
        idle.append(connection)
        statuses[str(status)] += 1
        if status == 200:
            latencies.append(time.perf_counter() - start)

    start, due, watched = time.perf_counter(), 0.0, 0.0
    async with asyncio.TaskGroup() as group:
        while due < seconds:
            await asyncio.sleep(max(0.0, start + due - time.perf_counter()))
            group.create_task(ask())
            due += rng.exponential(1 / per_second)
            if due >= watched:
                memory.append(server.memory())
                watched += 1.0
    sent, answered = statuses.total(), len(latencies)
    third = max(len(memory) // 3, 1)
    return {
        "sent": sent,
        "statuses": dict(statuses),
        "lost": sent - sum(statuses[status] for status in ("200", "503", "504")),
        "answered_per_second": answered / seconds,
        "latency_p50": float(np.quantile(latencies, 0.5)),
        "latency_p99": float(np.quantile(latencies, 0.99)),
        "memory_first_third": median(memory[:third]),
        "memory_last_third": median(memory[-third:]),
    }


if __name__ == "__main__":
    main()
