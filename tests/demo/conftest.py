"""Servers for simulated phones: a scripted one for odd answers, and real ones."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stillhere.demo.collection import Collection
from stillhere.demo.kinds import KINDS
from stillhere.demo.ledger import Ledger
from stillhere.demo.ours import Ours
from stillhere.demo.radicale import Radicale, find
from stillhere.demo.wire import Wire
from stillhere.errors import BadInput

BOOK = "/dav/anna/contacts/"


class Script:
    """A server with one book. `odd` has, by method, what answers instead: a function of the
    request's body to (status, headers, body), or to None for the usual answer."""

    def __init__(self):
        self.etags = {}
        self.cards = {}
        self.removed = []
        self.odd = {}
        self.asked = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                script.asked.append((self.command, self.path, body, dict(self.headers)))
                odd = script.odd.get(self.command, lambda _: None)
                status, headers, said = odd(body) or script.usual(body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(said))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *words):
                pass

        for method in ("PROPFIND", "REPORT", "GET", "PUT", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.answer)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def usual(self, body):
        if "sync-collection" in body:
            items = "".join(
                f"<response><href>{BOOK}{href}</href><propstat><prop><getetag>{etag}</getetag>"
                "</prop><status>HTTP/1.1 200 OK</status></propstat></response>"
                for href, etag in self.etags.items()
            ) + "".join(
                f"<response><href>{BOOK}{href}</href><status>HTTP/1.1 404 Not Found</status>"
                "</response>"
                for href in self.removed
            )
            return self.multistatus(items + "<sync-token>urn:t</sync-token>")
        if "multiget" in body:
            items = "".join(
                f"<response><href>{BOOK}{href}</href><propstat><prop>"
                f"<getetag>{self.etags[href]}</getetag><C:address-data>{card}</C:address-data>"
                "</prop><status>HTTP/1.1 200 OK</status></propstat></response>"
                for href, card in self.cards.items()
                if f"{BOOK}{href}<" in body
            )
            return self.multistatus(items)
        return 204, {"ETag": '"put"'}, b""

    @staticmethod
    def multistatus(items):
        body = (
            '<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
            f"{items}</multistatus>"
        )
        return 207, {}, body.encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def collection_of(port, name, password, ledger, kind="contacts"):
    """What an empty phone has of one kind."""
    return Collection(KINDS[kind].client(Wire(port, name, password)), ledger)


@pytest.fixture
def script():
    script = Script()
    yield script
    script.close()


@pytest.fixture
def phone(script):
    """What a phone has of a book that it knows: two cards."""
    script.etags = {"a.vcf": '"1"', "b.vcf": '"1"'}
    script.cards = {"a.vcf": "A", "b.vcf": "B"}
    phone = collection_of(script.port, "anna", "secret", Ledger())
    phone.path = BOOK
    phone.sync()
    script.etags, script.cards = {}, {}
    yield phone
    phone.client.wire.close()


@pytest.fixture(params=["stillhere", "radicale"])
def service(request, tmp_path):
    """A real server, not started yet."""
    if request.param == "radicale":
        try:
            find(None)
        except BadInput as error:
            pytest.skip(str(error))
        service = Radicale(tmp_path)
    else:
        service = Ours(tmp_path)
    yield service
    service.stop()
