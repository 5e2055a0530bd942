import asyncpg
import pytest

from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.kafka import admin, create_topic, kafka_part
from parts.postgres import Databases, postgres_part
from parts.source import Part, PartUnavailableError, Source, source_of


async def fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("address", "containers", "source"),
    [
        ("127.0.0.1:9092", "1", Source.ENVIRONMENT),
        ("", "1", Source.CONTAINER),
        ("", "0", Source.EMBEDDED),
    ],
)
def test_an_address_comes_before_a_container_and_that_before_a_child_process(
    monkeypatch: pytest.MonkeyPatch, address: str, containers: str, source: Source
) -> None:
    monkeypatch.setenv("LOYALTY_TEST_KAFKA", address)
    monkeypatch.setenv("LOYALTY_TEST_CONTAINERS", containers)
    assert source_of("LOYALTY_TEST_KAFKA") is source


def test_a_part_is_told_with_its_exact_version_and_where_it_came_from() -> None:
    part = Part("Apache Kafka", Source.EMBEDDED, "127.0.0.1:9092", "4.3.1")
    assert str(part) == "Apache Kafka 4.3.1 (embedded)"


def test_a_broker_that_does_not_answer_is_an_error_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOYALTY_TEST_KAFKA", f"{HOST}:{free_port()}")
    with pytest.raises(PartUnavailableError, match="LOYALTY_TEST_KAFKA"), kafka_part():
        pass


def test_a_server_that_does_not_answer_is_an_error_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOYALTY_TEST_POSTGRES", f"postgresql://nobody@{HOST}:{free_port()}/none")
    with pytest.raises(PartUnavailableError, match="LOYALTY_TEST_POSTGRES"), postgres_part():
        pass


async def test_a_topic_has_the_partitions_asked_for(kafka: Part, topic: str) -> None:
    async with admin(kafka.address) as client:
        described = await client.describe_topics([topic])
    assert len(described[0]["partitions"]) == 1


async def test_a_topic_that_the_broker_refuses_is_an_error(kafka: Part, topic: str) -> None:
    with pytest.raises(RuntimeError, match="error code 36"):
        await create_topic(kafka.address, topic)


async def test_databases_of_one_session_do_not_see_each_other(databases: Databases) -> None:
    with databases.migrated() as one, databases.migrated() as other:
        connection = await asyncpg.connect(one.owner)
        await connection.execute("CREATE TABLE only_here ()")
        await connection.close()
        assert await fetch(one.owner, "SELECT to_regclass('only_here') IS NOT NULL")
        assert await fetch(other.owner, "SELECT to_regclass('only_here') IS NULL")


async def test_an_empty_database_belongs_to_the_owner_and_holds_no_table(
    empty_database: DatabaseUrls,
) -> None:
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert await fetch(empty_database.owner, tables) == 0
    mine = "SELECT datdba = current_user::regrole FROM pg_database WHERE datname = $1"
    connection = await asyncpg.connect(empty_database.owner)
    assert await connection.fetchval(mine, empty_database.name)
    await connection.close()


@pytest.mark.parametrize(
    ("login", "group"),
    [
        ("worker", "loyalty_worker"),
        ("operator", "loyalty_operator"),
        ("readonly", "loyalty_readonly"),
        ("staff_gateway", "loyalty_staff"),
        ("token_gateway", "loyalty_postgrest"),
    ],
)
async def test_each_login_of_a_migrated_database_is_a_member_of_its_group_role_alone(
    database: DatabaseUrls, login: str, group: str
) -> None:
    memberships = (
        "SELECT array_agg(roleid::regrole::text) FROM pg_auth_members"
        " WHERE member = current_user::regrole"
    )
    assert await fetch(getattr(database, login), memberships) == [group]


async def test_no_login_of_a_deployment_is_a_superuser(database: DatabaseUrls) -> None:
    superuser = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    for url in (
        *(database.owner, database.worker, database.operator, database.readonly),
        *(database.staff_gateway, database.token_gateway),
    ):
        assert await fetch(url, superuser) is False


async def test_a_private_server_has_a_migrated_database(private_database: DatabaseUrls) -> None:
    assert await fetch(private_database.owner, "SELECT to_regclass('schema_migration') IS NOT NULL")
