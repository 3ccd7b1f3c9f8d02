"""The guard at the CalDAV door, 3: events, to-dos and notes that are held.

A held item is one that a recovery has proven to exist without finding its body.
"""

from __future__ import annotations

import pytest
from tests.guard.calendars import (
    COMPONENTS,
    DECEMBER,
    EXPANDED,
    JANUARY,
    NOVEMBER,
    PARTS,
    WHOLE,
    edited,
    fill,
    is_503,
    item,
    looking_for,
    lost,
    make,
    within,
)
from tests.protocols.dav.service import CAL, NAMESPACES, Device, Service


@pytest.fixture(params=COMPONENTS)
def phone(request: pytest.FixtureRequest, service: Service) -> Device:
    """Somebody with three events, three to-dos and three notes, looking at one of the kinds."""
    device = service.person()
    fill(device)
    return device.at(request.param)


@pytest.fixture
def held(phone: Device) -> Device:
    """The same, after the body of a.ics was lost."""
    phone.hold("a.ics")
    return phone


class TestHeld:
    """3. A held item is listed unchanged, given to nobody, and healed by whoever has it."""

    def test_listings_show_it_unchanged(self, phone: Device) -> None:
        everything = "<getetag/><getcontenttype/><getcontentlength/><resourcetype/>"
        before = phone.propfind(phone.book, everything, depth="1")
        phone.hold("a.ics")
        after = phone.propfind(phone.book, everything, depth="1")
        assert after.body == before.body
        assert phone.propfind(f"{phone.book}a.ics", "<getetag/>").status == 207

    @pytest.mark.parametrize("limit", [0, 1, 2])
    def test_a_first_sync_lists_it_once(self, held: Device, limit: int) -> None:
        page = held.sync(limit=limit)
        seen = held.listed(page)
        while b"HTTP/1.1 507" in page.body:
            page = held.sync(page.token, limit=limit)
            assert "a.ics" not in held.listed(page)
            seen |= held.listed(page)
        assert set(seen) == {"a.ics", "b.ics", "c.ics"}

    def test_deltas_do_not_report_it(self, phone: Device) -> None:
        made = make(phone, "made")
        token = made.sync().token
        made.put("d.ics", item(made, "u4"))
        made.put("e.ics", item(made, "u5"))
        made.hold("d.ics")
        assert set(made.listed(made.sync(token))) == {"e.ics"}

    @pytest.mark.parametrize("properties", [WHOLE, EXPANDED, PARTS, "<getetag/>"])
    def test_multiget_leaves_it_out(self, held: Device, properties: str) -> None:
        answer = held.multiget("a.ics", "b.ics", properties=properties)
        assert set(held.listed(answer)) == {"b.ics"}
        assert held.multiget("a.ics", properties=properties).found == {}

    def test_get_and_head_are_503(self, held: Device) -> None:
        assert is_503(held.get("a.ics"))
        assert held.ask("HEAD", f"{held.book}a.ics").status == 503
        assert held.ask("GET", f"{held.book}a.ics", if_none_match="*").status == 503

    def test_an_edit_of_it_heals_it(self, held: Device) -> None:
        etag, token = held.listed(held.sync())["a.ics"], held.sync().token
        answer = held.put("a.ics", edited(held), if_match=etag)
        assert (answer.status, answer.etag != etag) == (204, True)
        assert held.get("a.ics").body == edited(held)
        assert held.listed(held.sync(token)) == {"a.ics": answer.etag}

    def test_an_edit_of_an_older_one_is_412_and_kept(self, held: Device) -> None:
        assert held.put("a.ics", edited(held), if_match='"older"').status == 412
        assert held.kept() == [(2, "a.ics", edited(held))]
        assert is_503(held.get("a.ics"))

    @pytest.mark.parametrize("condition", [{}, {"if_none_match": "*"}, {"if_match": '"older"'}])
    def test_the_lost_bytes_heal_it_whatever_the_condition(
        self, held: Device, condition: dict[str, str]
    ) -> None:
        etag = held.listed(held.sync())["a.ics"]
        answer = held.put("a.ics", lost(held), **condition)
        assert (answer.status, answer.etag) == (204, etag)
        assert held.get("a.ics").body == lost(held)

    def test_the_lost_bytes_heal_it_wherever_they_come_up(self, held: Device) -> None:
        made = make(held, "made")
        assert made.put("z.ics", lost(held)).status == 201
        assert held.get("a.ics").body == lost(held)

    @pytest.mark.parametrize("body", [lost, edited])
    def test_one_of_its_uid_heals_it_instead_of_409(self, held: Device, body: object) -> None:
        sent = body(held) if callable(body) else b""
        token = held.sync().token
        answer = held.put("new.ics", sent, if_none_match="*")
        assert (answer.status, answer.etag) == (201, "")
        assert answer.headers["content-location"] == f"{held.book}a.ics"
        assert held.get("a.ics").body == sent
        delta = held.listed(held.sync(token))
        assert delta == {"a.ics": held.get("a.ics").etag, "new.ics": ""}

    def test_another_of_its_name_does_not_take_its_place(self, held: Device) -> None:
        assert held.put("a.ics", item(held, "u9"), if_none_match="*").status == 412
        assert held.put("a.ics", item(held, "u9")).status == 409
        assert held.put("b.ics", edited(held)).status == 409
        assert is_503(held.get("a.ics"))

    def test_delete_deletes_it(self, held: Device) -> None:
        etag, token = held.listed(held.sync())["a.ics"], held.sync().token
        assert held.ask("DELETE", f"{held.book}a.ics", if_match=etag).status == 204
        assert held.listed(held.sync(token)) == {"a.ics": ""}
        assert held.get("a.ics").status == 404

    @pytest.mark.parametrize("method", ["COPY", "MOVE"])
    def test_copy_and_move_are_503(self, held: Device, method: str) -> None:
        made = make(held, "made")
        away = held.ask(method, f"{held.book}a.ics", destination=f"{made.book}a.ics")
        onto = held.ask(method, f"{held.book}b.ics", destination=f"{held.book}a.ics")
        whole = held.ask(method, held.book, destination=f"{held.home}other/")
        assert all(is_503(answer) for answer in (away, onto, whole))
        assert set(held.listed(held.sync())) == {"a.ics", "b.ics", "c.ics"}
        assert made.listed(made.sync()) == {}
        assert held.propfind(f"{held.home}other/").status == 404

    def test_no_response_inside_a_listing_is_503(self, held: Device) -> None:
        answers = [
            held.look(),
            held.ask("PROPFIND", held.book, depth="1"),
            held.sync(properties=WHOLE),
            held.multiget("a.ics", "b.ics"),
            held.query(),
            held.query(properties=EXPANDED),
        ]
        assert all(answer.status == 207 for answer in answers)
        assert all(b" 503 " not in answer.body for answer in answers)


class TestSearchingHeld:
    """3. A held item passes every filter that its roster entry can't decide, and no other."""

    def find(self, device: Device, inside: str, **more: str) -> set[str]:
        return set(device.listed(device.query(looking_for(device, inside), **more)))

    def test_what_it_passed_it_passes_unchanged(self, phone: Device) -> None:
        summary = "<CAL:text-match>lost</CAL:text-match>"
        filters = [
            "",
            looking_for(phone, ""),
            looking_for(phone, within(NOVEMBER, DECEMBER)),
            looking_for(phone, f'<CAL:prop-filter name="SUMMARY">{summary}</CAL:prop-filter>'),
            "<CAL:limit><CAL:nresults>3</CAL:nresults></CAL:limit>",
        ]
        before = [phone.query(inside).body for inside in filters]
        assert all(b"/a.ics" in body for body in before)
        phone.hold("a.ics")
        assert [phone.query(inside).body for inside in filters] == before

    @pytest.mark.parametrize(
        "inside",
        [
            '<CAL:prop-filter name="SUMMARY"><CAL:text-match>x</CAL:text-match></CAL:prop-filter>',
            '<CAL:prop-filter name="SUMMARY"><CAL:is-not-defined/></CAL:prop-filter>',
            '<CAL:prop-filter name="LOCATION"/>',
            '<CAL:comp-filter name="VALARM"/>',
            f'<CAL:comp-filter name="VALARM">{within(DECEMBER, JANUARY)}</CAL:comp-filter>',
        ],
    )
    def test_it_passes_what_its_roster_entry_does_not_decide(
        self, held: Device, inside: str
    ) -> None:
        assert self.find(held, inside) == {"a.ics"}
        assert self.find(held, inside, path=f"{held.book}a.ics") == {"a.ics"}
        both = within(NOVEMBER, DECEMBER) + inside
        assert self.find(held, both) == {"a.ics"}

    def test_its_time_decides(self, held: Device) -> None:
        assert "a.ics" in self.find(held, within(NOVEMBER, DECEMBER))
        assert "a.ics" not in self.find(held, within(DECEMBER, JANUARY))
        assert self.find(held, within(DECEMBER, JANUARY), path=f"{held.book}a.ics") == set()

    def test_what_repeats_passes_between_its_days_and_not_before_them(self, phone: Device) -> None:
        between = within("20261110T230000Z", "20261111T010000Z")
        assert self.find(phone, between) == set()
        phone.hold("c.ics")
        assert self.find(phone, between) == {"c.ics"}
        assert self.find(phone, within("20190101T000000Z", "20190201T000000Z")) == set()

    def test_its_component_decides(self, held: Device) -> None:
        for component in {*COMPONENTS.values()} - {COMPONENTS[held.kind]}:
            asked = '<CAL:filter><CAL:comp-filter name="VCALENDAR"><CAL:comp-filter name="{}">{}'
            end = "</CAL:comp-filter></CAL:comp-filter></CAL:filter>"
            assert held.listed(held.query(asked.format(component, "") + end)) == {}
            absent = asked.format(component, "<CAL:is-not-defined/>") + end
            assert set(held.listed(held.query(absent))) == {"a.ics", "b.ics", "c.ics"}

    @pytest.mark.parametrize(
        ("uid", "expected"), [("u1", {"a.ics"}), ("u2", {"b.ics"}), ("x", set())]
    )
    def test_its_uid_decides(self, held: Device, uid: str, expected: set[str]) -> None:
        match = f'<CAL:text-match collation="i;octet">{uid}</CAL:text-match>'
        inside = f'<CAL:prop-filter name="UID">{match}</CAL:prop-filter>'
        assert self.find(held, inside) == expected

    @pytest.mark.parametrize("properties", [WHOLE, EXPANDED, PARTS])
    def test_who_asks_for_data_still_hears_its_name(self, held: Device, properties: str) -> None:
        for answer in (held.query(properties=properties), held.sync(properties=WHOLE)):
            assert set(held.listed(answer)) == {"a.ics", "b.ics", "c.ics"}
            [found] = [one for path, one in answer.found.items() if path.endswith("a.ics")]
            assert set(found.properties[404]) == {f"{CAL}calendar-data"}

    def test_nobody_is_said_to_be_free_who_may_be_busy(self, service: Service) -> None:
        device = service.person().at("calendar")
        fill(device)
        times = within("20261110T000000Z", "20261111T000000Z")
        body = f"<CAL:free-busy-query {NAMESPACES}>{times}</CAL:free-busy-query>"
        device.hold("a.ics")
        assert b"BUSY-TENTATIVE:20261110T100000Z/" in device.ask("REPORT", device.book, body).body
        device.hold("a.ics", "c.ics")
        assert is_503(device.ask("REPORT", device.book, body))
