"""`python -m deploy.embedded.guard FOLDER REGISTER…`: ends what registers name once whoever started it is gone.

It reads its standard input, a pipe that nobody writes to: the pipe closes when the starter ends, however it ends.
Tests use it, so that a killed test run leaves no engine behind; a region finds its left-overs at the next start.
"""

import signal
import subprocess
import sys
from pathlib import Path

from deploy.embedded.processes import Register


def watch(folder: Path, *registers: Register) -> subprocess.Popen[bytes]:
    """Start the guard. Close the process's `stdin` to make it do its work.

    In the end it removes `folder`.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.embedded.guard", folder, *(register.path for register in registers)],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )


def main() -> None:
    """Wait for the end of the starter, then end its processes, register by register, and remove the folder."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folder, *registers = map(Path, sys.argv[1:])
    sys.stdin.buffer.read()
    for path in registers:
        if path.parent.exists():
            Register(path).stop_left_overs(patience=20)
    # By itself: some thousand databases of a test run take half a minute, for which nobody need wait.
    subprocess.Popen(["rm", "-rf", folder], start_new_session=True)


if __name__ == "__main__":
    main()
