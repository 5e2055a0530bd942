from loyalty_worker.telemetry.health import Health


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_is_ready_while_nothing_holds_it() -> None:
    health = Health(limit_seconds=10)

    health.hold("rating-slip-closed/3", "backing off")
    health.hold("schema", "too old")
    held = health.ready()
    health.release("schema")
    health.release("rating-slip-closed/3")
    health.release("never held")

    assert not held.ok
    assert held.reasons == ("rating-slip-closed/3: backing off", "schema: too old")
    assert health.ready().ok


def test_a_later_hold_replaces_the_reason() -> None:
    health = Health(limit_seconds=10)

    health.hold("start", "connecting")
    health.hold("start", "joining")

    assert health.ready().reasons == ("start: joining",)


def test_it_is_alive_while_every_beat_is_young() -> None:
    clock = Clock()
    health = Health(limit_seconds=10, monotonic=clock)
    health.beat("poll")
    health.beat("lag")

    clock.now += 10
    health.beat("lag")
    assert health.live().ok
    clock.now += 1

    assert health.live().reasons == ("poll: no progress for 11 s",)


def test_a_part_that_stopped_on_purpose_is_not_missed() -> None:
    clock = Clock()
    health = Health(limit_seconds=10, monotonic=clock)
    health.beat("poll")

    health.forget("poll")
    clock.now += 100

    assert health.live().ok


def test_what_holds_readiness_does_not_touch_liveness() -> None:
    health = Health(limit_seconds=10)

    health.hold("database", "unreachable")

    assert health.live().ok
