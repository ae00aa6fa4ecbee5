"""The one door for outgoing HTTP: judges, webhooks, model endpoints. A lint forbids any other.

What is refused is refused before the first packet. A name is resolved once and the connection goes
to the very address that was checked, so a second answer of a hostile name server is never used.
No redirects, no cookies, no proxy from the environment; time and size are limited as a whole.

Public hosts are reached by https on port 443. Everything else, such as a judge on this machine,
must be named by the operator: OUTBOUND_ALLOWED_HOSTS=127.0.0.1:8001,judge.internal:443.
"""

import contextlib
import http.client
import ipaddress
import logging
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

logger = logging.getLogger("rondo.outbound")

MOST_BYTES = 8 * 1024 * 1024
LONGEST_URL = 2000
CONNECT_SECONDS = 10.0
PORTS = {"http": 80, "https": 443}
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD"})
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}\Z")
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\Z")
# IPv6 ranges that carry an IPv4 address, which the far end would be asked to reach for us.
_CARRIERS = (
    (ipaddress.ip_network("::ffff:0:0/96"), 0),
    (ipaddress.ip_network("::/96"), 0),
    (ipaddress.ip_network("64:ff9b::/96"), 0),
    (ipaddress.ip_network("64:ff9b:1::/48"), 0),
    (ipaddress.ip_network("2002::/16"), 80),
)
_TEREDO = ipaddress.ip_network("2001::/32")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class OutboundRefused(Exception):
    """Nothing was sent: the address or the request is not allowed. The message says why."""


class OutboundFailed(Exception):
    """The other side did not give a usable answer in time. The message says what happened."""


class Redirected(OutboundFailed):
    """The other side names another address, which is not followed here; a caller that expects it
    may ask there, through the same checks."""

    def __init__(self, sentence: str, location: str) -> None:
        super().__init__(sentence)
        self.location = location


@dataclass(frozen=True)
class Reply:
    """An answer of any status but a redirect; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Stream:
    """An answer that is still being sent: `pieces` are its unpacked bytes, as they come.

    Going through them raises OutboundFailed as fetch() does.
    """

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]


@dataclass(frozen=True)
class Destination:
    """A checked address: where to connect (`addresses`) and whom to ask for (`host`)."""

    scheme: str
    host: str
    port: int
    target: str  # path and query
    addresses: tuple[str, ...]


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = None,
    seconds: float = 60.0,
    most_bytes: int = MOST_BYTES,
) -> Reply:
    """Ask `url` and read the answer, all of it within `seconds` and `most_bytes`. A body in pieces
    is sent as it comes; a Content-Length among `headers` says how long it is.

    Raises:
        OutboundRefused: the address leads to this machine or a private network, is not https on
            port 443, or is no plain URL; the operator may allow a host (see the module).
        OutboundFailed: no connection, TLS trouble, a redirect, too slow, too large, not HTTP.
    """
    with stream(
        url, method=method, headers=headers, body=body, seconds=seconds, most_bytes=most_bytes
    ) as answer:
        return Reply(answer.status, answer.headers, b"".join(answer.pieces))


@contextlib.contextmanager
def stream(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = None,
    seconds: float = 60.0,
    most_bytes: int = MOST_BYTES,
) -> Iterator[Stream]:
    """The same as fetch(), for an answer that is read while it is being sent.

    Leaving the block closes the connection, whatever was read by then.

    Raises:
        OutboundRefused, OutboundFailed: as fetch() does.
    """
    if method not in METHODS:
        raise OutboundRefused(f"{method} is not sent; allowed: {', '.join(sorted(METHODS))}.")
    given = {"User-Agent": "Rondo", **(headers or {}), "Accept-Encoding": "identity"}
    for name, value in given.items():
        if re.search(r"[\r\n\0]", name + value):
            raise OutboundRefused(f"The header {name[:40]!r} has a line break.")
    began = time.monotonic()
    destination = check(url)
    deadline = began + seconds
    connection = _Connection(destination, deadline)
    try:
        with contextlib.closing(connection), _cut_off_at(deadline, connection):
            with _explained(destination, began, seconds):
                connection.request(method, destination.target, body=body, headers=given)
                answer = connection.getresponse()
            if 300 <= answer.status < 400:
                raise Redirected(
                    f"{destination.host} redirects elsewhere (status {answer.status}), which is"
                    " not followed. Enter the final address.",
                    answer.getheader("Location") or "",
                )
            found = {name.lower(): value for name, value in answer.getheaders()}
            pieces = _pieces(answer, found.get("content-encoding", ""), deadline, most_bytes)
            yield Stream(answer.status, found, _explaining(pieces, destination, began, seconds))
    finally:
        took = (time.monotonic() - began) * 1000
        logger.info("%s %s:%s in %.0f ms", method, destination.host, destination.port, took)


@contextlib.contextmanager
def _explained(destination: Destination, began: float, seconds: float) -> Iterator[None]:
    """What goes wrong on the way, as a sentence."""
    try:
        yield
    except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
        if time.monotonic() - began >= seconds:
            raise OutboundFailed(
                f"{destination.host} did not finish its answer within {seconds:g} s."
            ) from None
        raise OutboundFailed(f"{destination.host}: {_reason(error)}") from None


def _explaining(
    pieces: Iterator[bytes], destination: Destination, began: float, seconds: float
) -> Iterator[bytes]:
    while True:
        with _explained(destination, began, seconds):
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece


def check(url: str) -> Destination:
    """Refuse an address that must not be asked, else say where exactly to connect.

    Raises:
        OutboundRefused: says what was given and what is allowed.
    """
    parts = _plain_parts(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or PORTS[parts.scheme]
    literal = _literal(host)
    shown = f"[{host}]" if ":" in host else host
    named_by_operator = _is_allowed(shown, port)
    if not named_by_operator and (parts.scheme, port) != ("https", 443):
        raise OutboundRefused(
            f"{parts.scheme} to {shown} port {port} is not allowed: outside servers are asked by"
            f" https on port 443. For a server of your own, the operator can set"
            f" OUTBOUND_ALLOWED_HOSTS={shown}:{port}"
        )
    found = [literal] if literal else _resolve(host, port)
    for address in found:
        if not (_is_public(address) or (named_by_operator and _may_be_named(address, literal))):
            raise OutboundRefused(
                f"{shown} leads to {address}, which is not a public address. For a server of your"
                f" own, the operator can set OUTBOUND_ALLOWED_HOSTS={shown}:{port}"
            )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(parts.scheme, host, port, target, tuple(map(str, found)))


def _plain_parts(url: str) -> SplitResult:
    """Split a URL that every parser splits alike; refuse what they disagree about."""
    if len(url) > LONGEST_URL:
        raise OutboundRefused(f"The address has {len(url)} characters; at most {LONGEST_URL}.")
    if re.search(r"[^\x21-\x7e]|[\\\"<>^`{|}#]", url):
        raise OutboundRefused(
            'The address has a space, a control or non-ASCII character, or one of \\ " < > ^ ` { |'
            " } #. Write international names in their xn-- form and percent-encode the rest."
        )
    if not re.match(r"https?://[^/?]", url):
        raise OutboundRefused("The address must begin with https:// (or http://) and a host.")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise OutboundRefused("The address has a wrong host or port.") from None
    if "@" in parts.netloc:
        raise OutboundRefused("The address has a user name; send credentials in a header.")
    if not parts.hostname or parts.port == 0:
        raise OutboundRefused("The address has no host, or port 0.")
    return parts


def _literal(host: str) -> Address | None:
    """The address that `host` is, or None for a name; what only looks like either is refused."""
    with contextlib.suppress(ValueError):
        if "%" not in host:
            return ipaddress.ip_address(host)
    last = host.rsplit(".", 1)[-1]
    if _NUMERIC.match(last) or not _NAME.match(host):
        raise OutboundRefused(
            f"{host[:60]!r} is neither a host name nor an address in its usual form."
        )
    return None


def _is_allowed(shown: str, port: int) -> bool:
    """Does OUTBOUND_ALLOWED_HOSTS name it? Without a port an entry means 80 and 443."""
    entries = {entry.lower() for entry in settings.OUTBOUND_ALLOWED_HOSTS}
    return f"{shown}:{port}" in entries or (shown in entries and port in PORTS.values())


def _resolve(host: str, port: int) -> list[Address]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundRefused(f"The name {host} is not known.") from None
    texts = dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers)
    return [ipaddress.ip_address(text) for text in texts]


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        for network, shift in _CARRIERS:
            if address in network:
                return _is_public(ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF))
        if address in _TEREDO:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _may_be_named(address: Address, literal: Address | None) -> bool:
    """A name that the operator allowed may be private; link-local must be named as an address."""
    return address == literal or not (
        address.is_link_local or address.is_multicast or address.is_unspecified
    )


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was checked, for the host that was named."""

    def __init__(self, destination: Destination, deadline: float) -> None:
        super().__init__(destination.host, destination.port)
        self.destination = destination
        self.deadline = deadline

    def connect(self) -> None:
        for position, address in enumerate(self.destination.addresses):
            left = self.deadline - time.monotonic()
            try:
                plain = socket.create_connection(
                    (address, self.port), timeout=max(0.01, min(CONNECT_SECONDS, left))
                )
                break
            except OSError:
                if position == len(self.destination.addresses) - 1:
                    raise
        # Who connects quickly may still think for a while; the deadline holds for the whole.
        plain.settimeout(max(0.01, self.deadline - time.monotonic()))
        self.sock = plain
        if self.destination.scheme == "https":
            context = ssl.create_default_context()
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self.sock = context.wrap_socket(plain, server_hostname=self.destination.host)


@contextlib.contextmanager
def _cut_off_at(deadline: float, connection: _Connection) -> Iterator[None]:
    """Timeouts of a socket begin anew with every byte; this one does not."""

    def cut() -> None:
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _pieces(
    answer: http.client.HTTPResponse, encoding: str, deadline: float, most_bytes: int
) -> Iterator[bytes]:
    """The body, unpacked piece by piece, so that a small answer cannot become a large one."""
    encoding = encoding.strip().lower()
    if encoding not in {"", "identity", "gzip", "deflate"}:
        raise ValueError(f"the answer is encoded as {encoding[:20]!r}, which was not asked for")
    unpack = zlib.decompressobj(47) if encoding in {"gzip", "deflate"} else None
    size = 0
    while piece := answer.read1(65536):
        if time.monotonic() > deadline:
            raise TimeoutError
        content = unpack.decompress(piece, most_bytes + 1 - size) if unpack else piece
        size += len(content)
        if size > most_bytes:
            raise ValueError(f"the answer is larger than {most_bytes} bytes")
        yield content
    if answer.length or (unpack and not unpack.eof):
        raise ValueError("the answer broke off")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})."
    if isinstance(error, TimeoutError):
        return "it did not answer in time."
    return f"{error or type(error).__name__}."[:200]
