-- migrate: no-transaction
-- Locks: SHARE UPDATE EXCLUSIVE on dead_letter, which lets letters be filed meanwhile.
--
-- dead_letter_copy_due_of_topic takes its place.
DROP INDEX CONCURRENTLY IF EXISTS dead_letter_copy_due;
