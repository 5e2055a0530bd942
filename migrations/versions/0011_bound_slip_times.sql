-- Locks: ACCESS EXCLUSIVE on rating_slip for an instant: rows that are there are not read. The worker
-- wrote them from events, whose times have a year of four digits.
--
-- Services and people write slips too. A time that is no instant, or beyond what the facts hash can
-- spell, would fail every batch of the worker that meets the slip.
ALTER TABLE rating_slip ADD CONSTRAINT rating_slip_times_usable CHECK (
    isfinite(started_at) AND started_at < timestamptz '10001-01-01 00:00:00+00'
    AND (
        closed_at IS NULL
        OR (isfinite(closed_at) AND closed_at < timestamptz '10001-01-01 00:00:00+00')
    )
) NOT VALID;
