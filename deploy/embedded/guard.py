"""`python -m deploy.embedded.guard REGISTER`: ends the engines of a register once whoever started it is gone.

It reads its standard input, a pipe that nobody writes to: the pipe closes when the starter ends, however it ends.
Tests use it, so that a killed test run leaves no engine behind; a region finds its left-overs at the next start.
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from deploy.embedded.processes import Register


def watch(register: Register) -> subprocess.Popen[bytes]:
    """Start the guard. Close the process's `stdin` to make it do its work."""
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.embedded.guard", register.path],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )


def main() -> None:
    """Wait for the end of the starter, end its engines, remove the folder that the register is in."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    path = Path(sys.argv[1])
    sys.stdin.buffer.read()
    Register(path).stop_left_overs()
    shutil.rmtree(path.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
