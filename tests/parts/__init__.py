"""The real parts that tests run on: Apache Kafka and PostgreSQL, and what is made on them.

Where each comes from, in this order: the address in `LOYALTY_TEST_KAFKA` or
`LOYALTY_TEST_POSTGRES` (a superuser's URL), a container with `LOYALTY_TEST_CONTAINERS=1`, else a
child process. A part that cannot be had fails the tests that need it; nothing is skipped.
"""
