"""The README's Python example runs as it stands."""

import re
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"


def test_the_python_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["net"](names["torch"].zeros(2, 3, 32, 32)).shape == (3, 2, 10)
    assert names["predictions"].shape == names["stages"].shape == (64,)
