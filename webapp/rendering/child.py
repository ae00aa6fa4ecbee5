"""The process that renders, started and fed by webapp.rendering.pool.

Reads 4 bytes of length and that many bytes of UTF-8, answers with 4 bytes of length and JSON
{"html": str or null, "unseen": bool}. It has no secrets, writes no file, and ends by a signal when
one text takes longer than its share of processor time, even inside a regular expression.
"""

import json
import resource
import signal
import struct
import sys

from webapp.rendering.markdown import convert

CPU_SECONDS = 0.8
MEMORY = 1 << 30
LENGTH = struct.Struct(">I")


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def serve() -> None:
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(LENGTH.pack(0))  # ready: the time for importing is nobody's share
    sink.flush()
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        text = source.read(LENGTH.unpack(head)[0]).decode()
        # SIGPROF is left to its default, which ends the process: nothing can hold it up.
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        converted = convert(text)
        signal.setitimer(signal.ITIMER_PROF, 0)
        body = json.dumps({"html": converted.html, "unseen": converted.unseen}).encode()
        sink.write(LENGTH.pack(len(body)) + body)
        sink.flush()


def main() -> None:
    limit()
    serve()
