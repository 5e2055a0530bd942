"""Logs, metrics and probes; a leaf that anybody may import."""
