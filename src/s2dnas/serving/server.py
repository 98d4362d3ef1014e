"""A bundle on a port, until the process is asked to stop."""

import signal
import socket
from collections.abc import Callable

from s2dnas.errors import SettingsError
from s2dnas.extras import require_extra
from s2dnas.runtime import Session
from s2dnas.serving.limits import ServingLimits

_GRACE = 10
"""Seconds beyond the longest wait that connections have to take their answers when the server stops."""


def serve(
    session: Session, *, name: str, host: str, port: int, limits: ServingLimits, started: Callable[[str], None]
) -> None:
    """Answer requests until SIGTERM or SIGINT; then what was accepted is still answered.

    ``started`` gets the address once requests are taken; port 0 is a free one. Raises SettingsError if the address
    cannot be had, MissingExtraError without the extra ``serve``.
    """
    require_extra("serve")
    import uvicorn

    from s2dnas.serving.http.app import ServingApp

    application = ServingApp(session.bundle, session, name=name, limits=limits).application
    grace = int(limits.deadline) + _GRACE
    config = uvicorn.Config(application, log_level="warning", access_log=False, timeout_graceful_shutdown=grace)
    server = uvicorn.Server(config)
    with _listening(host, port) as listener:
        for number in (signal.SIGTERM, signal.SIGINT):
            # uvicorn stops on these, and raises them anew when it has: by then all is done.
            signal.signal(number, lambda *_: None)
        started(_address(listener))
        server.run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise SettingsError(f"{host}:{port} cannot be listened on ({error}); give another --host or --port") from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
