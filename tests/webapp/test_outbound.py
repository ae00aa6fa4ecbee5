"""Outgoing HTTP: nothing private is asked, and the connection goes where the check looked."""

import contextlib
import gzip
import http.client
import http.server
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from webapp.outbound import OutboundFailed, OutboundRefused, check, fetch

pytestmark = pytest.mark.heavy

PUBLIC = "93.184.215.14"
NAMES = {  # what the fake name server says
    "judge.example.org": PUBLIC,
    "localhost": "127.0.0.1",
    "localhost.localdomain": "127.0.0.1",
    "metadata.google.internal": "169.254.169.254",
    "instance-data.ec2.internal": "169.254.169.254",
    "kubernetes.default.svc": "10.96.0.1",
    "127.0.0.1.nip.io": "127.0.0.1",
    "printer.local": "192.168.1.20",
    "cgnat.example.org": "100.64.1.1",
    "six.example.org": "fd00::1",
    "mapped.example.org": "::ffff:10.0.0.1",
}
REFUSED = r"""
https://127.0.0.1/ https://127.0.0.1:443/ https://127.1/ https://2130706433/ https://0x7f.1/
https://0x7f000001/ https://017700000001/ https://0177.0.0.1/ https://127.0.0.1./ https://0/
https://0.0.0.0/ https://127.255.255.254/ https://10.0.0.1/ https://10.1/ https://172.16.0.1/
https://172.31.255.255/ https://192.168.0.1/ https://169.254.169.254/latest/meta-data/
https://100.64.0.1/ https://198.18.0.1/ https://192.0.2.1/ https://224.0.0.1/ https://240.0.0.1/
https://255.255.255.255/ https://[::1]/ https://[::]/ https://[::ffff:127.0.0.1]/
https://[::ffff:7f00:1]/ https://[::127.0.0.1]/ https://[fd00::1]/ https://[fe80::1]/
https://[fe80::1%25eth0]/ https://[ff02::1]/ https://[64:ff9b::7f00:1]/ https://[64:ff9b::a00:1]/
https://[2002:7f00:1::]/ https://[2001:0:7f00:1::]/ https://[2001:db8::1]/ https://localhost/
https://LOCALHOST/ https://localhost./ https://localhost.localdomain/
https://metadata.google.internal/computeMetadata/v1/ https://instance-data.ec2.internal/
https://kubernetes.default.svc/ https://127.0.0.1.nip.io/ https://printer.local/
https://cgnat.example.org/ https://six.example.org/ https://mapped.example.org/
https://a@127.0.0.1/ https://judge.example.org@127.0.0.1/ https://a:b@judge.example.org/
https://judge.example.org\@127.0.0.1/ https://judge.example.org#@127.0.0.1/
https://127.0.0.1#@judge.example.org/ https://127.0.0.1?@judge.example.org/ https://127。0。0。1/
https://①②⑦.⓪.⓪.①/ https://judge.example.org%00.local/ https://judge%2eexample.org/
https://judge.example.org:5432/ https://judge.example.org:6379/ https://judge.example.org:22/
https://judge.example.org:0/ https://judge.example.org:99999/ https://judge.example.org:4_43/
http://judge.example.org/ http://judge.example.org:443/ http:///etc https:///judge.example.org
https:judge.example.org //judge.example.org/ file:///etc/passwd gopher://127.0.0.1:6379/_FLUSHALL
ftp://127.0.0.1/ unix:///var/run/docker.sock http+unix://%2Fvar%2Frun%2Fdocker.sock/
data:text/plain,x javascript:alert(1) dict://127.0.0.1:11211/ jar:https://judge.example.org!/
https://[::1 https://[v1.x]/ https://-.example.org-/ https://.../ https://unknown.example.org/
https://example..org/
""".split()  # noqa: SIM905 - a list to read
REFUSED += [
    "https://judge.example.org/\r\nHost: 127.0.0.1",
    "https://judge.example.org/ HTTP/1.1\r\nX: y",
    "https://judge.example.org\t/",
    " https://127.0.0.1/",
    "https://judge.example.org/" + "x" * 2000,
    "",
]


@pytest.fixture
def listener() -> Iterator["Listener"]:
    with Listener() as server:
        yield server


class Listener:
    """A server on this machine that counts who comes, and answers as a test says."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answer: Callable[[Any], None] = lambda handler: say(handler, b"hello")
        self.requests: list[Any] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                with contextlib.suppress(ConnectionError, ssl.SSLError, ValueError):
                    super().handle_one_request()

            def do_GET(self) -> None:
                outer.requests.append((self.path, dict(self.headers)))
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> Any:
                accepted, address = super().get_request()
                outer.connections += 1
                return accepted, address

            def handle_error(self, *_: Any) -> None:
                pass

        self.connections = 0
        self._server = Server(("127.0.0.1", 0), Handler)
        if context:
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"

    def __enter__(self) -> "Listener":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def say(handler: Any, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A name server that knows NAMES and remembers what it was asked."""
    asked: list[str] = []

    def answer(host: str, port: Any, *_: Any, **__: Any) -> Any:
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        asked.append(host)
        if host not in NAMES:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (NAMES[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that somebody tries to connect to; no packet leaves."""
    tried: list[Any] = []

    def refuse(address: Any, *_: Any, **__: Any) -> Any:
        tried.append(address)
        raise ConnectionRefusedError("not in a test")

    monkeypatch.setattr(socket, "create_connection", refuse)
    return tried


@pytest.mark.parametrize("url", REFUSED)
def test_it_refuses_before_any_packet(url: str, names: list[str], dialled: list[Any]) -> None:
    with pytest.raises(OutboundRefused):
        fetch(url, headers={"Authorization": "Bearer key"})
    assert dialled == []


def test_there_are_at_least_sixty_of_them() -> None:
    assert len(set(REFUSED)) >= 60


def test_a_listener_on_this_machine_hears_nothing(listener: Listener) -> None:
    for host in (
        f"127.0.0.1:{listener.port}",
        f"localhost:{listener.port}",
        f"[::1]:{listener.port}",
    ):
        for scheme in ("http", "https"):
            with pytest.raises(OutboundRefused):
                fetch(f"{scheme}://{host}/")
    assert listener.connections == 0
    http.client.HTTPConnection("127.0.0.1", listener.port).request("GET", "/")  # the control
    deadline = time.monotonic() + 5
    while not listener.connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert listener.connections == 1


def test_a_name_is_asked_once_and_the_checked_address_is_dialled(
    monkeypatch: pytest.MonkeyPatch, dialled: list[Any]
) -> None:
    """F2: a name server that answers "public", then "private"."""
    answers = iter([PUBLIC, "127.0.0.1", "127.0.0.1"])

    def rebind(host: str, port: Any, *_: Any, **__: Any) -> Any:
        address = host if host[0].isdigit() else next(answers)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    with pytest.raises(OutboundFailed):
        fetch("https://judge.example.org/v1")
    assert dialled == [(PUBLIC, 443)]


def test_the_control_a_plain_client_follows_the_second_answer(
    monkeypatch: pytest.MonkeyPatch, listener: Listener
) -> None:
    answers = iter([PUBLIC, "127.0.0.1"])

    def rebind(host: str, port: Any, *_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    checked = socket.getaddrinfo("judge.example.org", listener.port)[0][4][0]
    assert ipaddress.ip_address(checked).is_global  # "checked", and yet:
    plain = http.client.HTTPConnection("judge.example.org", listener.port, timeout=5)
    plain.request("GET", "/")
    assert plain.getresponse().read() == b"hello"
    assert listener.connections == 1


def test_one_private_address_among_several_is_enough(
    monkeypatch: pytest.MonkeyPatch, dialled: list[Any]
) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 443)) for a in (PUBLIC, "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(OutboundRefused, match=r"10\.0\.0\.1, which is not a public address"):
        fetch("https://judge.example.org/")
    assert dialled == []


def test_a_public_address_passes_the_check(names: list[str]) -> None:
    found = check("https://judge.example.org/v1/chat?x=1")
    assert (found.host, found.port, found.target) == ("judge.example.org", 443, "/v1/chat?x=1")
    assert found.addresses == (PUBLIC,)
    assert names == ["judge.example.org"]
    assert check("https://8.8.8.8/").addresses == ("8.8.8.8",)
    assert check("https://[2606:4700:4700::1111]/").addresses == ("2606:4700:4700::1111",)


def test_the_operator_can_allow_a_judge_of_his_own(listener: Listener, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = [listener.host]
    reply = fetch(f"http://{listener.host}/v1?a=b", headers={"Authorization": "Bearer key"})
    assert (reply.status, reply.body) == (200, b"hello")
    path, sent = listener.requests[0]
    assert (path, sent["Host"], sent["Authorization"]) == ("/v1?a=b", listener.host, "Bearer key")
    assert "Cookie" not in sent
    with pytest.raises(OutboundRefused):  # that port only
        fetch(f"http://127.0.0.1:{listener.port + 1}/")


def test_an_allowed_name_may_not_lead_to_the_metadata_service(
    names: list[str], dialled: list[Any], settings: Any
) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["metadata.google.internal:80", "printer.local:80"]
    with pytest.raises(OutboundRefused):
        fetch("http://metadata.google.internal/")
    with pytest.raises(OutboundFailed):
        fetch("http://printer.local/")
    assert dialled == [("192.168.1.20", 80)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(listener: Listener, settings: Any, status: int) -> None:
    with Listener() as elsewhere:
        settings.OUTBOUND_ALLOWED_HOSTS = [listener.host, elsewhere.host]
        listener.answer = lambda handler: say(
            handler, b"", status, Location=f"http://{elsewhere.host}/"
        )
        with pytest.raises(OutboundFailed, match="redirects elsewhere"):
            fetch(f"http://{listener.host}/", headers={"Authorization": "Bearer key"})
        assert elsewhere.connections == 0


def drip(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(200):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)


def drip_headers(handler: Any) -> None:
    with contextlib.suppress(OSError):
        for _ in range(200):
            handler.wfile.write(b"H")
            handler.wfile.flush()
            time.sleep(0.05)


HOSTILE = {
    "drips its body": (drip, "within"),
    "drips its headers": (drip_headers, "within"),
    "sends too much": (lambda h: say(h, b"x" * 200_000), "larger than 100000"),
    "sends a bomb": (
        lambda h: say(h, gzip.compress(b"x" * 50_000_000), Content_Encoding="gzip"),
        "larger than 100000",
    ),
    "sends another encoding": (lambda h: say(h, b"x", Content_Encoding="br"), "not asked for"),
    "sends broken gzip": (
        lambda h: say(h, b"no gzip", Content_Encoding="gzip"),
        "incorrect header",
    ),
    "sends a large header": (lambda h: say(h, b"", X_Large="x" * 100_000), "header"),
    "breaks off": (lambda h: say(h, b"short", Content_Length="5000"), "broke off|IncompleteRead"),
    "speaks no HTTP": (lambda h: h.wfile.write(b"SSH-2.0-OpenSSH\r\n"), "SSH"),
    "says nothing": (lambda h: None, "closed connection|127"),
}


@pytest.mark.parametrize("manner", HOSTILE)
def test_a_hostile_server_is_bounded(listener: Listener, settings: Any, manner: str) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = [listener.host]
    listener.answer, sentence = HOSTILE[manner]
    seconds = 1.0 if sentence == "within" else 60.0
    with pytest.raises(OutboundFailed, match=f"(?i){sentence}"):
        fetch(f"http://{listener.host}/", seconds=seconds, most_bytes=100_000)


def test_a_packed_answer_within_the_limit_is_unpacked(listener: Listener, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = [listener.host]
    listener.answer = lambda h: say(h, gzip.compress(b"hello"), Content_Encoding="gzip")
    assert fetch(f"http://{listener.host}/").body == b"hello"


def test_it_refuses_a_header_with_a_line_break() -> None:
    with pytest.raises(OutboundRefused, match="line break"):
        fetch("https://8.8.8.8/", headers={"Authorization": "Bearer x\r\nX-Other: y"})
    with pytest.raises(OutboundRefused, match="TRACE is not sent"):
        fetch("https://8.8.8.8/", method="TRACE")


def certificate(folder: Path) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "judge.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("judge.test")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "judge.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def test_tls_names_the_host_and_trusts_no_stranger(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    asked_for: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked_for.append(name)
    with Listener(context) as judge:
        settings.OUTBOUND_ALLOWED_HOSTS = [f"judge.test:{judge.port}", f"other.test:{judge.port}"]
        local = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", judge.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: local)
        with pytest.raises(OutboundFailed, match="not trusted"):
            fetch(f"https://judge.test:{judge.port}/")
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        assert fetch(f"https://judge.test:{judge.port}/").body == b"hello"
        assert asked_for[-1] == "judge.test"
        with pytest.raises(OutboundFailed, match="not trusted"):  # the certificate is another's
            fetch(f"https://other.test:{judge.port}/")
