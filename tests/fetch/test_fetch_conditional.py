"""Validators go back byte for byte, to the URL that gave them and nowhere else."""

import pytest
from fetch_raw_server import RawServer, answer

from aggregator.fetch.client import Client
from aggregator.records import Failure, Fetched, FetchFailed, NotModified, Redirect, Validators

pytestmark = pytest.mark.anyio

NOT_MODIFIED = answer(status="304 Not Modified")
ODD_ETAGS = [
    b'"abc"',
    b'W/"abc"',
    b"unquoted",
    b'"abc-gzip"',
    b'"abc;gzip"',
    b'"caf\xe9"',
    '"中文"'.encode(),
    b'""',
    b'"with space"',
    b'w/"lower"',
]


@pytest.mark.parametrize("etag", ODD_ETAGS)
async def test_an_etag_goes_back_byte_for_byte(server: RawServer, client: Client, etag: bytes) -> None:
    url = server.answers(answer(b"x", etag=etag), NOT_MODIFIED)
    first = await client.get(url)
    assert isinstance(first, Fetched)
    assert isinstance(await client.get(url, validators=first.validators), NotModified)
    assert server.sent_headers()[b"if-none-match"] == etag
    assert b"if-modified-since" not in server.sent_headers()


@pytest.mark.parametrize("date", [b"Wed, 21 Oct 2015 07:28:00 GMT", b"2015-10-21 07:28", b"yesterday \xe9", b"0"])
async def test_a_last_modified_goes_back_byte_for_byte_even_if_it_is_no_date(
    server: RawServer, client: Client, date: bytes
) -> None:
    url = server.answers(answer(b"x", last_modified=date), NOT_MODIFIED)
    first = await client.get(url)
    assert isinstance(first, Fetched)
    await client.get(url, validators=first.validators)
    assert server.sent_headers()[b"if-modified-since"] == date
    assert b"if-none-match" not in server.sent_headers()


async def test_both_validators_are_sent_when_both_were_given(server: RawServer, client: Client) -> None:
    url = server.answers(NOT_MODIFIED)
    await client.get(url, validators=Validators(url, '"e"', "then"))
    assert server.sent_headers()[b"if-none-match"] == b'"e"'
    assert server.sent_headers()[b"if-modified-since"] == b"then"


async def test_the_first_request_is_unconditional(server: RawServer, client: Client) -> None:
    await client.get(server.answers(answer(b"x")))
    assert not {b"if-none-match", b"if-modified-since"} & server.sent_headers().keys()


async def test_a_200_replaces_both_validators(server: RawServer, client: Client) -> None:
    url = server.answers(answer(b"x", last_modified="new"))
    result = await client.get(url, validators=Validators(url, '"old"', "old"))
    assert isinstance(result, Fetched)
    assert result.validators == Validators(url, None, "new")


async def test_a_200_without_validators_forgets_them(server: RawServer, client: Client) -> None:
    url = server.answers(answer(b"x", etag=""))
    result = await client.get(url, validators=Validators(url, '"old"', "old"))
    assert isinstance(result, Fetched)
    assert result.validators == Validators(url)


async def test_a_304_updates_the_validator_that_it_carries_and_keeps_the_other(
    server: RawServer, client: Client
) -> None:
    url = server.answers(answer(status="304 Not Modified", etag='"new"'))
    result = await client.get(url, validators=Validators(url, '"old"', "then"))
    assert isinstance(result, NotModified)
    assert result.validators == Validators(url, '"new"', "then")


async def test_a_304_that_was_not_asked_for_is_a_broken_answer(server: RawServer, client: Client) -> None:
    result = await client.get(server.answers(NOT_MODIFIED))
    assert isinstance(result, FetchFailed)
    assert (result.kind, result.status) == (Failure.PROTOCOL, 304)


@pytest.mark.parametrize("value", ['"a"\r\nX-Evil: 1', '"a\0"', ' "a"', '"a"\t', '"a\x0b"', '"中"', ""])
async def test_a_validator_that_cannot_stand_in_a_request_is_left_out(
    server: RawServer, client: Client, value: str
) -> None:
    url = server.answers(NOT_MODIFIED)
    assert isinstance(await client.get(url, validators=Validators(url, value, "then")), NotModified)
    assert b"if-none-match" not in server.sent_headers()
    assert b"x-evil" not in server.sent_headers()
    assert server.sent_headers()[b"if-modified-since"] == b"then"


async def test_validators_of_another_url_are_not_sent(server: RawServer, client: Client) -> None:
    url = server.answers(answer(b"x"))
    await client.get(url, validators=Validators(server.url("/other"), '"e"', "then"))
    assert b"if-none-match" not in server.sent_headers()


async def test_validators_are_not_carried_along_a_redirect(server: RawServer, client: Client) -> None:
    target = server.answers(answer(b"x"), path="/new")
    url = server.answers(answer(status="302 Found", location="/new"))
    result = await client.get(url, validators=Validators(url, '"e"', "then"))
    assert isinstance(result, Fetched)
    assert server.sent_headers(0)[b"if-none-match"] == b'"e"'
    assert b"if-none-match" not in server.sent_headers(1)
    assert (result.url, result.redirects) == (target, (Redirect(302, target),))


async def test_validators_reach_the_redirect_target_that_gave_them(server: RawServer, client: Client) -> None:
    target = server.answers(answer(b"x", etag='"e"'), NOT_MODIFIED, path="/new")
    url = server.answers(answer(status="301 Moved", location="/new#part"))
    first = await client.get(url)
    assert isinstance(first, Fetched)
    assert first.validators == Validators(target, '"e"')
    second = await client.get(url, validators=first.validators)
    assert isinstance(second, NotModified)
    assert b"if-none-match" not in server.sent_headers(2)
    assert server.sent_headers(3)[b"if-none-match"] == b'"e"'


async def test_a_url_in_another_spelling_still_gets_its_validators(server: RawServer, client: Client) -> None:
    url = server.answers(answer(b"x", etag='"e"'), NOT_MODIFIED)
    spelled = url.replace("http://", "HTTP://u:p@") + "#top"
    first = await client.get(spelled)
    assert isinstance(first, Fetched)
    assert isinstance(await client.get(spelled, validators=first.validators), NotModified)
