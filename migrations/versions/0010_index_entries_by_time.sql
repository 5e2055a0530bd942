-- migrate: no-transaction
-- Locks: SHARE UPDATE EXCLUSIVE on loyalty_ledger, which lets entries be posted meanwhile.
--
-- Statements of a range of times: late events make entry_no and occurred_at run apart.
CREATE INDEX CONCURRENTLY IF NOT EXISTS loyalty_ledger_of_time
ON loyalty_ledger (casino_id, player_id, occurred_at, entry_no);
