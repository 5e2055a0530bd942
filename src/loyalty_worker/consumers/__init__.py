"""Kafka in: bytes to events, outcomes to committed offsets."""
