"""The snapshot for reviewers is part of the same commit as the migrations."""

from schemasnapshot import SNAPSHOT, current_schema


def test_the_snapshot_is_what_the_migrations_make() -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == current_schema(), (
        "migrations/schema.sql is old: run `make schema-snapshot` and commit it with the migration"
    )
