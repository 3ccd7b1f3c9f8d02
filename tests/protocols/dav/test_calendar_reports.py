"""What programs ask of calendars: a time, words, a part of the data, when somebody is busy."""

import asyncio

import pytest
from tests.protocols.dav.service import CAL, NAMESPACES, Answer, Device, Service, event

NOVEMBER, DECEMBER, JANUARY = "20261101T000000Z", "20261201T000000Z", "20270101T000000Z"
ZONE = (
    *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Tests//EN"),
    *("BEGIN:VTIMEZONE", "TZID:Europe/Berlin", "BEGIN:STANDARD", "DTSTART:19700101T000000"),
    *("TZOFFSETFROM:+0100", "TZOFFSETTO:+0100", "END:STANDARD", "END:VTIMEZONE"),
    "END:VCALENDAR",
)


@pytest.fixture
def phone(service: Service) -> Device:
    device = service.person().at("calendar")
    device.look()
    items = {
        "once": ("Once", "DTSTART:20261110T100000Z", "DTEND:20261110T110000Z"),
        "later": ("Later", "DTSTART:20261210T100000Z"),
        "weekly": ("Weekly", "DTSTART:20200106T090000Z", "RRULE:FREQ=WEEKLY"),
        "over": ("Over", "DTSTART:20200106T090000Z", "RRULE:FREQ=WEEKLY;COUNT=3"),
        "day": ("Day", "DTSTART;VALUE=DATE:20261201"),
    }
    for name, said in items.items():
        assert device.put(f"{name}.ics", event(name, *said)).status == 201
    return device


def within(start: str, end: str, component: str = "VEVENT", more: str = "") -> str:
    return (
        f'<CAL:filter><CAL:comp-filter name="VCALENDAR"><CAL:comp-filter name="{component}">'
        f'<CAL:time-range start="{start}" end="{end}"/>{more}'
        "</CAL:comp-filter></CAL:comp-filter></CAL:filter>"
    )


def found(device: Device, inside: str) -> set[str]:
    return {name.removesuffix(".ics") for name in device.listed(device.query(inside))}


class TestQuery:
    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [
            (NOVEMBER, DECEMBER, {"once", "weekly"}),
            (DECEMBER, JANUARY, {"later", "weekly", "day"}),
            ("20200101T000000Z", "20200201T000000Z", {"weekly", "over"}),
            ("20261110T103000Z", "20261110T104000Z", {"once"}),
            ("20190101T000000Z", "20190201T000000Z", set()),
        ],
    )
    def test_a_time(self, phone: Device, start: str, end: str, expected: set[str]) -> None:
        assert found(phone, within(start, end)) == expected

    def test_days_are_in_the_zone_of_the_calendar_or_the_query(self, phone: Device) -> None:
        before = within("20261130T223000Z", "20261130T233000Z")
        assert found(phone, before) == set()
        zone = "&#13;\n".join((*ZONE, ""))
        assert found(phone, before + f"<CAL:timezone>{zone}</CAL:timezone>") == {"day"}
        body = (
            f"<propertyupdate {NAMESPACES}><set><prop><CAL:calendar-timezone>{zone}"
            "</CAL:calendar-timezone></prop></set></propertyupdate>"
        )
        assert phone.ask("PROPPATCH", phone.book, body).status == 207
        assert found(phone, before) == {"day"}

    def test_words_and_a_time(self, phone: Device) -> None:
        match = "<CAL:text-match>WEEK</CAL:text-match>"
        words = f'<CAL:prop-filter name="SUMMARY">{match}</CAL:prop-filter>'
        assert found(phone, within(NOVEMBER, DECEMBER, more=words)) == {"weekly"}

    def test_another_component_is_in_none_of_them(self, phone: Device) -> None:
        assert found(phone, within(NOVEMBER, DECEMBER, "VTODO")) == set()

    def test_no_filter_is_everything(self, phone: Device) -> None:
        assert found(phone, "") == {"once", "later", "weekly", "over", "day"}

    def test_a_to_do_is_found_by_when_it_is_due(self, phone: Device) -> None:
        tasks = phone.at("tasks")
        todo = event("t", "Water", "DUE:20261110T100000Z", component="VTODO")
        assert tasks.put("t.ics", todo).status == 201
        assert found(tasks, within(NOVEMBER, DECEMBER, "VTODO")) == {"t"}
        assert found(tasks, within(DECEMBER, JANUARY, "VTODO")) == set()

    def test_of_one_item(self, phone: Device) -> None:
        path = f"{phone.book}once.ics"
        assert len(phone.query(within(NOVEMBER, DECEMBER), path=path).found) == 1
        assert phone.query(within(DECEMBER, JANUARY), path=path).found == {}

    def test_a_limit_is_said(self, phone: Device) -> None:
        limited = "<CAL:limit><CAL:nresults>2</CAL:nresults></CAL:limit>"
        assert len(phone.query(limited).found) == 3  # the calendar itself, with 507

    @pytest.mark.parametrize(
        "inside",
        [
            within("20261101", DECEMBER),
            within(DECEMBER, NOVEMBER),
            '<CAL:filter><CAL:comp-filter name="VEVENT"/></CAL:filter>',
            "<CAL:filter/>",
        ],
    )
    def test_an_invalid_filter_is_refused_by_name(self, phone: Device, inside: str) -> None:
        answer = phone.query(inside)
        assert (answer.status, answer.precondition) == (403, f"{CAL}valid-filter")

    def test_what_nothing_here_can_answer_is_refused_by_name(self, phone: Device) -> None:
        more = '<CAL:prop-filter name="SUMMARY"><CAL:sounds-like/></CAL:prop-filter>'
        answer = phone.query(within(NOVEMBER, DECEMBER, more=more))
        assert (answer.status, answer.precondition) == (403, f"{CAL}supported-filter")
        match = '<CAL:text-match collation="x">a</CAL:text-match>'
        odd = f'<CAL:prop-filter name="SUMMARY">{match}</CAL:prop-filter>'
        answer = phone.query(within(NOVEMBER, DECEMBER, more=odd))
        assert (answer.status, answer.precondition) == (403, f"{CAL}supported-collation")


class TestData:
    def data(self, answer: Answer) -> str:
        [response] = answer.found.values()
        return response.text(f"{CAL}calendar-data") or ""

    def test_expanded_into_a_time(self, phone: Device) -> None:
        inner = f'<CAL:expand start="{NOVEMBER}" end="20261115T000000Z"/>'
        asked = f"<CAL:calendar-data>{inner}</CAL:calendar-data>"
        for answer in (
            phone.multiget("weekly.ics", properties=asked),
            phone.query(properties=asked, path=f"{phone.book}weekly.ics"),
        ):
            text = self.data(answer)
            assert text.count("BEGIN:VEVENT") == 2
            assert "RRULE" not in text
            assert "RECURRENCE-ID:20261109T090000Z" in text

    def test_many_instances_hold_up_nobody_else(self, phone: Device) -> None:
        weekly = event("s", "Often", "DTSTART:20200106T090000Z", "RRULE:FREQ=HOURLY")
        assert phone.put("often.ics", weekly).status == 201
        inner = f'<CAL:expand start="{NOVEMBER}" end="20281101T000000Z"/>'
        body = (
            f"<CAL:calendar-multiget {NAMESPACES}><prop><CAL:calendar-data>{inner}"
            f"</CAL:calendar-data></prop><href>{phone.book}often.ics</href></CAL:calendar-multiget>"
        )
        order: list[str] = []

        async def ask(method: str, body: str = "") -> None:
            await phone.asking(method, phone.book, body)
            order.append(method)

        async def both() -> None:
            await asyncio.gather(ask("REPORT", body), ask("OPTIONS"))

        phone.service.runner.run(both())
        assert order == ["OPTIONS", "REPORT"]

    def test_what_would_be_too_long_is_refused_whole(self, service: Service) -> None:
        phone = service.person(max_answer_bytes=10_000).at("calendar")
        phone.look()
        weekly = event("s", "Weekly", "DTSTART:20200106T090000Z", "RRULE:FREQ=WEEKLY")
        assert phone.put("weekly.ics", weekly).status == 201
        inner = f'<CAL:expand start="{NOVEMBER}" end="20281101T000000Z"/>'
        for asked, status in (("", 207), (inner, 507)):
            data = f"<CAL:calendar-data>{asked}</CAL:calendar-data>"
            assert phone.multiget("weekly.ics", properties=data).status == status

    def test_chosen_properties_alone(self, phone: Device) -> None:
        asked = (
            '<CAL:calendar-data><CAL:comp name="VCALENDAR"><CAL:prop name="VERSION"/>'
            '<CAL:comp name="VEVENT"><CAL:prop name="SUMMARY"/></CAL:comp></CAL:comp>'
            "</CAL:calendar-data>"
        )
        text = self.data(phone.multiget("once.ics", properties=asked))
        assert "SUMMARY:Once" in text
        assert "DTSTART" not in text

    def test_another_form_is_refused(self, phone: Device) -> None:
        asked = '<CAL:calendar-data content-type="application/calendar+json"/>'
        answer = phone.multiget("once.ics", properties=asked)
        assert (answer.status, answer.precondition) == (403, f"{CAL}supported-calendar-data")


class TestBusy:
    def ask(self, device: Device, start: str, end: str) -> Answer:
        body = (
            f'<CAL:free-busy-query {NAMESPACES}><CAL:time-range start="{start}" end="{end}"/>'
            "</CAL:free-busy-query>"
        )
        return device.ask("REPORT", device.book, body, depth="1")

    def test_it_says_when_and_nothing_else(self, phone: Device) -> None:
        answer = self.ask(phone, "20261109T000000Z", "20261111T000000Z")
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/calendar")
        text = answer.body.decode().replace("\r\n ", "")
        assert "20261110T100000Z/20261110T110000Z" in text
        assert "Once" not in text

    def test_without_a_time_it_is_refused(self, phone: Device) -> None:
        body = f"<CAL:free-busy-query {NAMESPACES}/>"
        assert phone.ask("REPORT", phone.book, body).status == 400

    def test_what_is_held_counts_where_it_is_known_when(self, phone: Device) -> None:
        phone.hold("once.ics")
        text = self.ask(phone, "20261109T000000Z", "20261111T000000Z").body.decode()
        assert "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20261110T100000Z/20261110T110000Z" in text
        phone.hold("weekly.ics")
        answer = self.ask(phone, "20261109T000000Z", "20261111T000000Z")
        assert answer.status == 503

    def test_to_dos_make_nobody_busy_and_held_ones_neither(self, phone: Device) -> None:
        tasks = phone.at("tasks")
        assert tasks.put("t.ics", event("t", "Water", component="VTODO")).status == 201
        assert tasks.put("u.ics", event("u", "Any", "SUMMARY:x", component="VTODO")).status == 201
        told = self.ask(tasks, NOVEMBER, DECEMBER).body
        tasks.hold("t.ics", "u.ics")
        assert b"FREEBUSY" not in told.replace(b"VFREEBUSY", b"")
        answer = self.ask(tasks, NOVEMBER, DECEMBER)
        assert (answer.status, answer.body.count(b"\nFREEBUSY")) == (200, 0)
