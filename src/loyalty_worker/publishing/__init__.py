"""Kafka out: topics, and producers."""
