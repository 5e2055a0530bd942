"""Two requests hash alike if and only if operation and arguments are the same."""

from hashlib import sha256

from sqlslips import Connection

_HASH = "SELECT loyalty_request_hash($1, VARIADIC $2::text[])"


async def test_it_is_sha256_over_texts_with_their_lengths_in_bytes(superuser: Connection) -> None:
    given = await superuser.fetchval(_HASH, "redeem", ["ä", None, "", "x\ny"])
    text = "loyalty-request-v1\n6:redeem\n2:ä\n-\n0:\n3:x\ny"
    assert given == sha256(text.encode()).digest()


async def test_arguments_that_run_into_each_other_hash_apart(superuser: Connection) -> None:
    requests: list[tuple[str, list[str | None]]] = [
        ("redeem", ["ab", "c"]),
        ("redeem", ["a", "bc"]),
        ("redeem", ["abc"]),
        ("redeem", ["ab", "c", None]),
        ("redeem", ["ab", "c", ""]),
        ("redeem", [None, "ab", "c"]),
        ("redeem", ["ab\n1:c"]),
        ("redeem", ["-"]),
        ("redeem", [None]),
        ("redee", ["mab", "c"]),
        ("adjustment", ["ab", "c"]),
    ]
    hashes = [await superuser.fetchval(_HASH, *request) for request in requests]
    assert len(set(hashes)) == len(requests)
    assert {len(found) for found in hashes} == {32}
