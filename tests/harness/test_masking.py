"""What is taken for a credential, and that nothing of it is left."""

from __future__ import annotations

import pytest

from harness import masking
from harness.errors import UserError, one_line, with_place
from harness.masking import holds_password, is_address, mask, remember


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("see postgresql://me:Tiger@host/db for it", "see postgresql://***@host/db for it"),
        ("postgresql://me:p@Tiger/w:Tiger#1@host:1/db", "postgresql://***@host:1/db"),
        ("postgresql:/me:Tiger@host/db", "postgresql:/***@host/db"),
        ("postgresql://me:Ti ger@host/db", "postgresql://***@host/db"),
        ("https://Tiger@host/x", "https://***@host/x"),
        ("Failed to parse: http://me:T@i/ger@proxy:80", "Failed to parse: http://***@proxy:80"),
        ("host=db password=Tiger is it", "host=db password=***"),
        ("password = 'Ti ger' host=db", "password = *** host=db"),
        (
            "first postgresql://me:***@host/db\nthen x://me:Tiger@host",
            "first postgresql://me:***@host/db\nthen x://***@host",
        ),
    ],
)
def test_what_stands_where_a_password_stands_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked, "what is masked stays as it is"


@pytest.mark.parametrize(
    "text",
    [
        "the store postgresql+psycopg://me:***@host/db cannot be used: role 'me@host' is not there",
        "https://host:80/path and no more",
        "the form postgresql://user:password@host/database, with @ as %40",
        "/home/me@work/a:b",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert mask(text) == text


def test_a_password_is_masked_however_it_is_encoded() -> None:
    remember("a/Tiger")
    remember("Zebra%21")
    assert mask("a/Tiger a%2FTiger Zebra%21 Zebra!") == "*** *** *** ***"
    assert one_line(ValueError("no a/Tiger\nhere")) == "no *** here"
    assert "Tiger" not in with_place(KeyError("a/Tiger"))


def test_a_short_password_is_no_part_of_other_words() -> None:
    remember("the")
    assert mask("the other; password 'the'") == "*** other; password '***'"


def test_nothing_is_remembered_of_no_password() -> None:
    remember("")
    assert masking._known == set()


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:Tiger@host/db",
        "postgresql:/me:Tiger@host/db",
        "postgresql//me:Tiger@host/db",
        "//me:Tiger@host/db",
        "'postgresql://me:Tiger@host/db'",
        " postgresql://me@host/db",
        "jdbc:postgresql://host/db?user=me&password=Tiger",
        "me:Tiger@host/db",
        "host=db password=Tiger",
        "dbname=x user=me",
        "Server=db;Password=Tiger",
        "sqlite:/folder/x",
        "://",
    ],
)
def test_what_is_meant_as_an_address(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "studies.journal",
        "/home/me@work/a:b@c",
        "./me:a@host",
        "../x:y@z",
        "~/a:b@c",
        "C:\\me@x",
        "C:/me@x",
        "job@2/x",
        "a b",
    ],
)
def test_what_is_meant_as_a_path(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize("text", ["postgresql://me:Tiger@host/db", "https://Tiger@host", "host=db password=Tiger"])
def test_what_holds_a_password(text: str) -> None:
    assert holds_password(text)


@pytest.mark.parametrize("text", ["postgresql://me@host/db", "user=3", "password=3", "sqlite:///x", "a:b@c"])
def test_what_holds_none(text: str) -> None:
    assert not holds_password(text)


def test_a_sentence_for_a_person_is_one_line_as_before() -> None:
    assert one_line(UserError("a\n b")) == "a b"
