"""A headless Chromium driven over a pipe (Chrome DevTools Protocol): no library and no port needed."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 30.0  # seconds for one page
TALLEST = 2600  # pixels
PHONE = 480  # narrower than this is a phone


class NoChromium(RuntimeError):
    """None of the usual names is on the PATH."""


class Chromium:
    """One browser with one tab and an empty profile of its own."""

    def __init__(self) -> None:
        program = next((found for name in NAMES if (found := shutil.which(name))), None)
        if program is None:
            raise NoChromium(
                "There is no Chromium on the PATH; install it, for example with: apt install chromium"
            )
        self._profile = tempfile.TemporaryDirectory(prefix="peercafe-chromium-", ignore_cleanup_errors=True)
        asked_read, self._ask = os.pipe()
        self._hear, told_write = os.pipe()
        # Chromium reads from 3 and writes to 4; moved up first, so that neither overwrites the other.
        reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (asked_read, told_write))
        for end in (asked_read, told_write):
            os.close(end)

        def hand_over() -> None:
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # it refuses to be root with one
        self._process = subprocess.Popen(
            [
                program,
                "--headless=new",
                "--remote-debugging-pipe",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={self._profile.name}",
                *sandbox,
                "about:blank",
            ],
            preexec_fn=hand_over,  # noqa: PLW1509  no thread runs yet
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (reading, writing):
            os.close(end)
        self._number = 0
        self._unread = b""
        self._session: str | None = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        os.close(self._ask)
        os.close(self._hear)
        self._profile.cleanup()

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its result; events on the way are dropped. Raises RuntimeError for an error."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._ask, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error'].get('message')}")
                return dict(told["result"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            more = os.read(self._hear, 1 << 20)
            if not more:
                raise RuntimeError("Chromium has ended.")
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(line))

    def look(self, language: str, width: int, *, dark: bool = False) -> None:
        """The screen and the wishes of whoever looks."""
        self._width = width
        self.ask("Network.setUserAgentOverride", userAgent="Mozilla/5.0", acceptLanguage=language)
        self.ask(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        self._size(740 if width < PHONE else 800)

    def _size(self, height: int) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=self._width,
            height=height,
            deviceScaleFactor=1,
            mobile=self._width < PHONE,
        )

    def open(self, address: str) -> None:
        """Go there and wait until it is there."""
        self.ask(
            "Page.navigate", url="about:blank"
        )  # else an address that differs by its fragment changes nothing
        self.ask("Page.navigate", url=address)
        self.arrive()

    def arrive(self) -> None:
        """Wait until another page is there, fonts and all."""
        deadline = time.monotonic() + PATIENCE
        arrived = (
            "document.readyState === 'complete' && location.href !== 'about:blank'"
            " && !document.documentElement.dataset.old"
        )
        while not self.run(arrived):
            if time.monotonic() > deadline:
                raise RuntimeError(f"The page did not come within {PATIENCE:.0f} seconds.")
            time.sleep(0.02)

    def run(self, expression: str) -> Any:
        """What a script in the page says; None while the page changes."""
        try:
            return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get(
                "value"
            )
        except RuntimeError:
            return None

    def send_form(self, action: str, **typed: str) -> None:
        """Fill in the form with this action, send it, and wait for the answer."""
        self.run(
            f"""{{
            document.documentElement.dataset.old = 'yes';
            const form = document.querySelector(`form[action='{action}']`);
            for (const [name, value] of Object.entries({json.dumps(typed)})) {{
                for (const field of form.querySelectorAll(`[name='${{name}}']`)) {{
                    if (['radio', 'checkbox'].includes(field.type)) field.checked = field.value === value;
                    else field.value = value;
                }}
            }}
            form.submit();
            }}"""
        )
        self.arrive()

    def picture(self, file: Path) -> None:
        """The whole page as PNG, as if the screen were as tall."""
        height = int(self.run("document.documentElement.scrollHeight"))
        self._size(min(max(height, 740), TALLEST))
        data = self.ask("Page.captureScreenshot", format="png")["data"]
        file.write_bytes(base64.b64decode(data))
        self._size(740 if self._width < PHONE else 800)

    def overflows(self) -> bool:
        """Whether the page is wider than the screen."""
        return bool(self.run(f"document.documentElement.scrollWidth > {self._width}"))
