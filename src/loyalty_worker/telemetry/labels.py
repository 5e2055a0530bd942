"""The closed sets of labels; whatever else comes counts as `other`.

Telemetry is a leaf: it cannot know the enumerations that some of these repeat, a test can.
"""

OUTCOMES = ("accrued", "duplicate", "skipped", "parked", "dead_lettered")
SOURCES = ("live", "replay", "redrive", "release")
STAGES = ("decode", "database", "commit")
REBALANCE_EVENTS = ("assigned", "revoked", "lost")
PAUSE_REASONS = ("starting", "backoff", "halted")
POINT_REASONS = ("base_accrual", "promotion")
HALT_REASONS = ("breaker", "unknown_error")
PARKED_REASONS = ("awaiting_accrual", "accrual_disabled")
SEVERITIES = ("critical", "warning", "info")
DRIFT_RESULTS = ("clean", "drift", "abandoned")
POOL_STATES = ("used", "idle")
SQLSTATE_CLASSES = (
    *("08", "22", "23", "25", "28", "40", "42", "53", "54", "55", "57", "58", "LY", "XX"),
)
