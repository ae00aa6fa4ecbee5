"""A few rendering processes for each process that asks, started when first needed."""

import atexit
import contextlib
import json
import os
import queue
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from webapp.rendering.child import LENGTH
from webapp.rendering.markdown import Converted

ROOT = Path(__file__).resolve().parents[2]
SIZE = 2  # at once; more pages wait for WAIT_SECONDS at most, then show their text as it is
START_SECONDS = 30.0
WAIT_SECONDS = 1.6


class TooSlow(Exception):
    """The text was not rendered within its limits of time and memory."""


class Renderer:
    """One child process. Not for two threads at once."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from webapp.rendering.child import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            bufsize=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.sink, self.source = self.process.stdin, self.process.stdout
        os.set_blocking(self.sink.fileno(), False)
        self._receive(LENGTH.size, time.monotonic() + START_SECONDS)

    def convert(self, text: str) -> Converted:
        """Raises TooSlow, after which this renderer is of no further use."""
        deadline = time.monotonic() + WAIT_SECONDS
        body = text.encode()
        self._send(LENGTH.pack(len(body)) + body, deadline)
        length = LENGTH.unpack(self._receive(LENGTH.size, deadline))[0]
        answer = json.loads(self._receive(length, deadline))
        return Converted(answer["html"], answer["unseen"])

    def close(self) -> None:
        self.process.kill()
        for stream in (self.sink, self.source):
            with contextlib.suppress(OSError):
                stream.close()
        self.process.wait()

    def _send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            self._wait([], [self.sink], deadline)
            try:
                view = view[self.sink.write(view) or 0 :]
            except BrokenPipeError as error:
                raise TooSlow from error

    def _receive(self, count: int, deadline: float) -> bytes:
        data = b""
        while len(data) < count:
            self._wait([self.source], [], deadline)
            piece = self.source.read(count - len(data))
            if not piece:
                raise TooSlow
            data += piece
        return data

    def _wait(self, reading: list[IO[bytes]], writing: list[IO[bytes]], deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not any(select.select(reading, writing, [], left)):
            raise TooSlow


class Pool:
    def __init__(self) -> None:
        self.idle: queue.LifoQueue[Renderer] = queue.LifoQueue()
        self.room = threading.BoundedSemaphore(SIZE)

    def convert(self, text: str) -> Converted:
        """Raises TooSlow."""
        if not self.room.acquire(timeout=WAIT_SECONDS):
            raise TooSlow
        try:
            return self._convert(text)
        finally:
            self.room.release()

    def _convert(self, text: str) -> Converted:
        try:
            renderer = self.idle.get_nowait()
            if renderer.process.poll() is not None:
                renderer.close()
                renderer = Renderer()
        except queue.Empty:
            renderer = Renderer()
        except OSError as error:
            raise TooSlow from error
        try:
            converted = renderer.convert(text)
        except BaseException:
            renderer.close()
            raise
        self.idle.put(renderer)
        return converted

    def close(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self.idle.get_nowait().close()


pool = Pool()


def _forget() -> None:
    """A forked process must not write into its parent's pipes."""
    global pool
    pool = Pool()


os.register_at_fork(after_in_child=_forget)
atexit.register(lambda: pool.close())
