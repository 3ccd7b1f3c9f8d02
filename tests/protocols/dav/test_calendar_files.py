"""The calendar files of real programs through the door: kept, or refused with a reason each."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kinds.objects import fill_in, real_files
from tests.kinds.test_calendar import REFUSED
from tests.protocols.dav.service import CAL, NAMESPACES, Device, Service

from stillhere.kinds.item import BadItem, NotOneItem, OtherComponent

CONDITIONS = {
    OtherComponent: f"{CAL}supported-calendar-component",
    NotOneItem: f"{CAL}valid-calendar-object-resource",
    BadItem: f"{CAL}valid-calendar-data",
}
YEARS = 'start="19700101T000000Z" end="20400101T000000Z"'
MONTH = 'start="20260301T000000Z" end="20260401T000000Z"'


@pytest.mark.parametrize("filled", [False, True])
def test_every_one_is_kept_byte_for_byte_or_refused(
    service: Service, shared_data: Path, filled: bool
) -> None:
    """As the files are, with their marks, and with these filled in."""
    phone = service.person().at("calendar")
    phone.look()
    kept = 0
    for file in real_files(shared_data):
        data = fill_in(file.read_bytes()) if filled else file.read_bytes()
        device = phone.at("tasks") if b"BEGIN:VTODO" in data else phone
        answer = device.put(file.name, data)
        if file.name in REFUSED:
            error, _, reason = REFUSED[file.name]
            assert (answer.status, answer.precondition) == (403, CONDITIONS[error]), file.name
            assert reason in answer.body.decode(), file.name
            assert device.get(file.name).status == 404
            continue
        assert answer.status == 201, (file.name, answer.body)
        comes_back(device, file.name, data)
        # Many of them say the same UID.
        assert device.ask("DELETE", f"{device.book}{file.name}").status == 204
        kept += 1
    assert kept > 110


def comes_back(device: Device, name: str, data: bytes) -> None:
    """As it was sent, and no question about it is too hard."""
    assert device.get(name).body == data, name
    [given] = device.multiget(name).found.values()
    assert given.text(f"{CAL}calendar-data") == data.decode(), name
    component = "VTODO" if device.kind == "tasks" else "VEVENT"
    within = (
        f'<CAL:filter><CAL:comp-filter name="VCALENDAR"><CAL:comp-filter name="{component}">'
        f"<CAL:time-range {YEARS}/></CAL:comp-filter></CAL:comp-filter></CAL:filter>"
    )
    for part in (f"<CAL:expand {MONTH}/>", f"<CAL:limit-recurrence-set {MONTH}/>"):
        data_asked = f"<getetag/><CAL:calendar-data>{part}</CAL:calendar-data>"
        assert set(device.listed(device.query(within, properties=data_asked))) == {name}
    busy = f"<CAL:free-busy-query {NAMESPACES}><CAL:time-range {MONTH}/></CAL:free-busy-query>"
    assert device.ask("REPORT", device.book, busy).status == 200, name
