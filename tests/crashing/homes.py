"""A device that looks after a calendar home: it lists it, makes calendars, and deletes some.

Who looks first finds a calendar of each kind; from then on every listing has these and all that
was made, each for its own component, or there is none: a home is never listed in part.
"""

from __future__ import annotations

import random
import threading
import time
from xml.etree import ElementTree

from tests.crashing.forms import COMPONENTS, FORMS
from tests.crashing.model import Attempt, Model
from tests.live.client import DAV, Client, Login, Lost, unquote

CAL = "{urn:ietf:params:xml:ns:caldav}"
PAUSE_S = 0.1
PATIENCE_S = 30.0
MADE_AT_MOST = 6
LISTING = (
    b'<D:propfind xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    b"<D:prop><C:supported-calendar-component-set/></D:prop></D:propfind>"
)
MAKING = (
    '<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
    "<D:displayname>{name}</D:displayname><C:supported-calendar-component-set>"
    '<C:comp name="{comp}"/></C:supported-calendar-component-set></D:prop></D:set></C:mkcalendar>'
)


class Homemaker:
    """One device of one account. Lives through many servers."""

    def __init__(self, login: Login, seed: str) -> None:
        self.path = FORMS["calendar"].home_of(login)
        self.model = Model(f"{login.name}, calendars")
        self.login = login
        self.rng = random.Random(f"{seed} home {login.name}")
        self._there: set[str] = set()  # what it made, as it knows it
        self._first: dict[str, Attempt] = {}  # which a look brings about, until one was answered
        self._doubtful = True
        self._made = 0
        self.changes = 0  # calendars made and deleted

    def keep_on(self, url: str, stop: threading.Event) -> None:
        """Keeps the home until told to stop or the server is gone."""
        client = Client(url, self.login)
        try:
            while not stop.wait(PAUSE_S):
                if self._doubtful or self.rng.random() < 0.4:
                    self.look(client)
                else:
                    self._change(client)
        except Lost as lost:
            self._doubtful = True
            if not lost.gone:
                self.model.report("no answer in time", detail=str(lost))
        finally:
            client.close()

    def look(self, client: Client) -> bool:
        """Compares a listing with what must be there; False when there is none."""
        if not self.model.attempts:
            self._first = {name: self.model.begin(name, one) for name, one in COMPONENTS.items()}
        found = list_home(client, self.path, self.model)
        if found is None:
            return False
        for name, attempt in self._first.items():  # who looks has them from then on
            self.model.acknowledge(name, attempt)
        self._first.clear()
        self.model.settle(found, {})
        self._there = found.keys() - COMPONENTS.keys()
        self._doubtful = False
        return True

    def settle(self, client: Client) -> None:
        """At rest; shelves may have to be brought back first. Raises Lost."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.look(client):
            if time.monotonic() > deadline:
                self.model.report("the home is not listed in time")
                return
            time.sleep(PAUSE_S)

    def _change(self, client: Client) -> None:
        if len(self._there) < MADE_AT_MOST and self.rng.random() < 0.6:
            self._made += 1
            name = f"made {self._made}"
            component = self.rng.choice([*COMPONENTS.values()])
            body = MAKING.format(name=name, comp=component.decode()).encode()
            self._ask(client, "MKCALENDAR", name, component, body)
        elif self._there:
            self._ask(client, "DELETE", self.rng.choice(sorted(self._there)), None)

    def _ask(
        self, client: Client, method: str, name: str, result: bytes | None, body: bytes = b""
    ) -> None:
        attempt = self.model.begin(name, result)
        path = f"{self.path}{name.replace(' ', '%20')}/"
        try:
            status = client.ask(method, path, body).status
        except Lost as lost:
            self.model.leave_open(attempt, over=lost.gone)
            raise
        if status in (201, 204):
            self.model.acknowledge(name, attempt)
            self.changes += 1
            (self._there.discard if result is None else self._there.add)(name)
        elif status == 503:
            self.model.leave_open(attempt, over=True)
            self._doubtful = True
        else:
            self.model.refuse(name, attempt)
            self.model.report(f"{method} of a device alone answered {status}", name)


def list_home(client: Client, path: str, model: Model) -> dict[str, bytes] | None:
    """Every calendar of a home with the component that it takes; None for 503. Raises Lost."""
    answer = client.ask("PROPFIND", path, LISTING, Depth="1", Content_Type="application/xml")
    if answer.status != 207:
        if answer.status != 503:
            model.report(f"PROPFIND of the home answered {answer.status}", detail=str(answer.body))
        return None
    home, found = unquote(path), {}
    for response in ElementTree.fromstring(answer.body).findall(f"{DAV}response"):
        name = unquote(response.findtext(f"{DAV}href") or "").removeprefix(home).rstrip("/")
        takes = [comp.get("name", "") for comp in response.iter(f"{CAL}comp")]
        if name:
            found[name] = " ".join(takes).encode()
    return found


def find_home(client: Client, path: str, model: Model, stop: threading.Event) -> bool:
    """What a phone does first: looks for what there is, until it is told. Raises Lost."""
    while not stop.is_set():
        found = list_home(client, path, model)
        if found is not None:
            return True
        time.sleep(PAUSE_S)
    return False
