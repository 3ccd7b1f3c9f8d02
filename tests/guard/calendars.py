"""Somebody's events, to-dos and notes, and what a device may ask of them."""

from __future__ import annotations

from tests.protocols.dav.service import NAMESPACES, Answer, Device, event

COMPONENTS = {"calendar": "VEVENT", "tasks": "VTODO", "notes": "VJOURNAL"}
WHEN = "DTSTART:20261110T100000Z"
WEEKLY = "DTSTART:20200106T090000Z", "RRULE:FREQ=WEEKLY"
NOVEMBER, DECEMBER, JANUARY = "20261101T000000Z", "20261201T000000Z", "20270101T000000Z"
WHOLE = "<getetag/><CAL:calendar-data/>"
EXPANDED = (
    f'<getetag/><CAL:calendar-data><CAL:expand start="{NOVEMBER}" end="{DECEMBER}"/>'
    "</CAL:calendar-data>"
)
PARTS = (
    '<getetag/><CAL:calendar-data><CAL:comp name="VCALENDAR"><CAL:prop name="VERSION"/>'
    "</CAL:comp></CAL:calendar-data>"
)


def fill(device: Device) -> None:
    """Three of each kind; c.ics repeats every week, but for notes, which no program repeats."""
    assert device.at("calendar").look().status == 207
    for kind in COMPONENTS:
        shelf = device.at(kind)
        assert shelf.put("a.ics", lost(shelf)).status == 201
        assert shelf.put("b.ics", item(shelf, "u2")).status == 201
        assert shelf.put("c.ics", item(shelf, "u3", "Again", *WEEKLY)).status == 201


def item(device: Device, uid: str, summary: str = "Tea", *more: str) -> bytes:
    """What the collection that the device looks at takes."""
    return event(uid, summary, *(more or (WHEN,)), component=COMPONENTS[device.kind])


def lost(device: Device) -> bytes:
    return item(device, "u1", "Lost")


def edited(device: Device) -> bytes:
    return item(device, "u1", "Edited")


def make(device: Device, name: str) -> Device:
    """A second collection of the kind that the device looks at."""
    body = (
        f"<CAL:mkcalendar {NAMESPACES}><set><prop><CAL:supported-calendar-component-set>"
        f'<CAL:comp name="{COMPONENTS[device.kind]}"/></CAL:supported-calendar-component-set>'
        "</prop></set></CAL:mkcalendar>"
    )
    assert device.ask("MKCALENDAR", f"{device.home}{name}/", body).status == 201
    return device.at(device.kind, name)


def looking_for(device: Device, inside: str) -> str:
    """A calendar-query's filter about the component of the kind."""
    return (
        '<CAL:filter><CAL:comp-filter name="VCALENDAR">'
        f'<CAL:comp-filter name="{COMPONENTS[device.kind]}">{inside}</CAL:comp-filter>'
        "</CAL:comp-filter></CAL:filter>"
    )


def within(start: str, end: str) -> str:
    return f'<CAL:time-range start="{start}" end="{end}"/>'


def is_503(answer: Answer) -> bool:
    return (
        answer.status == 503
        and int(answer.headers["retry-after"]) > 0
        and answer.problem["status"] == 503
    )
