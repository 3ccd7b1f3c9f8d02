"""The guard at the CalDAV door: events, to-dos and notes, each on a shelf of its own in one home.

Numbers are those of the guard's rules. What a closed shelf means for the others in its home is the
table of docs/decisions/0033-one-calendar-home-three-shelves.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.guard.calendars import (
    COMPONENTS,
    DECEMBER,
    EXPANDED,
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
from tests.protocols.dav.service import (
    NAMESPACES,
    Answer,
    D,
    Device,
    Service,
)

from stillhere.store import seq_of
from stillhere.vault.backends import BackendError


@pytest.fixture(params=COMPONENTS)
def phone(request: pytest.FixtureRequest, service: Service) -> Device:
    """Somebody with three events, three to-dos and three notes, looking at one of the kinds."""
    device = service.person()
    fill(device)
    return device.at(request.param)


def every_request(device: Device, *paths: str) -> Iterator[Answer]:
    """What a device may ask of paths below the home."""
    for path in paths:
        for method in ("OPTIONS", "GET", "DELETE", "MKCOL", "MKCALENDAR", "LOCK"):
            yield device.ask(method, path)
        for depth in ("0", "1", "infinity"):
            yield device.propfind(path, "<getetag/>", depth)
        yield device.ask("PUT", path, item(device, "u9"))
        yield device.ask("COPY", path, destination=f"{device.book}z.ics")
        yield device.ask("MOVE", path, destination=f"{device.book}z.ics")
        yield device.ask("PROPPATCH", path, "<x/>")
        yield device.ask("REPORT", path, "<x/>")
        yield device.query(path=path)
        yield device.ask("REPORT", path, f"<CAL:free-busy-query {NAMESPACES}/>")


def every_request_below(device: Device) -> Iterator[Answer]:
    """The same of the collection, and of names that exist in it and that do not."""
    yield from every_request(device, device.book, f"{device.book}a.ics", f"{device.book}none.ics")
    yield device.sync()
    yield device.sync("made up")
    for data in (WHOLE, EXPANDED, PARTS):
        yield device.multiget("a.ics", "none.ics", properties=data)


def reads(device: Device) -> list[bytes]:
    """What a device reads of a collection that is open, and whether it is there at all."""
    answers = [
        device.propfind(device.book, "<getetag/><sync-token/>", "1"),
        device.sync(),
        device.get("a.ics"),
        device.multiget("a.ics", "none.ics"),
        device.query(looking_for(device, within(NOVEMBER, DECEMBER)), properties=WHOLE),
    ]
    assert [answer.status for answer in answers] == [207, 207, 200, 207, 207]
    return [answer.body for answer in answers]


def ways_there(device: Device) -> list[bytes]:
    """What a device hears on its way to the calendars: where they are, and not which."""
    answers = [device.propfind(f"/.well-known/{name}") for name in ("carddav", "caldav")]
    principal = device.home.replace("calendars", "principals")
    answers += [
        device.propfind(path, "<CAL:calendar-home-set/><resourcetype/>", depth)
        for path in ("/dav/", "/dav/calendars/", principal)
        for depth in ("0", "1")
    ]
    answers.append(device.propfind(device.home, "<resourcetype/><displayname/>", "0"))
    assert {answer.status for answer in answers} == {301, 207}
    return [answer.body for answer in answers]


class TestClosed:
    """1 and 2. Closed is 503 + Retry-After, and so is what would tell what is not there."""

    def test_every_request_below_it_is_503(self, phone: Device) -> None:
        phone.change_shelf("closed", "unproven")
        answers = list(every_request_below(phone))
        assert all(is_503(answer) for answer in answers)
        assert {answer.problem["reason"] for answer in answers} == {"unproven"}

    def test_what_no_open_shelf_has_is_503(self, phone: Device) -> None:
        phone.change_shelf("closed", "unproven")
        paths = [f"{phone.home}none/", f"{phone.home}none/a.ics"]
        for other in COMPONENTS:
            assert all(is_503(answer) for answer in every_request(phone.at(other), *paths))

    def test_the_members_of_the_home_and_a_new_one_are_503(self, phone: Device) -> None:
        phone.change_shelf("closed", "unproven")
        assert is_503(phone.look())
        assert is_503(phone.ask("PROPFIND", phone.home, depth="1"))
        for method in ("MKCALENDAR", "MKCOL"):
            assert is_503(phone.ask(method, f"{phone.home}new/"))

    def test_nothing_moves_there_unseen(self, phone: Device) -> None:
        phone.change_shelf("closed", "unproven")
        for kind in {*COMPONENTS} - {phone.kind}:
            other = phone.at(kind)
            for method in ("COPY", "MOVE"):
                for target in (f"{phone.book}z.ics", f"{phone.home}none/z.ics"):
                    assert is_503(other.ask(method, f"{other.book}a.ics", destination=target))
                renamed = other.ask(method, other.book, destination=f"{other.home}none/")
                assert is_503(renamed)
            assert other.get("a.ics").status == 200

    def test_the_others_in_the_home_are_as_ever(self, phone: Device) -> None:
        others = [phone.at(kind) for kind in COMPONENTS if kind != phone.kind]
        before = [reads(other) for other in others]
        phone.change_shelf("closed", "unproven")
        assert [reads(other) for other in others] == before
        for other in others:
            assert other.put("d.ics", item(other, "u4")).status == 201
            assert other.get("none.ics").status == 404
            assert other.ask("DELETE", f"{other.book}b.ics").status == 204

    def test_the_address_books_are_as_ever(self, phone: Device) -> None:
        for kind in COMPONENTS:
            phone.change_shelf("closed", "unproven", kind)
        contacts = phone.at("contacts")
        assert contacts.look().status == contacts.sync().status == 207
        assert contacts.ask("MKCOL", f"{contacts.home}new/").status == 201

    def test_closed_contacts_close_no_calendar(self, phone: Device) -> None:
        before, home = reads(phone), phone.look().body
        phone.change_shelf("closed", "unproven", "contacts")
        assert (reads(phone), phone.look().body) == (before, home)

    def test_the_way_there_stays(self, phone: Device) -> None:
        before = ways_there(phone)
        phone.change_shelf("closed", "unproven")
        assert ways_there(phone) == before

    def test_with_all_closed_the_home_is_503_too(self, phone: Device) -> None:
        for kind in COMPONENTS:
            phone.change_shelf("closed", "unproven", kind)
        for kind in COMPONENTS:
            assert all(is_503(answer) for answer in every_request_below(phone.at(kind)))
        assert all(is_503(answer) for answer in every_request(phone, phone.home))

    def test_with_every_shelf_closed_nothing_says_where_it_is(self, phone: Device) -> None:
        for kind in (*COMPONENTS, "contacts"):
            phone.change_shelf("closed", "unproven", kind)
        principal = phone.home.replace("calendars", "principals")
        assert is_503(phone.propfind("/dav/"))
        assert is_503(phone.propfind(principal, "<CAL:calendar-home-set/>"))

    def test_nothing_was_changed_when_it_opens(self, phone: Device) -> None:
        before, token, home = reads(phone), phone.sync().token, phone.look().body
        phone.change_shelf("closed", "unproven")
        list(every_request_below(phone))
        list(every_request(phone, f"{phone.home}none/"))
        phone.change_shelf("closed", "")
        assert (reads(phone), phone.look().body) == (before, home)
        assert phone.listed(phone.sync(token)) == {}

    def test_who_looks_first_begins_nothing_while_one_is_closed(self, service: Service) -> None:
        device = service.person().at("calendar")
        device.change_shelf("closed", "unproven", "notes")
        assert is_503(device.look())
        device.change_shelf("closed", "", "notes")
        for kind in COMPONENTS:
            with service.store.read(device.account, kind) as shelf:
                assert shelf.last_seq == 0
        assert len(device.look().found) == 1 + len(COMPONENTS)


class TestTokens:
    """4. ETags are digests, tokens are positions; a lost tail is told from a normal delta."""

    def test_a_token_at_the_recovered_end_gets_an_empty_delta(self, phone: Device) -> None:
        end = self.recover(phone)
        assert phone.listed(phone.sync(self.token_of(phone, end))) == {}
        assert phone.kept() == []

    def test_a_token_before_it_gets_a_normal_delta(self, phone: Device) -> None:
        end = self.recover(phone)
        assert set(phone.listed(phone.sync(self.token_of(phone, end - 1)))) == {"c.ics"}
        phone.put("b.ics", item(phone, "u2", "Later"))
        assert set(phone.listed(phone.sync(self.token_of(phone, end)))) == {"b.ics"}
        assert phone.kept() == []

    def test_a_token_beyond_it_is_evidence_and_gets_every_real_change(self, phone: Device) -> None:
        end = self.recover(phone)
        phone.ask("DELETE", f"{phone.book}c.ics")
        phone.put("d.ics", item(phone, "u4"))
        phone.put("e.ics", item(phone, "u5"))
        phone.hold("e.ics")
        delta = phone.sync(self.token_of(phone, end + 1000))
        etag = phone.get("d.ics").etag
        assert phone.listed(delta) == {"c.ics": "", "d.ics": etag}
        [(operation, _, body)] = phone.kept()
        assert operation == 3
        assert msgspec.msgpack.decode(body) == {
            "what": "lost-tail token",
            "collection": phone.collection,
            "token": end + 1000,
            "end": end,
        }
        assert phone.listed(phone.sync(delta.token)) == {}
        assert len(phone.kept()) == 1

    @pytest.mark.parametrize("kind", COMPONENTS)
    def test_a_token_of_a_later_core_closes_this_one(self, own_service: Service, kind: str) -> None:
        device = own_service.person()
        fill(device)
        token = self.token_of(device.at(kind), seq_of(1, 1 << 30))
        assert is_503(device.at(kind).sync(token))
        for other in (*COMPONENTS, "contacts"):
            assert is_503(device.at(other).look())
            assert is_503(device.at(other).sync())
        assert all(is_503(answer) for answer in every_request_below(device.at(kind)))
        assert is_503(device.propfind("/.well-known/caldav"))

    def test_a_collection_of_a_lost_tail_is_not_announced_as_deleted(self, phone: Device) -> None:
        """A device asks for the collection that it knows; what nobody knows of is no 404."""
        made = make(phone, "of-the-tail")
        self.recover(phone)
        phone.service.store.install(
            lambda sql: sql.execute("DELETE FROM records WHERE href = 'of-the-tail'")
        ).result()
        token = self.token_of(made, seq_of(0, 1 << 30))
        for _ in range(2):
            assert is_503(made.sync(token))
        [(_, _, body)] = phone.kept()
        assert msgspec.msgpack.decode(body)["collection"] == "of-the-tail"
        assert made.sync("").status == 404

    def test_a_collection_that_was_deleted_is_404_whatever_the_token(self, phone: Device) -> None:
        made = make(phone, "gone")
        token = made.sync().token
        assert made.ask("DELETE", made.book).status == 204
        assert made.sync(token).status == 404
        assert phone.kept() == []

    @pytest.mark.parametrize("kind", COMPONENTS)
    def test_a_first_collection_of_a_lost_tail_is_there_again(
        self, own_service: Service, kind: str
    ) -> None:
        """Its shelf came back as one to which nothing was ever written."""
        device = own_service.person().at(kind)
        for path in (device.book, f"{device.book}a.ics"):
            answer = device.propfind(path, "<getetag/>")
            assert answer.status == (207 if path == device.book else 404)
        assert device.ask("DELETE", device.book).status == 204
        assert device.propfind(device.book, "<getetag/>").status == 404

    def test_who_makes_a_first_collection_is_not_told_that_it_is_there(
        self, own_service: Service
    ) -> None:
        device = own_service.person().at("tasks")
        assert device.ask("MKCALENDAR", device.book).status == 201

    def test_a_token_that_is_not_its_own_is_400_by_name(self, phone: Device) -> None:
        others = [phone.at(kind).sync().token for kind in COMPONENTS if kind != phone.kind]
        for token in ("http://other.example/ns/sync/17", *others):
            answer = phone.sync(token)
            assert (answer.status, answer.precondition) == (400, f"{D}valid-sync-token")

    def recover(self, phone: Device) -> int:
        """Has a later core go on with the shelf as it is; returns where that recovery ended."""
        with phone.service.store.read(phone.account, phone.kind) as shelf:
            later = shelf.last_seq
        end = later - seq_of(1, 0)

        def move_back(sql: Any) -> None:
            sql.execute(
                "UPDATE records SET seq = seq - ? WHERE shelf ="
                " (SELECT id FROM shelves WHERE account = ? AND kind = ?)",
                (later - end, phone.account, phone.kind),
            )

        phone.service.store.install(move_back).result()
        phone.change_shelf("ends", msgspec.msgpack.encode({0: end}))
        phone.change_shelf("last_seq", end)
        return end

    def token_of(self, phone: Device, seq: int) -> str:
        return phone.service.store.tokens.make(phone.account, phone.kind, phone.collection, seq)


class TestRetries:
    """5. A retry is no conflict; a conflict loses nobody's words."""

    @pytest.mark.parametrize(
        "condition", [{}, {"if_none_match": "*"}, {"if_match": '"old"'}, {"if_match": "*"}]
    )
    def test_the_same_bytes_again_succeed(self, phone: Device, condition: dict[str, str]) -> None:
        token = phone.sync().token
        answer = phone.put("a.ics", lost(phone), **condition)
        assert (answer.status, answer.etag) == (204, phone.get("a.ics").etag)
        assert phone.sync(token).token == token
        assert phone.kept() == []

    def test_a_conflict_is_412_and_both_are_kept(self, phone: Device) -> None:
        assert phone.put("a.ics", edited(phone), if_match='"old"').status == 412
        assert phone.put("z.ics", edited(phone)).status == 409
        assert phone.get("a.ics").body == lost(phone)
        assert phone.kept() == [(2, "a.ics", edited(phone))] * 2

    def test_a_vault_that_cannot_be_written_is_503_and_reads_go_on(
        self, own_service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device, newcomer = own_service.person().at("tasks"), own_service.person().at("tasks")
        fill(device)
        before = reads(device), device.look().body
        monkeypatch.setattr(type(own_service.working.vault.backend), "create", _full)
        assert is_503(device.put("a.ics", edited(device)))
        assert is_503(device.ask("MKCALENDAR", f"{device.home}new/"))
        assert (reads(device), device.look().body) == before
        assert is_503(newcomer.look())  # its calendars would begin now
        monkeypatch.undo()
        assert device.put("a.ics", edited(device)).status == 204
        assert newcomer.look().status == 207


def test_a_tombstone_outlives_later_changes(phone: Device) -> None:
    """7. Deleted stays deleted."""
    token = phone.sync().token
    phone.ask("DELETE", f"{phone.book}a.ics")
    for number in range(3):
        phone.put("b.ics", item(phone, "u2", f"Edit {number}"))
    assert phone.listed(phone.sync(token))["a.ics"] == ""


def _full(*_: object) -> None:
    raise BackendError("the vault is full", safe="", hint="")
