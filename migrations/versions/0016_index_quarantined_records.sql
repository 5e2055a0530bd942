-- migrate: no-transaction
-- Locks: SHARE UPDATE EXCLUSIVE on dead_letter, which lets letters be filed meanwhile.
--
-- Each batch asks which of its records a person set aside.
CREATE INDEX CONCURRENTLY IF NOT EXISTS dead_letter_quarantined
ON dead_letter (topic, partition, "offset") WHERE quarantined;
