-- migrate: no-transaction
-- Locks: SHARE UPDATE EXCLUSIVE on dead_letter, which lets letters be filed meanwhile.
--
-- The copies due of each topic, oldest first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS dead_letter_copy_due_of_topic
ON dead_letter (topic, id) WHERE copied_at IS NULL;
