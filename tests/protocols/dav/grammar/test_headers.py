"""Conditions, credentials and paths as they come in headers and request lines."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhere.protocols.dav.grammar.basic import Credentials, NoCredentials, read_credentials
from stillhere.protocols.dav.grammar.conditional import http_date, read_conditions
from stillhere.protocols.dav.grammar.paths import (
    BadPath,
    Home,
    Level,
    Place,
    home_path,
    read_href,
    read_path,
    write_name,
)

NAMES = st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters=["/", *map(chr, range(32)), "\x7f"]
    ),
    min_size=1,
    max_size=60,
).filter(lambda name: name not in (".", ".."))


class TestConditions:
    @pytest.mark.parametrize(
        ("header", "etag", "allowed"),
        [
            (b'"a"', '"a"', True),
            (b'"b", "a"', '"a"', True),
            (b'W/"a"', '"a"', True),
            (b"a", '"a"', True),
            (b"*", '"a"', True),
            (b'"b"', '"a"', False),
            (b'"a,b"', '"a"', False),
            (b"", '"a"', False),
            (b"*", None, False),
            (b'"a"', None, False),
        ],
    )
    def test_if_match(self, header: bytes, etag: str | None, allowed: bool) -> None:
        assert read_conditions({b"if-match": header}).allow_change(etag, 0) is allowed

    @pytest.mark.parametrize(
        ("header", "etag", "allowed"),
        [
            (b"*", None, True),
            (b"*", '"a"', False),
            (b'"a"', '"a"', False),
            (b'"b"', '"a"', True),
            (b'"a"', None, True),
        ],
    )
    def test_if_none_match(self, header: bytes, etag: str | None, allowed: bool) -> None:
        conditions = read_conditions({b"if-none-match": header})
        assert conditions.allow_change(etag, 0) is allowed
        if etag:
            assert conditions.is_fresh(etag, 0) is not allowed

    def test_no_condition_allows_everything(self) -> None:
        conditions = read_conditions({})
        assert conditions.allow_change(None, 0)
        assert not conditions.is_fresh('"a"', 0)

    @pytest.mark.parametrize(
        "date", [b"", b"now", b"Tue, 24 Nov 20277777777777777777 16:00:00 GMT", b"\xff"]
    )
    def test_a_date_that_is_none_is_ignored(self, date: bytes) -> None:
        assert read_conditions({b"if-unmodified-since": date}).allow_change('"a"', 0)

    @pytest.mark.parametrize("modified", [0, 1_254_355_200_000, 1_254_355_200_999])
    def test_dates_are_whole_seconds(self, modified: int) -> None:
        date = http_date(modified).encode()
        assert read_conditions({b"if-unmodified-since": date}).allow_change('"a"', modified)
        assert read_conditions({b"if-modified-since": date}).is_fresh('"a"', modified)
        assert not read_conditions({b"if-modified-since": date}).is_fresh('"a"', modified + 1000)

    @given(st.binary(max_size=60))
    def test_any_header_is_read(self, value: bytes) -> None:
        names = (b"if-match", b"if-none-match", b"if-unmodified-since", b"if-modified-since")
        for name in names:
            read_conditions({name: value}).allow_change('"a"', 0)


class TestIfHeader:
    """RFC 4918, 10.4."""

    @pytest.mark.parametrize(
        ("header", "holds"),
        [
            (b'(["a"])', True),
            (b'([W/"a"])', True),
            (b'(["b"])', False),
            (b'(["b"]) (["a"])', True),
            (b'(["a"] ["b"])', False),
            (b'(Not ["b"])', True),
            (b'(not ["a"])', False),
            (b"(<urn:lock>)", False),
            (b"(Not <DAV:no-lock>)", True),
            (b'(<urn:lock>) (Not <DAV:no-lock> ["a"])', True),
            (b'<http://h/x> (["a"])', True),
            (b'</y> (["a"])', False),
            (b'</y> (["b"]) </x> (["a"])', True),
            (b"", False),
            (b"nonsense", False),
            (b"()", False),
        ],
    )
    def test_lists(self, header: bytes, holds: bool) -> None:
        assert read_conditions({b"if": header}, "/x").allow_change('"a"', 0) is holds

    def test_what_is_not_there_has_no_etag(self) -> None:
        assert not read_conditions({b"if": b'(["a"])'}, "/x").allow_change(None, 0)
        assert read_conditions({b"if": b'(Not ["a"])'}, "/x").allow_change(None, 0)

    @given(st.text(st.sampled_from('<>()[]"a Not')))
    def test_any_header_is_read(self, header: str) -> None:
        read_conditions({b"if": header.encode()}, "/x").allow_change('"a"', 0)

    def test_takes_time_in_proportion(self) -> None:
        for noise in (b"<", b"(", b"([", b"(<", b"Not "):
            read_conditions({b"if": noise * 20_000}, "/x")


class TestCredentials:
    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=":")), st.text())
    def test_come_out_as_they_went_in(self, name: str, password: str) -> None:
        try:
            header = b"Basic " + b64encode(f"{name}:{password}".encode())
        except UnicodeEncodeError:
            return
        assert read_credentials(header) == Credentials(name, password)

    def test_latin1_is_understood(self) -> None:
        header = b"basic " + b64encode("Jörg:paß".encode("latin-1"))
        assert read_credentials(header) == Credentials("Jörg", "paß")

    @given(st.binary(max_size=60))
    def test_anything_else_is_no_log_in(self, header: bytes) -> None:
        for value in (header, b"Basic " + header):
            try:
                read_credentials(value)
            except NoCredentials:
                continue


class TestPaths:
    @given(st.sampled_from(Home), NAMES, NAMES, NAMES)
    def test_names_survive_the_way_through_a_path(
        self, home: Home, owner: str, collection: str, item: str
    ) -> None:
        path = f"{home_path(home, owner)}{write_name(collection)}/{write_name(item)}"
        assert path.isascii()
        assert not set(path) & set("<>&\"' ")
        expected = Place(Level.ITEM, home, owner, collection, item)
        assert read_path(path.encode()) == expected
        assert read_href(path, "h") == expected
        assert read_href(f"https://h{path}", "h") == expected

    @pytest.mark.parametrize(
        ("path", "place"),
        [
            ("/dav", Place(Level.ROOT)),
            ("/dav/", Place(Level.ROOT)),
            ("/dav/principals/", Place(Level.PRINCIPALS)),
            ("/dav/principals/a", Place(Level.PRINCIPAL, None, "a")),
            ("/dav/addressbooks", Place(Level.HOMES, Home.ADDRESSBOOKS)),
            ("/dav/addressbooks/a/", Place(Level.HOME, Home.ADDRESSBOOKS, "a")),
            ("/dav/addressbooks/a/b", Place(Level.COLLECTION, Home.ADDRESSBOOKS, "a", "b")),
            ("/dav/addressbooks/a/b/c/", Place(Level.ITEM, Home.ADDRESSBOOKS, "a", "b", "c")),
            ("/dav/addressbooks/a/b/c/d", Place(Level.NOWHERE)),
            ("/dav/principals/a/b", Place(Level.NOWHERE)),
            ("/dav/calendars/a", Place(Level.HOME, Home.CALENDARS, "a")),
            ("/dav/calendars/a/b/c", Place(Level.ITEM, Home.CALENDARS, "a", "b", "c")),
            ("/dav/photos/a", Place(Level.NOWHERE)),
            ("/dav//", Place(Level.NOWHERE)),
            ("/davx", Place(Level.NOWHERE)),
            ("*", Place(Level.NOWHERE)),
            ("", Place(Level.NOWHERE)),
        ],
    )
    def test_levels(self, path: str, place: Place) -> None:
        assert read_path(path) == place

    def test_hosts_are_told_apart(self) -> None:
        own = Place(Level.HOME, Home.ADDRESSBOOKS, "a")
        assert read_href("https://H:1/dav/addressbooks/a/", "h:1") == own
        assert read_href("//h:1/dav/addressbooks/a/", "h:1") == own
        assert read_href("https://h:2/dav/addressbooks/a/", "h:1").level is Level.NOWHERE

    @given(st.text(max_size=60))
    def test_any_href_is_read_or_refused(self, href: str) -> None:
        for value in (href, f"/dav/addressbooks/a/{href}"):
            try:
                read_href(value, "h")
            except (BadPath, UnicodeEncodeError):
                continue
