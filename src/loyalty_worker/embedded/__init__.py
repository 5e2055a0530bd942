"""Real Apache Kafka and PostgreSQL as child processes: demo, tests, benchmarks."""
