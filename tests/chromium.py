"""A headless Chromium, driven over its debugging pipe with nothing but the standard library."""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

BROWSER = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
)
_KEYS = {
    "ArrowRight": ("ArrowRight", 39), "ArrowLeft": ("ArrowLeft", 37), "Home": ("Home", 36),
    "End": ("End", 35), " ": ("Space", 32), "Escape": ("Escape", 27), "Enter": ("Enter", 13),
    "Tab": ("Tab", 9), "-": ("Minus", 189), "+": ("Equal", 187),
}  # fmt: skip
SHIFT = 8


class Chromium:
    """One browser with a profile of its own; closing it keeps the profile."""

    def __init__(self, profile, downloads=None):
        self.errors, self.requests = [], []
        self._number, self._session, self._buffer, self._answers = 0, None, b"", {}
        to_child, self._out = os.pipe()
        self._in, from_child = os.pipe()
        command = [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-dev-shm-usage",
            "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip

        def at_3_and_4():
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_child, from_child)]
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            command, preexec_fn=at_3_and_4, pass_fds=(3, 4), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_child)
        os.close(from_child)
        try:
            self._attach(downloads)
        except BaseException:
            self.close()
            raise

    def _attach(self, downloads):
        if downloads is not None:
            self.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        found = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = found["sessionId"]
        self.send("Page.enable")
        for domain in ("Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 60
        while self._number not in self._answers:
            self._read(deadline)
        found = self._answers.pop(self._number)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        return found["result"]

    def _read(self, deadline):
        if not select.select([self._in], [], [], max(0, deadline - time.monotonic()))[0]:
            raise TimeoutError("Chromium gave no answer within a minute")
        data = os.read(self._in, 1 << 20)
        if not data:
            raise RuntimeError("Chromium ended")
        *whole, self._buffer = (self._buffer + data).split(b"\0")
        for text in whole:
            message = json.loads(text)
            if "id" in message:
                self._answers[message["id"]] = message
                continue
            about = message.get("params", {})
            match message["method"]:
                case "Runtime.exceptionThrown":
                    self.errors.append(about["exceptionDetails"])
                case "Runtime.consoleAPICalled" if about["type"] in ("error", "warning"):
                    self.errors.append(about["args"])
                case "Log.entryAdded" if about["entry"]["level"] in ("error", "warning"):
                    self.errors.append(about["entry"])
                case "Network.requestWillBeSent":
                    self.requests.append(about["request"]["url"])

    def open(self, path, *, width=1280, height=800, dark=False, mobile=False, scripts=True):
        self.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=mobile,
        )  # fmt: skip
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.send("Page.navigate", url=Path(path).resolve().as_uri())
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def js(self, expression):
        found = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def text(self, name):
        return self.js(f"document.getElementById({name!r}).textContent")

    def wait(self, condition, seconds=20):
        deadline = time.monotonic() + seconds
        while not self.js(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(condition)
            time.sleep(0.05)

    def press(self, key, shift=False):
        code, number = _KEYS.get(key, (f"Key{key.upper()}", ord(key.upper()[0])))
        about = {
            "key": key.upper() if shift and len(key) == 1 else key,
            "code": code,
            "windowsVirtualKeyCode": number,
            "modifiers": SHIFT if shift else 0,
        }
        typed = "\r" if key == "Enter" else about["key"]
        text = {"text": typed} if len(typed) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text):
        self.send("Input.insertText", text=text)

    def picture(self, path, whole=False):
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)[
            "data"
        ]
        Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        if self.process.poll() is None:
            session, self._session = self._session, None
            try:
                self.send("Browser.close")
                self.process.wait(20)
            except (RuntimeError, TimeoutError, OSError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait(20)
            self._session = session
        for end in (self._in, self._out):
            with contextlib.suppress(OSError):
                os.close(end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
