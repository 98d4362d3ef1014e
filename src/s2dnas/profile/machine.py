"""Which machine times belong to."""

import platform
from pathlib import Path

_PROCESSORS = Path("/proc/cpuinfo")


def processor() -> str:
    """What the operating system calls the processor."""
    lines = _PROCESSORS.read_text().splitlines() if _PROCESSORS.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
