"""What only some users need is not installed with the library: each part says in one sentence what it lacks."""

from importlib.util import find_spec

from s2dnas.errors import S2dnasError

_PARTS = {
    "cli": ("the command line", ("rich", "typer")),
    "data": ("loading and augmenting data", ("PIL", "datasets", "huggingface_hub", "kornia", "sklearn")),
    "export": ("exporting a network", ("onnx", "onnxruntime", "onnxscript")),
    "runtime": ("running a bundle", ("onnx", "onnxruntime")),
    "openvino": ("running a bundle in OpenVINO", ("openvino",)),
    "serve": (
        "serving a bundle",
        ("PIL", "httptools", "onnxruntime", "prometheus_client", "starlette", "uvicorn"),
    ),
    "ray": ("work on many machines", ("onnxruntime", "ray")),
    "search": ("the search strategy 'tpe'", ("optuna",)),
    "report": ("a report with plots", ("PIL", "jinja2", "markupsafe", "matplotlib")),
}
"""Of each extra of pyproject.toml: the part that it is for, and the modules that it brings."""


class MissingExtraError(S2dnasError):
    """A part is used whose extra is not installed."""


def require_extra(extra: str, *modules: str) -> None:
    """Raise MissingExtraError unless these modules of an extra are installed, or all of them where none is named.

    Nothing is imported, so a long job can ask for all that it will need before it starts.
    """
    part, known = _PARTS[extra]
    missing = [module for module in modules or known if find_spec(module) is None]
    if missing:
        raise MissingExtraError(f"{part} needs {', '.join(missing)}, not found here: pip install 's2dnas[{extra}]'")
