-- migrate: no-transaction
-- Locks: SHARE UPDATE EXCLUSIVE on loyalty_ledger, which lets entries be posted meanwhile.
--
-- Statements of one visit or one slip: all that was posted for a slip bears its visit.
CREATE INDEX CONCURRENTLY IF NOT EXISTS loyalty_ledger_of_visit
ON loyalty_ledger (casino_id, visit_id, entry_no) WHERE visit_id IS NOT NULL;
