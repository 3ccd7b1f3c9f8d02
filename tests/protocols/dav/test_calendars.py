"""Calendars: their home, making them, and what goes into them."""

import asyncio
from urllib.parse import unquote

import pytest
from tests.protocols.dav.service import CAL, Answer, D, Device, Service, event

from stillhere.store import LOST_TAIL, ShelfWrite

COMPONENTS = {"calendar": "VEVENT", "tasks": "VTODO", "notes": "VJOURNAL"}


@pytest.fixture
def phone(service: Service) -> Device:
    device = service.person().at("calendar")
    assert device.look().status == 207
    return device


def make(device: Device, name: str, *components: str, method: str = "MKCALENDAR") -> Answer:
    """Makes a calendar that is to take these components."""
    wanted = "".join(f'<CAL:comp name="{each}"/>' for each in components)
    inside = (
        f"<CAL:supported-calendar-component-set>{wanted}</CAL:supported-calendar-component-set>"
    )
    inside = (inside if components else "") + "<D:displayname>Made</D:displayname>"
    kind = "<D:resourcetype><D:collection/><CAL:calendar/></D:resourcetype>"
    names = 'xmlns:D="DAV:" xmlns:CAL="urn:ietf:params:xml:ns:caldav"'
    if method == "MKCALENDAR":
        body = f"<CAL:mkcalendar {names}><D:set><D:prop>{inside}</D:prop></D:set></CAL:mkcalendar>"
    else:
        body = f"<D:mkcol {names}><D:set><D:prop>{kind}{inside}</D:prop></D:set></D:mkcol>"
    return device.ask(method, f"{device.home}{name}/", body)


def takes(device: Device, name: str) -> list[str]:
    """The components that a calendar takes, as it says itself."""
    found = device.propfind(
        f"{device.home}{name}/", "<CAL:supported-calendar-component-set/>"
    ).found
    [answer] = found.values()
    told = answer.properties[200][f"{CAL}supported-calendar-component-set"]
    return [comp.get("name", "") for comp in told.iterfind(f"{CAL}comp")]


class TestHome:
    def test_who_looks_first_finds_a_calendar_of_each_kind(self, service: Service) -> None:
        device = service.person().at("calendar")
        found = device.look().found
        home = unquote(device.home)
        assert set(found) == {home, *(f"{home}{kind}/" for kind in COMPONENTS)}
        for kind, component in COMPONENTS.items():
            assert takes(device, kind) == [component]
        assert device.look().body == device.look().body

    def test_a_first_calendar_takes_no_name_that_another_has(self, service: Service) -> None:
        device = service.person().at("calendar")
        assert make(device, "notes", "VEVENT").status == 201
        assert device.look().body.count(b"/notes/</D:href>") == 1
        assert takes(device, "notes") == ["VEVENT"]

    def test_what_is_noted_of_a_shelf_does_not_keep_its_first_calendar_away(
        self, service: Service
    ) -> None:
        """A phone that knows of a calendar which a lost tail had asked for it before it looked."""
        device = service.person().at("calendar")

        def note(shelf: ShelfWrite) -> None:
            shelf.note(LOST_TAIL, {"collection": "calendar", "token": 7, "end": 0})

        service.store.write(device.account, "calendar", note).result()
        assert f"{unquote(device.home)}calendar/" in device.look().found

    def test_a_calendar_that_was_deleted_does_not_come_back(self, phone: Device) -> None:
        assert phone.ask("DELETE", phone.at("notes").book).status == 204
        assert f"{unquote(phone.home)}notes/" not in phone.look().found

    def test_the_principal_leads_to_it(self, phone: Device) -> None:
        principal = phone.home.replace("calendars", "principals")
        [found] = phone.propfind(principal, "<CAL:calendar-home-set/>").found.values()
        assert found.text(f"{CAL}calendar-home-set") == phone.home

    def test_an_address_book_is_in_the_other_home(self, phone: Device) -> None:
        assert phone.propfind(f"{phone.home}contacts/").status == 404
        assert phone.ask("MKCALENDAR", f"{phone.at('contacts').home}new/").status == 405


class TestMaking:
    @pytest.mark.parametrize("method", ["MKCALENDAR", "MKCOL"])
    @pytest.mark.parametrize("component", COMPONENTS.values())
    def test_of_one_component(self, phone: Device, method: str, component: str) -> None:
        assert make(phone, "made", component, method=method).status == 201
        assert takes(phone, "made") == [component]

    def test_of_several_it_takes_the_first(self, phone: Device) -> None:
        assert make(phone, "made", "VTODO", "VEVENT", "VJOURNAL").status == 201
        assert takes(phone, "made") == ["VTODO"]

    def test_of_none_that_there_is_it_is_refused(self, phone: Device) -> None:
        answer = make(phone, "made", "VPOLL")
        assert (answer.status, answer.precondition) == (403, f"{CAL}supported-calendar-component")

    def test_without_a_component_it_is_for_events(self, phone: Device) -> None:
        assert make(phone, "made").status == 201
        assert takes(phone, "made") == ["VEVENT"]
        assert phone.ask("MKCALENDAR", f"{phone.home}bare/").status == 201

    def test_a_name_is_one_thing_in_the_home(self, phone: Device) -> None:
        assert make(phone, "made", "VTODO").status == 201
        assert make(phone, "made", "VEVENT").status == 405

    def test_in_a_calendar_there_is_none(self, phone: Device) -> None:
        answer = phone.ask("MKCALENDAR", f"{phone.book}inner/")
        assert (answer.status, answer.precondition) == (
            403,
            f"{CAL}calendar-collection-location-ok",
        )
        assert phone.ask("MKCALENDAR", f"{phone.home}none/inner/").status == 409

    def test_what_it_takes_can_not_be_changed(self, phone: Device) -> None:
        body = (
            '<D:propertyupdate xmlns:D="DAV:" xmlns:CAL="urn:ietf:params:xml:ns:caldav"><D:set>'
            '<D:prop><CAL:supported-calendar-component-set><CAL:comp name="VTODO"/>'
            "</CAL:supported-calendar-component-set></D:prop></D:set></D:propertyupdate>"
        )
        [answer] = phone.ask("PROPPATCH", phone.book, body).found.values()
        assert f"{CAL}supported-calendar-component-set" in answer.properties[403]
        assert takes(phone, "calendar") == ["VEVENT"]

    def test_colour_order_description_and_time_zone_are_kept(self, phone: Device) -> None:
        kept = (
            '<I:calendar-color xmlns:I="http://apple.com/ns/ical/">#FF2968FF</I:calendar-color>'
            '<I:calendar-order xmlns:I="http://apple.com/ns/ical/">3</I:calendar-order>'
            "<CAL:calendar-description>Ours &amp; theirs</CAL:calendar-description>"
            "<CAL:calendar-timezone>BEGIN:VCALENDAR&#13;\nEND:VCALENDAR</CAL:calendar-timezone>"
        )
        names = 'xmlns:D="DAV:" xmlns:CAL="urn:ietf:params:xml:ns:caldav"'
        body = (
            f"<D:propertyupdate {names}><D:set><D:prop>{kept}</D:prop></D:set></D:propertyupdate>"
        )
        assert phone.ask("PROPPATCH", phone.book, body).status == 207
        asked = (
            '<calendar-color xmlns="http://apple.com/ns/ical/"/>'
            '<calendar-order xmlns="http://apple.com/ns/ical/"/>'
            "<CAL:calendar-description/><CAL:calendar-timezone/>"
        )
        [found] = phone.propfind(phone.book, asked).found.values()
        assert found.text("{http://apple.com/ns/ical/}calendar-color") == "#FF2968FF"
        assert found.text("{http://apple.com/ns/ical/}calendar-order") == "3"
        assert found.text(f"{CAL}calendar-description") == "Ours & theirs"
        assert found.text(f"{CAL}calendar-timezone") == "BEGIN:VCALENDAR\r\nEND:VCALENDAR"


class TestItems:
    @pytest.mark.parametrize(("kind", "component"), COMPONENTS.items())
    def test_comes_back_byte_for_byte(self, phone: Device, kind: str, component: str) -> None:
        device, body = phone.at(kind), event("u1", component=component)
        put = device.put("a.ics", body)
        assert put.status == 201
        got = device.get("a.ics")
        assert (got.body, got.etag) == (body, put.etag)
        assert got.headers["content-type"].startswith("text/calendar")
        [found] = device.multiget("a.ics").found.values()
        assert found.text(f"{CAL}calendar-data") == body.decode()
        assert device.listed(device.sync()) == {"a.ics": put.etag}

    def test_of_another_component_it_is_refused(self, phone: Device) -> None:
        for kind, taken in COMPONENTS.items():
            for component in {*COMPONENTS.values()} - {taken}:
                answer = phone.at(kind).put("a.ics", event("u1", component=component))
                assert answer.status == 403
                assert answer.precondition == f"{CAL}supported-calendar-component"

    def test_what_is_no_calendar_is_refused(self, phone: Device) -> None:
        answer = phone.put("a.ics", b"BEGIN:VCARD\r\nEND:VCARD\r\n")
        assert (answer.status, answer.precondition) == (403, f"{CAL}valid-calendar-data")

    def test_a_uid_is_one_item_of_a_calendar(self, phone: Device) -> None:
        assert phone.put("a.ics", event("u1")).status == 201
        answer = phone.put("b.ics", event("u1", "Other"))
        assert (answer.status, answer.precondition) == (409, f"{CAL}no-uid-conflict")
        assert make(phone, "made").status == 201
        assert phone.at("calendar", "made").put("b.ics", event("u1", "Other")).status == 201

    def test_moves_between_calendars_of_its_kind(self, phone: Device) -> None:
        assert phone.put("a.ics", event("u1")).status == 201
        assert make(phone, "made").status == 201
        to = phone.at("calendar", "made")
        moved = phone.ask("MOVE", f"{phone.book}a.ics", destination=f"{to.book}a.ics")
        assert moved.status == 201
        assert to.get("a.ics").body == event("u1")
        refused = to.ask("MOVE", f"{to.book}a.ics", destination=f"{to.at('tasks').book}a.ics")
        assert refused.precondition == f"{CAL}supported-calendar-component"
        contacts = phone.at("contacts").book
        assert to.ask("COPY", f"{to.book}a.ics", destination=f"{contacts}a.ics").status == 403

    def test_a_list_is_renamed_whatever_its_kind(self, phone: Device) -> None:
        tasks = phone.at("tasks")
        assert tasks.put("a.ics", event("u1", component="VTODO")).status == 201
        moved = phone.ask("MOVE", tasks.book, destination=f"{phone.home}chores/")
        assert moved.status == 201
        assert takes(phone, "chores") == ["VTODO"]
        taken = phone.ask("MOVE", f"{phone.home}chores/", destination=phone.book)
        assert taken.precondition == f"{CAL}supported-calendar-component"

    def test_the_collection_says_when_something_changed(self, phone: Device) -> None:
        name = '<getctag xmlns="http://calendarserver.org/ns/"/><sync-token/>'
        before = phone.propfind(phone.book, name).body
        assert phone.put("a.ics", event("u1")).status == 201
        after = phone.propfind(phone.book, name)
        assert after.body != before
        [found] = after.found.values()
        tag = found.text("{http://calendarserver.org/ns/}getctag")
        assert tag == found.text(f"{D}sync-token") == phone.sync().token


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_of_two_devices_that_want_one_name_for_two_kinds_one_gets_it(
    phone: Device, method: str
) -> None:
    async def both() -> list[int]:
        list_to = phone.asking(method, phone.at("tasks").book, destination=f"{phone.home}new/")
        calendar = phone.asking("MKCALENDAR", f"{phone.home}new/")
        return [answer.status for answer in await asyncio.gather(list_to, calendar)]

    assert phone.service.runner.run(both()) in ([201, 405], [403, 201])
    assert phone.look().body.count(b"/new/</D:href>") == 1
