"""The guard at the CardDAV door: no answer of it makes a device drop what it still has.

Numbers are those of the guard's rules. A held record is one that a recovery has proven to exist
without finding its body; a closed shelf is one whose roster is not proven.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from tests.protocols.dav.service import NAMESPACES, Answer, C, D, Device, Service, card

from stillhere.kinds import KINDS
from stillhere.store import seq_of
from stillhere.vault.backends import BackendError

LOST = card("u1", "Lost")
EDITED = card("u1", "Edited")
LOOK_FOR_LOST = (
    '<C:filter><C:prop-filter name="FN"><C:text-match>lost</C:text-match></C:prop-filter>'
    "</C:filter>"
)


@pytest.fixture
def phone(service: Service) -> Device:
    """Somebody with three cards."""
    device = service.person()
    device.put("a.vcf", LOST)
    device.put("b.vcf", card("u2"))
    device.put("c.vcf", card("u3"))
    return device


@pytest.fixture
def held(phone: Device) -> Device:
    """The same, after the body of a.vcf was lost."""
    phone.hold("a.vcf")
    return phone


def is_503(answer: Answer) -> bool:
    return (
        answer.status == 503
        and int(answer.headers["retry-after"]) > 0
        and answer.problem["status"] == 503
    )


def every_request(phone: Device) -> Iterator[Answer]:
    """What a device may ask of a shelf, for names that exist and that do not."""
    paths = [phone.home, phone.book, f"{phone.book}a.vcf"]
    paths += [f"{phone.home}none/", f"{phone.book}none.vcf"]
    for path in paths:
        for method in ("OPTIONS", "GET", "HEAD", "DELETE", "MKCOL", "LOCK"):
            answer = phone.ask(method, path)
            yield answer if method != "HEAD" else phone.ask("GET", path)
        for depth in ("0", "1", "infinity"):
            yield phone.propfind(path, "<getetag/>", depth)
        yield phone.ask("PUT", path, card("u9"))
        yield phone.ask("COPY", path, destination=f"{phone.book}z.vcf")
        yield phone.ask("MOVE", path, destination=f"{phone.book}z.vcf")
        yield phone.ask("PROPPATCH", path, "<x/>")
        yield phone.ask("REPORT", path, "<x/>")
        yield phone.query(path=path)
    yield phone.sync()
    yield phone.sync("made up")
    yield phone.multiget("a.vcf", "none.vcf")


def ways_there(phone: Device) -> Iterator[Answer]:
    """What a device asks on its way to its homes."""
    for name in ("carddav", "caldav"):
        yield phone.propfind(f"/.well-known/{name}")
    principal = phone.home.replace("addressbooks", "principals")
    for path in ("/dav/", principal):
        for depth in ("0", "1"):
            yield phone.propfind(path, "<current-user-principal/><C:addressbook-home-set/>", depth)


class TestClosed:
    """1 and 2. Closed is 503 + Retry-After for everything below the account, and nothing else."""

    def test_every_request_is_503(self, phone: Device) -> None:
        phone.change_shelf("closed", "unproven")
        assert all(is_503(answer) for answer in every_request(phone))

    def test_says_what_is_safe_and_why(self, phone: Device) -> None:
        phone.change_shelf("closed", "unproven")
        problem = phone.sync().problem
        assert problem["reason"] == "unproven"
        assert problem["detail"]
        assert problem["safe"]

    def test_nothing_was_changed_when_it_opens(self, phone: Device) -> None:
        before, token = phone.listed(phone.sync()), phone.sync().token
        phone.change_shelf("closed", "unproven")
        list(every_request(phone))
        phone.change_shelf("closed", "")
        assert phone.listed(phone.sync()) == before
        assert phone.listed(phone.sync(token)) == {}
        assert phone.sync(token).token == token

    def test_others_are_served(self, phone: Device, service: Service) -> None:
        phone.change_shelf("closed", "unproven")
        assert service.person().sync().status == 207

    def test_another_person_learns_nothing(self, phone: Device, service: Service) -> None:
        phone.change_shelf("closed", "unproven")
        stranger = service.person()
        assert stranger.propfind(phone.book).status == 403

    def test_the_way_there_stays(self, phone: Device) -> None:
        """It says where homes are, and nothing of what is in them."""
        before = [way.body for way in ways_there(phone)]
        phone.change_shelf("closed", "unproven")
        assert [way.body for way in ways_there(phone)] == before

    def test_nothing_is_answered_when_every_kind_is_closed(self, phone: Device) -> None:
        for kind in KINDS:
            phone.change_shelf("closed", "unproven", kind)
        assert all(is_503(answer) for answer in list(ways_there(phone))[2:])
        assert all(is_503(answer) for answer in every_request(phone))

    def test_a_closed_account_shelf_is_503_before_the_password(self, own_service: Service) -> None:
        device = own_service.person()
        own_service.store.install(
            lambda sql: sql.execute("UPDATE shelves SET closed = 'unproven' WHERE kind = 'account'")
        ).result()
        assert is_503(device.sync())
        device.password = "wrong"
        assert is_503(device.sync())


class TestHeld:
    """3. A held record is listed unchanged, given to nobody, and healed by whoever has it."""

    def test_listings_show_it_unchanged(self, phone: Device) -> None:
        everything = "<getetag/><getcontenttype/><getcontentlength/><resourcetype/>"
        before = phone.propfind(phone.book, everything, depth="1")
        phone.hold("a.vcf")
        after = phone.propfind(phone.book, everything, depth="1")
        assert after.body == before.body
        assert phone.propfind(f"{phone.book}a.vcf", "<getetag/>").status == 207

    def test_a_first_sync_lists_it(self, held: Device) -> None:
        assert set(held.listed(held.sync())) == {"a.vcf", "b.vcf", "c.vcf"}

    @pytest.mark.parametrize("limit", [1, 2])
    def test_a_first_sync_in_pages_lists_it_and_says_nothing_of_it_later(
        self, held: Device, limit: int
    ) -> None:
        page = held.sync(limit=limit)
        assert "a.vcf" in held.listed(page)
        seen = held.listed(page)
        while b"HTTP/1.1 507" in page.body:
            page = held.sync(page.token, limit=limit)
            assert "a.vcf" not in held.listed(page)
            seen |= held.listed(page)
        assert set(seen) == {"a.vcf", "b.vcf", "c.vcf"}

    def test_deltas_do_not_report_it(self, service: Service) -> None:
        device = service.person()
        token = device.sync().token
        device.put("a.vcf", LOST)
        device.put("b.vcf", card("u2"))
        device.hold("a.vcf")
        assert set(device.listed(device.sync(token))) == {"b.vcf"}

    def test_multiget_leaves_it_out(self, held: Device) -> None:
        assert set(held.listed(held.multiget("a.vcf", "b.vcf"))) == {"b.vcf"}
        assert held.multiget("a.vcf").found == {}
        assert held.multiget("a.vcf", properties="<getetag/>").found == {}

    @pytest.mark.parametrize(
        "inside", ["", LOOK_FOR_LOST, "<C:limit><C:nresults>3</C:nresults></C:limit>"]
    )
    def test_queries_show_it_unchanged(self, phone: Device, inside: str) -> None:
        before = phone.query(inside)
        assert "a.vcf" in phone.listed(before)
        phone.hold("a.vcf")
        assert phone.query(inside).body == before.body

    @pytest.mark.parametrize(
        "condition", ["<C:text-match>Nobody</C:text-match>", "<C:is-not-defined/>"]
    )
    def test_it_passes_a_filter_that_its_uid_does_not_decide(
        self, held: Device, condition: str
    ) -> None:
        inside = f'<C:filter><C:prop-filter name="FN">{condition}</C:prop-filter></C:filter>'
        assert set(held.listed(held.query(inside))) == {"a.vcf"}
        assert set(held.listed(held.query(inside, path=f"{held.book}a.vcf"))) == {"a.vcf"}

    @pytest.mark.parametrize(
        ("uid", "expected"), [("u1", {"a.vcf"}), ("u2", {"b.vcf"}), ("u9", set())]
    )
    def test_its_uid_decides(self, held: Device, uid: str, expected: set[str]) -> None:
        inside = (
            f'<C:filter><C:prop-filter name="UID"><C:text-match match-type="equals">{uid}'
            "</C:text-match></C:prop-filter></C:filter>"
        )
        assert set(held.listed(held.query(inside))) == expected

    def test_a_query_for_cards_still_names_it(self, held: Device) -> None:
        answer = held.query(properties="<getetag/><C:address-data/>")
        assert set(held.listed(answer)) == {"a.vcf", "b.vcf", "c.vcf"}
        [lost] = [response for path, response in answer.found.items() if path.endswith("a.vcf")]
        assert set(lost.properties[404]) == {f"{C}address-data"}

    def test_get_and_head_are_503(self, held: Device) -> None:
        assert is_503(held.get("a.vcf"))
        assert held.ask("HEAD", f"{held.book}a.vcf").status == 503
        assert held.ask("GET", f"{held.book}a.vcf", if_none_match="*").status == 503

    def test_an_edit_of_it_heals_it(self, held: Device) -> None:
        etag, token = held.listed(held.sync())["a.vcf"], held.sync().token
        answer = held.put("a.vcf", EDITED, if_match=etag)
        assert (answer.status, answer.etag != etag) == (204, True)
        assert held.get("a.vcf").body == EDITED
        assert held.listed(held.sync(token)) == {"a.vcf": answer.etag}

    def test_an_edit_of_an_older_card_is_412_and_kept(self, held: Device) -> None:
        assert held.put("a.vcf", EDITED, if_match='"older"').status == 412
        assert held.kept() == [(2, "a.vcf", EDITED)]
        assert is_503(held.get("a.vcf"))

    @pytest.mark.parametrize("condition", [{}, {"if_none_match": "*"}, {"if_match": '"older"'}])
    def test_the_lost_bytes_heal_it_whatever_the_condition(
        self, held: Device, condition: dict[str, str]
    ) -> None:
        etag = held.listed(held.sync())["a.vcf"]
        answer = held.put("a.vcf", LOST, **condition)
        assert (answer.status, answer.etag) == (204, etag)
        assert held.get("a.vcf").body == LOST

    def test_the_lost_bytes_heal_it_wherever_they_come_up(self, held: Device) -> None:
        held.ask("MKCOL", f"{held.home}other/")
        assert held.ask("PUT", f"{held.home}other/z.vcf", LOST).status == 201
        assert held.get("a.vcf").body == LOST

    def test_a_copy_of_the_vault_heals_it_under_its_etag(self, held: Device) -> None:
        etag, token = held.listed(held.sync())["a.vcf"], held.sync().token
        store = held.service.store
        assert store.write(held.account, "contacts", lambda shelf: shelf.heal(LOST)).result() == 1
        assert (held.get("a.vcf").body, held.get("a.vcf").etag) == (LOST, etag)
        assert held.listed(held.sync(token)) == {"a.vcf": etag}

    @pytest.mark.parametrize("body", [LOST, EDITED])
    def test_a_card_of_its_uid_heals_it_instead_of_409(self, held: Device, body: bytes) -> None:
        token = held.sync().token
        answer = held.put("new.vcf", body, if_none_match="*")
        assert answer.status == 201
        assert answer.headers["content-location"] == f"{held.book}a.vcf"
        assert not answer.etag
        assert held.get("a.vcf").body == body
        assert held.get("new.vcf").status == 404
        delta = held.listed(held.sync(token))
        assert delta.pop("new.vcf") == ""
        assert delta == {"a.vcf": held.get("a.vcf").etag}

    def test_a_new_card_of_its_name_and_uid_heals_it(self, held: Device) -> None:
        assert held.put("a.vcf", EDITED, if_none_match="*").status == 204
        assert held.get("a.vcf").body == EDITED

    def test_another_card_of_its_name_does_not_take_its_place(self, held: Device) -> None:
        assert held.put("a.vcf", card("u9"), if_none_match="*").status == 412
        assert held.put("a.vcf", card("u9")).status == 409
        assert is_503(held.get("a.vcf"))

    def test_a_card_that_is_there_does_not_become_it(self, held: Device) -> None:
        assert held.put("b.vcf", EDITED).status == 409
        assert held.get("b.vcf").body == card("u2")

    def test_delete_deletes_it(self, held: Device) -> None:
        etag, token = held.listed(held.sync())["a.vcf"], held.sync().token
        assert held.ask("DELETE", f"{held.book}a.vcf", if_match=etag).status == 204
        assert held.listed(held.sync(token)) == {"a.vcf": ""}
        assert held.get("a.vcf").status == 404

    @pytest.mark.parametrize("method", ["COPY", "MOVE"])
    def test_copy_and_move_are_503(self, held: Device, method: str) -> None:
        away = held.ask(method, f"{held.book}a.vcf", destination=f"{held.book}z.vcf")
        onto = held.ask(method, f"{held.book}b.vcf", destination=f"{held.book}a.vcf")
        whole = held.ask(method, held.book, destination=f"{held.home}other/")
        assert all(is_503(answer) for answer in (away, onto, whole))
        assert set(held.listed(held.sync())) == {"a.vcf", "b.vcf", "c.vcf"}
        assert held.propfind(f"{held.home}other/").status == 404

    def test_a_first_sync_with_cards_still_names_it(self, held: Device) -> None:
        answer = held.sync(properties="<getetag/><C:address-data/>")
        assert set(held.listed(answer)) == {"a.vcf", "b.vcf", "c.vcf"}
        [lost] = [response for path, response in answer.found.items() if path.endswith("a.vcf")]
        assert set(lost.properties[404]) == {f"{C}address-data"}


class TestTokens:
    """4. ETags are digests, tokens are positions; a lost tail is told from a normal delta."""

    def test_a_token_at_the_recovered_end_gets_an_empty_delta(self, phone: Device) -> None:
        token = self.old_token(phone, 40)
        phone.change_shelf("ends", msgspec.msgpack.encode({0: seq_of(0, 40)}))
        phone.change_shelf("last_seq", seq_of(0, 40))
        delta = phone.sync(token)
        assert delta.status == 207
        assert phone.kept() == []

    def test_a_token_beyond_it_is_evidence_and_gets_every_real_change(self, phone: Device) -> None:
        phone.change_shelf("ends", msgspec.msgpack.encode({0: seq_of(0, 40)}))
        phone.ask("DELETE", f"{phone.book}c.vcf")
        delta = phone.sync(self.old_token(phone, 43))
        assert delta.status == 207
        listed = phone.listed(delta)
        assert listed == {**listed, "c.vcf": ""}
        assert set(listed) == {"a.vcf", "b.vcf", "c.vcf"}
        [(operation, _, body)] = phone.kept()
        assert operation == 3
        assert msgspec.msgpack.decode(body) == {
            "what": "lost-tail token",
            "collection": "contacts",
            "token": seq_of(0, 43),
            "end": seq_of(0, 40),
        }
        assert phone.listed(phone.sync(delta.token)) == {}
        assert len(phone.kept()) == 1

    @pytest.mark.parametrize("epoch", [1, 2])
    def test_a_token_of_a_later_core_closes_this_one(
        self, own_service: Service, epoch: int
    ) -> None:
        device = own_service.person()
        before = device.sync()
        assert before.status == 207
        later = seq_of(epoch, 1 << 30)
        token = own_service.store.tokens.make(device.account, "contacts", "contacts", later)
        assert is_503(device.sync(token))
        for answer in every_request(device):
            assert is_503(answer)
        assert is_503(device.propfind("/.well-known/carddav"))
        stranger = Device(own_service, own_service.door, "Of the later core", "sh-x-y", b"")
        assert is_503(stranger.sync())

    def test_a_token_that_is_not_ours_is_400_by_name(self, phone: Device) -> None:
        answer = phone.sync("http://other.example/ns/sync/17")
        assert (answer.status, answer.precondition) == (400, f"{D}valid-sync-token")

    def old_token(self, phone: Device, counter: int) -> str:
        seq = seq_of(0, counter)
        return phone.service.store.tokens.make(phone.account, "contacts", "contacts", seq)


class TestRetries:
    """5. A retry is no conflict; a conflict loses nobody's words."""

    @pytest.mark.parametrize(
        "condition", [{}, {"if_none_match": "*"}, {"if_match": '"old"'}, {"if_match": "*"}]
    )
    def test_the_same_bytes_again_succeed(self, phone: Device, condition: dict[str, str]) -> None:
        token = phone.sync().token
        answer = phone.put("a.vcf", LOST, **condition)
        assert answer.status == 204
        assert answer.etag == phone.get("a.vcf").etag
        assert phone.sync(token).token == token
        assert phone.kept() == []

    def test_a_conflict_is_412_and_both_are_kept(self, phone: Device) -> None:
        assert phone.put("a.vcf", EDITED, if_match='"old"').status == 412
        assert phone.get("a.vcf").body == LOST
        assert phone.kept() == [(2, "a.vcf", EDITED)]

    def test_a_uid_conflict_is_kept_too(self, phone: Device) -> None:
        assert phone.put("z.vcf", EDITED).status == 409
        assert phone.kept() == [(2, "a.vcf", EDITED)]

    def test_a_vault_that_cannot_be_written_is_503_and_reads_go_on(
        self, own_service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = own_service.person()
        device.put("a.vcf", LOST)
        backend = own_service.working.vault.backend
        monkeypatch.setattr(type(backend), "create", _full)
        answer = device.put("a.vcf", EDITED)
        assert is_503(answer)
        assert device.get("a.vcf").body == LOST
        monkeypatch.undo()
        assert device.put("a.vcf", EDITED).status == 204


class TestDeleted:
    """7. Deleted stays deleted: tombstones are there for every token."""

    def test_a_tombstone_outlives_later_changes(self, phone: Device) -> None:
        token = phone.sync().token
        phone.ask("DELETE", f"{phone.book}a.vcf")
        for number in range(3):
            phone.put("b.vcf", card("u2", f"Edit {number}"))
        assert phone.listed(phone.sync(token))["a.vcf"] == ""


def test_no_response_inside_a_listing_is_503(phone: Device) -> None:
    phone.hold("a.vcf")
    answers = [
        phone.sync(),
        phone.propfind(phone.book, "<getetag/>", depth="1"),
        phone.multiget("a.vcf", "b.vcf"),
        phone.query(),
        phone.query(properties="<getetag/><C:address-data/>"),
        phone.ask("PROPFIND", phone.book, depth="1"),
        phone.ask(
            "PROPFIND", phone.book, f"<propfind {NAMESPACES}><propname/></propfind>", depth="1"
        ),
    ]
    assert all(b" 503 " not in answer.body for answer in answers)


def _full(*_: object) -> None:
    raise BackendError("the vault is full", safe="", hint="")
