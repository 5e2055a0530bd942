-- migrate: no-transaction
-- Locks: SHARE UPDATE EXCLUSIVE on loyalty_ledger, which lets entries be posted meanwhile.
--
-- Statements of one reason. Base accruals are what most entries are: the statement's own index
-- finds them, and posting them does not pay for this one.
CREATE INDEX CONCURRENTLY IF NOT EXISTS loyalty_ledger_of_reason
ON loyalty_ledger (casino_id, player_id, reason, entry_no) WHERE reason <> 'base_accrual';
