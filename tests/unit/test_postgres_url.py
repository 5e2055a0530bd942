import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from loyalty_worker.postgres_url import read_postgres_url


def test_a_url_is_taken_apart() -> None:
    url = read_postgres_url(
        "postgres://u:p%40w@h1:1,[::1]:5/db?sslmode=verify-full&connect_timeout=3&keepalives=1"
    )

    assert url.dsn == "postgresql://u:p%40w@h1:1,[::1]:5/db?sslmode=verify-full"
    assert url.hosts == ("h1", "::1")
    assert url.sslmode == "verify-full"
    assert url.connect_timeout == 3
    assert url.place == "h1:1,[::1]:5, database db"
    assert not url.service


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql:///db", ()),
        ("postgresql:///db?host=/run/pg", ("/run/pg",)),
        ("postgresql://%2Frun%2Fpg/db", ("/run/pg",)),
        ("postgresql://a/db?host=b,c", ("a", "b", "c")),
    ],
)
def test_every_host_that_the_driver_could_use_is_named(url: str, hosts: tuple[str, ...]) -> None:
    assert read_postgres_url(url).hosts == hosts


def test_a_timeout_of_zero_is_none() -> None:
    assert read_postgres_url("postgresql:///db?connect_timeout=0").connect_timeout is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "canary",
        "mysql://u:canary@h/db",
        "postgresql://u:can/ary@h/db",
        "postgresql://u:can@ary@h/db",
        "postgresql://u:can#ary@h/db",
        "postgresql://u:can?ary@h/db",
        "postgresql://u:can ary",
        "postgresql://[canary/db",
        "postgresql://h/db?connect_timeout=canary",
    ],
)
def test_an_unusable_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(is not|has)") as refused:
        read_postgres_url(url)

    assert "can" not in str(refused.value).replace("special characters", "")


@given(word=st.text(min_size=8, alphabet=st.characters(codec="ascii", exclude_characters="*")))
@example(word="pass/word")
@example(word="pass@word")
@example(word="12345678")
def test_what_may_be_printed_never_holds_the_password(word: str) -> None:
    assume(word not in "postgresql://user:********@host.example:5432/loyalty")
    try:
        url = read_postgres_url(f"postgresql://user:{word}@host.example:5432/loyalty")
    except ValueError:
        return

    assert word not in url.masked.replace("host.example:5432", "")
    assert word not in url.place.replace("host.example:5432", "")
    assert url.hosts == ("host.example",)
