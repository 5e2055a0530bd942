"""PostgreSQL: pool, one method per SQL function, SQLSTATE table, migrations."""
