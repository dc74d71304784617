"""Two engines may pick the same port at the same moment; only one of them has it."""

import signal
import socket
import sys
from pathlib import Path

from deploy.embedded.ports import answers, free_port
from deploy.embedded.processes import Engine, Register

LISTENING = "import socket, sys; one = socket.create_server(('127.0.0.1', int(sys.argv[1]))); one.accept()"


def test_an_engine_does_not_take_who_answers_at_its_port_for_itself(tmp_path: Path) -> None:
    port = free_port()
    engine = Engine(
        "listening",
        register=Register(tmp_path / "processes.json"),
        log=tmp_path / "log",
        stop_signal=signal.SIGTERM,
    )
    with socket.create_server(("127.0.0.1", 0)) as another:
        try:
            engine.spawn([sys.executable, "-c", LISTENING, str(port)], cwd=tmp_path)
            engine.wait_until(lambda: engine.has_port(port), seconds=60)
            taken = another.getsockname()[1]
            assert answers(taken)
            assert not engine.has_port(taken)
        finally:
            engine.stop()
    assert not engine.has_port(port)
