-- migrate: no-transaction
-- Locks: SHARE UPDATE EXCLUSIVE on parked_event, which lets events be parked meanwhile.
--
-- Every worker counts what waits by its cause, for its metrics, every few seconds.
CREATE INDEX CONCURRENTLY IF NOT EXISTS parked_event_by_cause
ON parked_event (cause) WHERE outcome IS NULL;
