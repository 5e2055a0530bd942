-- Locks: ACCESS EXCLUSIVE on audit_log for an instant, for its new policy.
--
-- A walk over all players, or those of one casino, that compares balances with entries. It goes in
-- the order of (casino, player); after_… is the last pair looked at, null at the start. verdict is
-- null while it runs. The key does not lead with the casino: most runs belong to none.
CREATE TABLE drift_check_run (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    trigger text NOT NULL CONSTRAINT drift_check_run_trigger_known
        CHECK (trigger IN ('schedule', 'request', 'command')),
    casino_id uuid,
    request_source text,
    request_id text,
    requested_by text,
    started_at timestamptz NOT NULL DEFAULT now(),
    advanced_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    after_casino_id uuid,
    after_player_id uuid,
    walked boolean NOT NULL DEFAULT false,
    players_checked bigint NOT NULL DEFAULT 0,
    entries_checked bigint NOT NULL DEFAULT 0,
    players_drifted bigint,
    largest_drift bigint,
    verdict text CONSTRAINT drift_check_run_verdict_known
        CHECK (verdict IN ('clean', 'drift', 'abandoned')),
    CONSTRAINT drift_check_run_request_is_whole
        CHECK ((request_source IS NULL) = (request_id IS NULL)),
    CONSTRAINT drift_check_run_position_is_whole
        CHECK ((after_casino_id IS NULL) = (after_player_id IS NULL)),
    CONSTRAINT drift_check_run_verdict_has_time CHECK ((verdict IS NULL) = (finished_at IS NULL)),
    CONSTRAINT drift_check_run_verdict_fits CHECK (
        verdict IS NULL
        OR verdict = 'abandoned'
        OR (
            walked AND players_drifted IS NOT NULL AND largest_drift IS NOT NULL
            AND (verdict = 'drift') = (players_drifted > 0)
        )
    )
);

-- By a hash: source and id may be longer than an entry of a b-tree.
ALTER TABLE drift_check_run ADD CONSTRAINT drift_check_run_request_once
EXCLUDE USING hash ((ARRAY[request_source, request_id]) WITH =) WHERE (request_id IS NOT NULL);

-- Who asks again without a request joins the run that is under way.
CREATE UNIQUE INDEX drift_check_run_command_once
    ON drift_check_run (trigger, casino_id) NULLS NOT DISTINCT
    WHERE request_id IS NULL AND finished_at IS NULL;

CREATE INDEX drift_check_run_unfinished ON drift_check_run (advanced_at) WHERE finished_at IS NULL;

CREATE INDEX drift_check_run_finished ON drift_check_run (verdict, finished_at);

-- How many players of each casino a run looked at. players_drifted and closed_at are null until the
-- run is closed. open_…: of the players drifted, those not reconciled, by their gravest severity,
-- and their points, any sum of which fits; every replica reads these every few seconds.
CREATE TABLE drift_check_casino (
    casino_id uuid NOT NULL,
    run_id uuid NOT NULL,
    players_checked bigint NOT NULL,
    players_drifted bigint,
    closed_at timestamptz,
    open_critical bigint NOT NULL DEFAULT 0,
    open_warning bigint NOT NULL DEFAULT 0,
    open_info bigint NOT NULL DEFAULT 0,
    open_points numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (casino_id, run_id),
    CONSTRAINT drift_check_casino_closed_has_time
        CHECK ((players_drifted IS NULL) = (closed_at IS NULL))
);

CREATE INDEX drift_check_casino_of_run ON drift_check_casino (run_id);

CREATE INDEX drift_check_casino_newest
    ON drift_check_casino (casino_id, closed_at) WHERE closed_at IS NOT NULL;

-- A disagreement that a run found. severity is null until the run is closed; reconciled_at is null
-- until the player's balance was reconciled afterwards.
CREATE TABLE drift_finding (
    casino_id uuid NOT NULL,
    run_id uuid NOT NULL,
    player_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT drift_finding_kind_known CHECK (
        kind IN (
            'balance', 'entry_count', 'entries_missing', 'chain_broken', 'cache_missing',
            'cache_without_entries'
        )
    ),
    current_balance bigint,
    computed_balance bigint NOT NULL,
    drift bigint NOT NULL,
    drift_percentage numeric,
    ledger_entry_count bigint NOT NULL,
    last_ledger_update timestamptz,
    severity text CONSTRAINT drift_finding_severity_known
        CHECK (severity IN ('critical', 'warning', 'info')),
    detected_at timestamptz NOT NULL DEFAULT now(),
    reconciled_at timestamptz,
    PRIMARY KEY (casino_id, run_id, player_id, kind)
);

CREATE INDEX drift_finding_of_run ON drift_finding (run_id);

CREATE INDEX drift_finding_open
    ON drift_finding (casino_id, player_id) WHERE reconciled_at IS NULL;

-- Ticks of the schedule: whoever adds the row asks for the check.
CREATE TABLE drift_tick (
    scheduled_for timestamptz PRIMARY KEY,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    claimed_by text NOT NULL
);

GRANT SELECT ON drift_check_run, drift_check_casino, drift_finding, drift_tick
TO loyalty_worker, loyalty_operator, loyalty_readonly;

-- A person may run a check with the operator's login.
GRANT INSERT (trigger, casino_id, request_source, request_id, requested_by)
ON drift_check_run TO loyalty_worker, loyalty_operator;
GRANT UPDATE (
    advanced_at, finished_at, after_casino_id, after_player_id, walked, players_checked,
    entries_checked, players_drifted, largest_drift, verdict
) ON drift_check_run TO loyalty_worker, loyalty_operator;
GRANT INSERT (casino_id, run_id, players_checked)
ON drift_check_casino TO loyalty_worker, loyalty_operator;
GRANT UPDATE (
    players_checked, players_drifted, closed_at, open_critical, open_warning, open_info, open_points
) ON drift_check_casino TO loyalty_worker, loyalty_operator;
GRANT INSERT (
    casino_id, run_id, player_id, kind, current_balance, computed_balance, drift,
    drift_percentage, ledger_entry_count, last_ledger_update
) ON drift_finding TO loyalty_worker, loyalty_operator;
GRANT UPDATE (severity) ON drift_finding TO loyalty_worker;
GRANT UPDATE (severity, reconciled_at) ON drift_finding TO loyalty_operator;
GRANT INSERT (scheduled_for, claimed_by) ON drift_tick TO loyalty_worker;

-- The service audits what its checks found, and nothing else.
GRANT INSERT (casino_id, domain, action, actor_id, actor_name, correlation_id, details)
ON audit_log TO loyalty_worker;
CREATE POLICY audit_log_worker_adds ON audit_log FOR INSERT TO loyalty_worker
WITH CHECK (
    domain = 'drift' AND actor_id IS NULL
    AND (casino_id IS NULL OR casino_id = ANY ((SELECT service_scope())::uuid[]))
);
