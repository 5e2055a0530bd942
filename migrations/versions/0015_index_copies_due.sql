-- migrate: no-transaction
-- Locks: SHARE UPDATE EXCLUSIVE on dead_letter, which lets letters be filed meanwhile.
--
-- The relay asks twice a second which letters have no copy yet, oldest first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS dead_letter_copy_due
ON dead_letter (id) WHERE copied_at IS NULL;
