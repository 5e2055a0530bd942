-- migrate: no-transaction
-- Locks: SHARE UPDATE EXCLUSIVE on dead_letter, which lets letters be filed meanwhile.
--
-- Redrive pages through open letters by id, past all that are closed.
CREATE INDEX CONCURRENTLY IF NOT EXISTS dead_letter_open_by_id
ON dead_letter (id) WHERE status = 'open';
