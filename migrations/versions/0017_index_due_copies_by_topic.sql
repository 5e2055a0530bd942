-- Locks: ACCESS EXCLUSIVE on dead_letter while its rows are read once: about a second for a million
-- letters. Batches wait so long. Not CONCURRENTLY, for the reasons of 0014.
--
-- The copies due of each topic, oldest first; in place of those of all topics.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX dead_letter_copy_due;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX dead_letter_copy_due_of_topic ON dead_letter (topic, id) WHERE copied_at IS NULL;
