--
-- PostgreSQL database dump
--

\restrict snapshot


SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: loyalty_reason; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.loyalty_reason AS ENUM (
    'base_accrual',
    'promotion',
    'redeem',
    'manual_reward',
    'adjustment',
    'reversal'
);


--
-- Name: accept_record_loss(text, text, integer, integer, bigint, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.accept_record_loss(p_consumer_group text, p_topic text, p_partition integer, p_generation integer, p_log_start bigint, p_reason text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_reason text := require_reason(p_reason);
    v_next_offset bigint;
BEGIN
    SELECT p.next_offset INTO v_next_offset
    FROM consumer_progress AS p
    WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
        AND p.partition = p_partition AND p.generation = p_generation AND p.closed_at IS NULL
    FOR UPDATE;
    IF v_next_offset IS NULL THEN
        RAISE EXCEPTION 'generation % of % partition % is not current for group %',
            p_generation, p_topic, p_partition, p_consumer_group
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Read the progress again.';
    ELSIF p_log_start IS NULL OR v_next_offset >= p_log_start THEN
        RAISE EXCEPTION 'no record of % partition % is lost: the position is %, the log begins at %',
            p_topic, p_partition, v_next_offset, p_log_start
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'There is nothing to accept.';
    END IF;

    PERFORM FROM open_consumer_progress(
        p_consumer_group, p_topic, p_partition, p_generation, p_log_start
    );
    PERFORM write_audit(NULL, 'consumer', 'accept_record_loss', jsonb_build_object(
        'consumer_group', p_consumer_group, 'topic', p_topic, 'partition', p_partition,
        'generation', p_generation, 'lost_from', v_next_offset, 'lost_to', p_log_start - 1,
        'reason', v_reason
    ));
END
$$;


--
-- Name: account_for_events(text, integer, bigint[], bytea[], text[], uuid[], uuid[], uuid[], text[], uuid[], numeric[], timestamp with time zone[], bigint[], jsonb[], text[], numeric[], bigint[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.account_for_events(p_topic text, p_partition integer, p_offset bigint[], p_record_hash bytea[], p_kind text[], p_casino_id uuid[], p_rating_slip_id uuid[], p_visit_id uuid[], p_visit_kind text[], p_player_id uuid[], p_average_bet numeric[], p_closed_at timestamp with time zone[], p_duration_seconds bigint[], p_policy_snapshot jsonb[], p_campaign_id text[], p_promo_multiplier numeric[], p_bonus_points bigint[]) RETURNS TABLE(ordinal integer, account text, lacking text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
BEGIN
    RETURN QUERY
    WITH input AS MATERIALIZED (
        SELECT i.*,
            CASE i.kind
                WHEN 'rating_slip_closed' THEN loyalty_facts_hash(
                    i.casino_id, i.slip_id, i.visit_id, i.player_id, i.visit_kind,
                    i.average_bet, i.duration_seconds, i.closed_at, i.policy_snapshot
                )
                WHEN 'promotion' THEN promotion_hash(
                    i.casino_id, i.slip_id, i.campaign_id, i.multiplier, i.bonus
                )
            END AS event_hash
        FROM unnest(
            p_offset, p_record_hash, p_kind, p_casino_id, p_rating_slip_id, p_visit_id,
            p_visit_kind, p_player_id, p_average_bet, p_closed_at, p_duration_seconds,
            p_policy_snapshot, p_campaign_id, p_promo_multiplier, p_bonus_points
        ) WITH ORDINALITY AS i (
            record_offset, record_hash, kind, casino_id, slip_id, visit_id, visit_kind, player_id,
            average_bet, closed_at, duration_seconds, policy_snapshot, campaign_id, multiplier,
            bonus, ordinality
        )
    ),
    found AS (
        SELECT i.ordinality, i.kind, i.event_hash,
            coalesce(b.payload_hash, e.payload_hash) AS entry_hash,
            p.is_there AS has_parked_row, p.outcome AS parked_outcome,
            d.status AS letter_status,
            s.earns, s.facts_hash
        FROM input AS i
        LEFT JOIN LATERAL (
            SELECT x.payload_hash
            FROM loyalty_ledger AS x
            WHERE i.kind = 'rating_slip_closed'
                AND x.casino_id = i.casino_id AND x.source_kind = 'rating_slip'
                AND x.source_id BETWEEN i.slip_id AND i.slip_id AND x.reason = 'base_accrual'
            ORDER BY x.source_id
            LIMIT 1
        ) AS b ON true
        LEFT JOIN LATERAL (
            SELECT x.payload_hash
            FROM loyalty_ledger AS x
            WHERE i.kind = 'promotion'
                AND x.casino_id = i.casino_id AND x.source_kind = 'rating_slip'
                AND x.source_id = i.slip_id
                AND x.campaign_id BETWEEN i.campaign_id AND i.campaign_id
                AND x.reason = 'promotion'
            ORDER BY x.campaign_id
            LIMIT 1
        ) AS e ON true
        LEFT JOIN LATERAL (
            SELECT true AS is_there, x.outcome
            FROM parked_event AS x
            WHERE x.topic = p_topic AND x.partition = p_partition
                AND x."offset" BETWEEN i.record_offset AND i.record_offset
                AND x.record_hash = i.record_hash
            ORDER BY x."offset"
            LIMIT 1
        ) AS p ON true
        LEFT JOIN LATERAL (
            SELECT x.status
            FROM dead_letter AS x
            WHERE x.topic = p_topic AND x.partition = p_partition
                AND x."offset" BETWEEN i.record_offset AND i.record_offset
                AND x.record_hash = i.record_hash
            ORDER BY x."offset"
            LIMIT 1
        ) AS d ON true
        LEFT JOIN LATERAL (
            SELECT x.visit_kind = 'gaming_identified_rated' AND x.player_id IS NOT NULL AS earns,
                coalesce(x.facts_hash, loyalty_facts_hash(
                    x.casino_id, x.id, x.visit_id, x.player_id, x.visit_kind,
                    x.average_bet, x.duration_seconds, x.closed_at, x.policy_snapshot
                )) AS facts_hash
            FROM rating_slip AS x
            WHERE x.casino_id = i.casino_id AND x.id = i.slip_id AND x.status = 'closed'
            LIMIT 1
        ) AS s ON true
    ),
    judged AS (
        SELECT f.*,
            CASE
                WHEN f.entry_hash = f.event_hash THEN 'ledger'
                WHEN f.has_parked_row AND f.parked_outcome IS NULL THEN 'parked'
                WHEN f.letter_status IN ('open', 'discarded') THEN 'dead_letter'
                WHEN NOT f.earns AND (f.kind = 'promotion' OR f.facts_hash = f.event_hash)
                    THEN 'skipped'
            END AS account
        FROM found AS f
    )
    SELECT j.ordinality::integer, j.account,
        CASE
            WHEN j.account IS NOT NULL THEN NULL
            WHEN j.kind IS NULL THEN 'letter'
            WHEN coalesce(j.entry_hash, j.facts_hash) <> j.event_hash
                AND (j.kind = 'rating_slip_closed' OR j.entry_hash IS NOT NULL)
                THEN 'letter_of_conflict'
            WHEN j.parked_outcome = 'dead_lettered' THEN 'letter_of_parked'
            WHEN j.parked_outcome IS NOT NULL THEN 'entry_of_parked'
            WHEN j.letter_status IS NOT NULL THEN 'entry_of_letter'
            WHEN j.kind = 'rating_slip_closed' AND j.earns THEN 'entry_of_slip'
            ELSE 'everything'
        END
    FROM judged AS j
    ORDER BY j.ordinality;
END
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: loyalty_ledger; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.loyalty_ledger (
    casino_id uuid NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    player_id uuid NOT NULL,
    entry_no bigint NOT NULL,
    points_delta bigint NOT NULL,
    balance_after bigint NOT NULL,
    reason public.loyalty_reason NOT NULL,
    rating_slip_id uuid,
    visit_id uuid,
    staff_id uuid,
    campaign_id text,
    reversed_ledger_id uuid,
    source_kind text,
    source_id uuid,
    idempotency_key uuid NOT NULL,
    payload_hash bytea NOT NULL,
    note text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    gaming_day date,
    occurred_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT loyalty_ledger_balance_after_in_range CHECK (((balance_after >= '-1000000000000'::bigint) AND (balance_after <= '1000000000000'::bigint))),
    CONSTRAINT loyalty_ledger_entry_no_positive CHECK ((entry_no >= 1)),
    CONSTRAINT loyalty_ledger_payload_hash_is_sha256 CHECK ((octet_length(payload_hash) = 32)),
    CONSTRAINT loyalty_ledger_person_explains CHECK (((reason = ANY (ARRAY['base_accrual'::public.loyalty_reason, 'promotion'::public.loyalty_reason])) OR ((COALESCE(btrim(note), ''::text) <> ''::text) AND (staff_id IS NOT NULL)))),
    CONSTRAINT loyalty_ledger_points_delta_in_range CHECK (((points_delta >= '-1000000000000'::bigint) AND (points_delta <= '1000000000000'::bigint))),
    CONSTRAINT loyalty_ledger_promotion_names_campaign CHECK (((reason <> 'promotion'::public.loyalty_reason) OR (COALESCE(btrim(campaign_id), ''::text) <> ''::text))),
    CONSTRAINT loyalty_ledger_reversal_names_entry CHECK (((reason = 'reversal'::public.loyalty_reason) = (reversed_ledger_id IS NOT NULL))),
    CONSTRAINT loyalty_ledger_sign_fits_reason CHECK (
CASE reason
    WHEN 'base_accrual'::public.loyalty_reason THEN (points_delta >= 0)
    WHEN 'promotion'::public.loyalty_reason THEN (points_delta >= 0)
    WHEN 'redeem'::public.loyalty_reason THEN (points_delta < 0)
    WHEN 'manual_reward'::public.loyalty_reason THEN (points_delta > 0)
    ELSE true
END),
    CONSTRAINT loyalty_ledger_slip_is_source CHECK (((reason <> ALL (ARRAY['base_accrual'::public.loyalty_reason, 'promotion'::public.loyalty_reason])) OR ((source_kind IS NOT NULL) AND (source_kind = 'rating_slip'::text) AND (source_id IS NOT NULL) AND (rating_slip_id IS NOT NULL) AND (source_id = rating_slip_id))))
);

ALTER TABLE ONLY public.loyalty_ledger FORCE ROW LEVEL SECURITY;


--
-- Name: accrual_objection(public.loyalty_ledger); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.accrual_objection(p_entry public.loyalty_ledger, OUT refusal text, OUT detail text) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_slip rating_slip;
    s record;
BEGIN
    SELECT * INTO v_slip
    FROM rating_slip AS r
    WHERE r.casino_id = p_entry.casino_id AND r.id = p_entry.rating_slip_id;
    IF v_slip.status IS DISTINCT FROM 'closed' THEN
        refusal := CASE
            WHEN v_slip.id IS NULL THEN 'LOYALTY_SLIP_NOT_FOUND' ELSE 'LOYALTY_SLIP_NOT_CLOSED'
        END;
        RETURN;
    END IF;
    SELECT * INTO STRICT s
    FROM look_up_closed_slips(ARRAY[v_slip], ARRAY[NULL]::uuid[], ARRAY[p_entry.casino_id]);
    refusal := CASE
        WHEN NOT s.accrual_enabled THEN 'LOYALTY_ACCRUAL_DISABLED'
        WHEN s.rule_refusal IS NOT NULL THEN s.rule_refusal
        WHEN NOT s.earns THEN 'LOYALTY_UNRATED_VISIT'
    END;
    IF (
        p_entry.player_id, p_entry.visit_id, p_entry.points_delta, p_entry.payload_hash,
        p_entry.gaming_day, p_entry.occurred_at
    ) IS DISTINCT FROM (
        v_slip.player_id, v_slip.visit_id, s.points, s.facts_hash, s.gaming_day, v_slip.closed_at
    )
    THEN
        detail := 'it differs from the facts of its slip and the formula';
    END IF;
END
$$;


--
-- Name: rating_slip; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.rating_slip (
    casino_id uuid NOT NULL,
    id uuid NOT NULL,
    player_id uuid,
    visit_id uuid NOT NULL,
    visit_kind text NOT NULL,
    table_id uuid,
    game_type text,
    average_bet numeric,
    started_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    duration_seconds bigint,
    status text NOT NULL,
    policy_snapshot jsonb,
    gaming_day date,
    facts_hash bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT rating_slip_closed_is_complete CHECK (((status = 'open'::text) OR ((closed_at IS NOT NULL) AND (duration_seconds IS NOT NULL) AND (average_bet IS NOT NULL)))),
    CONSTRAINT rating_slip_facts_hash_is_sha256 CHECK ((octet_length(facts_hash) = 32)),
    CONSTRAINT rating_slip_status_known CHECK ((status = ANY (ARRAY['open'::text, 'closed'::text]))),
    CONSTRAINT rating_slip_visit_kind_known CHECK ((visit_kind = ANY (ARRAY['gaming_identified_rated'::text, 'gaming_ghost_unrated'::text, 'reward_identified'::text])))
);

ALTER TABLE ONLY public.rating_slip FORCE ROW LEVEL SECURITY;


--
-- Name: accrue_closed_slips(public.rating_slip[], uuid[], jsonb[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.accrue_closed_slips(p_slips public.rating_slip[], p_idempotency_keys uuid[], p_events jsonb[]) RETURNS TABLE(ordinal integer, verdict text, duplicate_by text, refusal text, detail text, points bigint, ledger_id uuid)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_actor_id uuid := (SELECT c.actor_id FROM staff_context() AS c); -- null for the service
    v_known uuid[];
    v_created player_loyalty[];
    v_slips rating_slip[] := '{}';
    v_entries loyalty_ledger[] := '{}';
    -- what is known by now, at the ordinal of the first record with that slip, key or player
    v_slip_hash bytea[];
    v_slip_points bigint[];
    v_slip_entry uuid[];
    v_slip_ordinal integer[];
    v_key_entry uuid[];
    v_entry_no bigint[];
    v_balance bigint[];
    v_entry loyalty_ledger;
    v_slip rating_slip;
    v_exists boolean;
    s record;
BEGIN
    v_known := ARRAY(
        SELECT c.id FROM casino AS c
        WHERE c.id IN (SELECT i.casino_id FROM unnest(p_slips) AS i)
    );
    v_created := ARRAY(
        SELECT b
        FROM (
            SELECT array_agg(i.casino_id) AS casino_ids, array_agg(i.player_id) AS player_ids
            FROM unnest(p_slips) AS i
            WHERE i.casino_id = ANY (v_known) AND i.player_id IS NOT NULL
        ) AS p
        CROSS JOIN LATERAL lock_player_balances(p.casino_ids, p.player_ids) AS b
    );

    FOR s IN SELECT * FROM look_up_closed_slips(p_slips, p_idempotency_keys, v_known) LOOP
        IF s.slip_first = s.ordinal THEN
            v_slip_hash[s.ordinal] := coalesce(s.entry_hash, s.recorded_hash);
            v_slip_points[s.ordinal] := s.entry_points;
            v_slip_entry[s.ordinal] := s.entry_id;
        END IF;
        IF s.key_first = s.ordinal THEN
            v_key_entry[s.ordinal] := s.key_entry_id;
        END IF;
        IF s.player_first = s.ordinal THEN
            v_entry_no[s.ordinal] := coalesce(s.newest_entry_no, 0);
            v_balance[s.ordinal] := coalesce(s.newest_balance, 0);
        END IF;

        -- a slip that was recorded as closed but should have earned is accrued now
        v_exists := v_slip_entry[s.slip_first] IS NOT NULL
            OR (v_slip_hash[s.slip_first] IS NOT NULL AND NOT s.earns);
        refusal := CASE
            WHEN NOT s.casino_known THEN 'LOYALTY_CASINO_UNKNOWN'
            WHEN p_idempotency_keys[s.ordinal] IS NULL THEN 'LOYALTY_IDEMPOTENCY_REQUIRED'
            WHEN v_slip_hash[s.slip_first] <> s.facts_hash THEN 'LOYALTY_FACTS_CONFLICT'
            WHEN v_key_entry[s.key_first] IS NOT NULL
                AND v_key_entry[s.key_first] IS DISTINCT FROM v_slip_entry[s.slip_first]
                THEN 'LOYALTY_IDEMPOTENCY_CONFLICT'
            WHEN v_exists THEN NULL
            WHEN NOT s.accrual_enabled THEN 'LOYALTY_ACCRUAL_DISABLED'
            WHEN s.rule_refusal IS NOT NULL THEN s.rule_refusal
            WHEN s.earns AND v_balance[s.player_first] + s.points > 1000000000000
                THEN 'LOYALTY_POINTS_OUT_OF_RANGE'
        END;

        ordinal := s.ordinal;
        points := 0;
        ledger_id := NULL;
        detail := NULL;
        duplicate_by := NULL;
        IF refusal IS NOT NULL THEN
            verdict := 'refused';
            detail := CASE refusal
                WHEN 'LOYALTY_FACTS_CONFLICT' THEN facts_conflict_detail(
                    CASE
                        WHEN v_slip_ordinal[s.slip_first] IS NULL THEN s.recorded
                        ELSE p_slips[v_slip_ordinal[s.slip_first]]
                    END,
                    v_slip_hash[s.slip_first], v_slip_points[s.slip_first],
                    p_slips[s.ordinal], s.facts_hash, s.points
                )
                WHEN 'LOYALTY_IDEMPOTENCY_CONFLICT'
                    THEN format('the key belongs to entry %s', v_key_entry[s.key_first])
                WHEN s.rule_refusal THEN s.rule_detail
                WHEN 'LOYALTY_POINTS_OUT_OF_RANGE' THEN 'balance after the slip'
            END;
        ELSIF v_exists THEN
            verdict := 'duplicate';
            ledger_id := v_slip_entry[s.slip_first];
            duplicate_by := CASE
                WHEN v_key_entry[s.key_first] = ledger_id THEN 'key' ELSE 'natural_key'
            END;
        ELSE
            verdict := CASE WHEN s.earns THEN 'accrued' ELSE 'skipped' END;
            v_slip := p_slips[s.ordinal];
            v_slip.facts_hash := s.facts_hash;
            v_slip.gaming_day := s.gaming_day;
            v_slip_hash[s.slip_first] := s.facts_hash;
            v_slip_ordinal[s.slip_first] := s.ordinal;
            IF s.recorded_hash IS NULL THEN
                v_slips := array_append(v_slips, v_slip);
            END IF;
        END IF;

        IF verdict = 'accrued' THEN
            points := s.points;
            ledger_id := gen_random_uuid();
            v_slip_points[s.slip_first] := points;
            v_slip_entry[s.slip_first] := ledger_id;
            v_key_entry[s.key_first] := ledger_id;
            v_entry_no[s.player_first] := v_entry_no[s.player_first] + 1;
            v_balance[s.player_first] := v_balance[s.player_first] + points;
            v_entry := NULL;
            v_entry.casino_id := v_slip.casino_id;
            v_entry.id := ledger_id;
            v_entry.player_id := v_slip.player_id;
            v_entry.entry_no := v_entry_no[s.player_first];
            v_entry.points_delta := points;
            v_entry.balance_after := v_balance[s.player_first];
            v_entry.rating_slip_id := v_slip.id;
            v_entry.visit_id := v_slip.visit_id;
            v_entry.staff_id := v_actor_id;
            v_entry.idempotency_key := p_idempotency_keys[s.ordinal];
            v_entry.payload_hash := s.facts_hash;
            v_entry.metadata := jsonb_strip_nulls(jsonb_build_object(
                'event', p_events[s.ordinal], 'calc', s.calc, 'policy', s.policy
            ));
            v_entry.gaming_day := s.gaming_day;
            v_entry.occurred_at := v_slip.closed_at;
            v_entries := array_append(v_entries, v_entry);
        END IF;
        RETURN NEXT;
    END LOOP;

    PERFORM write_closed_slips(v_slips, v_entries, v_created);
END
$$;


--
-- Name: add_casino(uuid, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.add_casino(p_casino_id uuid, p_name text, p_timezone text DEFAULT NULL::text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_added boolean;
BEGIN
    IF service_scope() IS NULL AND caller_has_role(ARRAY['operator']) THEN
        PERFORM set_service_context(
            ARRAY[p_casino_id], current_setting('app.correlation_id', true)
        );
    END IF;
    PERFORM require_caller(ARRAY[p_casino_id], ARRAY['operator']);
    IF coalesce(btrim(p_name), '') = '' THEN
        RAISE EXCEPTION 'a casino needs a name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF p_timezone IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = p_timezone)
    THEN
        RAISE EXCEPTION 'time zone "%" is not known', p_timezone
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Use an IANA name, as Europe/Vienna.';
    END IF;

    INSERT INTO casino (id, name) VALUES (p_casino_id, p_name) ON CONFLICT (id) DO NOTHING;
    v_added := FOUND;
    IF NOT v_added THEN
        IF NOT EXISTS (
            SELECT FROM casino AS c
            JOIN casino_rules AS r ON r.casino_id = c.id
            WHERE c.id = p_casino_id AND c.name = p_name
                AND r.timezone = coalesce(p_timezone, 'UTC')
        ) THEN
            PERFORM refuse(
                'LOYALTY_IDEMPOTENCY_CONFLICT',
                format('casino %s is provisioned with another name or time zone', p_casino_id)
            );
        END IF;
        RETURN v_added;
    END IF;

    IF p_timezone IS NOT NULL THEN
        INSERT INTO casino_settings (casino_id, timezone) VALUES (p_casino_id, p_timezone);
    END IF;
    PERFORM write_audit(p_casino_id, 'casino', 'add', jsonb_build_object(
        'name', p_name, 'timezone', coalesce(p_timezone, 'UTC')
    ));
    RETURN v_added;
END
$$;


--
-- Name: advance_consumer_progress(text, text, integer, integer, bigint, bigint, bytea, bigint, bigint, bigint, bigint, bigint, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.advance_consumer_progress(p_consumer_group text, p_topic text, p_partition integer, p_generation integer, p_next_offset bigint, p_last_record_offset bigint, p_last_record_hash bytea, p_accrued bigint, p_duplicate bigint, p_skipped bigint, p_parked bigint, p_dead_lettered bigint, p_without_record bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    UPDATE consumer_progress AS p
    SET next_offset = greatest(p.next_offset, p_next_offset),
        last_record_offset = greatest(p.last_record_offset, p_last_record_offset),
        last_record_hash = CASE
            WHEN p_last_record_offset >= coalesce(p.last_record_offset, 0) THEN p_last_record_hash
            ELSE p.last_record_hash
        END,
        accrued = p.accrued + p_accrued,
        duplicate = p.duplicate + p_duplicate,
        skipped = p.skipped + p_skipped,
        parked = p.parked + p_parked,
        dead_lettered = p.dead_lettered + p_dead_lettered,
        without_record = p.without_record + p_without_record,
        updated_at = now()
    WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
        AND p.partition = p_partition AND p.generation = p_generation AND p.closed_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'generation % of % partition % is not current for group %',
            p_generation, p_topic, p_partition, p_consumer_group
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Read the progress again and seek to its next_offset.';
    END IF;
END
$$;


--
-- Name: advance_drift_check(uuid, integer, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.advance_drift_check(p_run_id uuid, p_max_players integer, p_max_entries integer) RETURNS TABLE(walked boolean, players bigint, entries bigint, findings bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET jit TO 'off'
    AS $$
DECLARE
    v_run drift_check_run;
BEGIN
    IF p_max_players IS NULL OR p_max_players < 1 OR p_max_entries IS NULL OR p_max_entries < 1 THEN
        RAISE EXCEPTION 'a chunk of a drift check needs limits of at least 1'
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO v_run FROM drift_check_run AS r WHERE r.id = p_run_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no drift check %', p_run_id USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM require_drift_scope(v_run.casino_id);
    IF v_run.walked OR v_run.finished_at IS NOT NULL THEN
        RETURN QUERY SELECT true, 0::bigint, 0::bigint, 0::bigint;
        RETURN;
    END IF;

    RETURN QUERY
    WITH compared AS MATERIALIZED (
        SELECT * FROM compare_balances(
            v_run.after_casino_id, v_run.after_player_id, v_run.casino_id,
            p_max_players, p_max_entries
        )
    ), finding AS (
        INSERT INTO drift_finding (
            casino_id, run_id, player_id, kind, current_balance, computed_balance, drift,
            drift_percentage, ledger_entry_count, last_ledger_update
        )
        SELECT c.casino_id, p_run_id, k.player_id, k.kind, k.current_balance, k.computed_balance,
            k.drift, round(k.drift::numeric * 100 / nullif(abs(k.computed_balance), 0), 4),
            k.ledger_entry_count, k.last_ledger_update
        FROM compared AS c
        CROSS JOIN LATERAL drift_kinds(c.casino_id, c.suspects) AS k
        RETURNING 1
    ), counted AS (
        INSERT INTO drift_check_casino AS n (casino_id, run_id, players_checked)
        SELECT c.casino_id, p_run_id, c.players FROM compared AS c
        ON CONFLICT (casino_id, run_id) DO UPDATE
        SET players_checked = n.players_checked + excluded.players_checked
    ), total AS (
        SELECT coalesce(sum(c.players), 0)::bigint AS players,
            coalesce(sum(c.entries), 0)::bigint AS entries
        FROM compared AS c
    ), newest AS (
        SELECT c.casino_id, c.last_player_id
        FROM compared AS c
        ORDER BY c.casino_id DESC
        LIMIT 1
    )
    UPDATE drift_check_run AS r
    SET walked = t.players = 0,
        after_casino_id = coalesce(n.casino_id, r.after_casino_id),
        after_player_id = coalesce(n.last_player_id, r.after_player_id),
        players_checked = r.players_checked + t.players,
        entries_checked = r.entries_checked + t.entries,
        advanced_at = now()
    FROM total AS t LEFT JOIN newest AS n ON true
    WHERE r.id = p_run_id
    RETURNING r.walked, t.players, t.entries, (SELECT count(*) FROM finding);
END
$$;


--
-- Name: apply_promotions(uuid[], uuid[], text[], numeric[], bigint[], uuid[], timestamp with time zone[], jsonb[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.apply_promotions(p_casino_id uuid[], p_rating_slip_id uuid[], p_campaign_id text[], p_promo_multiplier numeric[], p_bonus_points bigint[], p_idempotency_key uuid[], p_occurred_at timestamp with time zone[], p_events jsonb[]) RETURNS TABLE(ordinal integer, verdict text, duplicate_by text, refusal text, detail text, points bigint, ledger_id uuid)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_known uuid[];
    v_player uuid[];
    v_created player_loyalty[];
    v_entries loyalty_ledger[] := '{}';
    -- what is known by now, at the ordinal of the first promotion with that campaign, key, player
    v_campaign_entry uuid[];
    v_campaign_hash bytea[];
    v_key_entry uuid[];
    v_entry_no bigint[];
    v_balance bigint[];
    v_entry loyalty_ledger;
    s record;
BEGIN
    v_known := ARRAY(SELECT c.id FROM casino AS c WHERE c.id = ANY (p_casino_id));
    v_player := players_of_slips(p_casino_id, p_rating_slip_id);
    v_created := ARRAY(
        SELECT b
        FROM (
            SELECT array_agg(i.casino_id) AS casino_ids, array_agg(i.player_id) AS player_ids
            FROM unnest(p_casino_id, v_player) AS i (casino_id, player_id)
            WHERE i.player_id IS NOT NULL
        ) AS p
        CROSS JOIN LATERAL lock_player_balances(p.casino_ids, p.player_ids) AS b
    );

    FOR s IN
        SELECT * FROM look_up_promotions(
            p_casino_id, p_rating_slip_id, p_campaign_id, p_promo_multiplier, p_bonus_points,
            p_idempotency_key, v_player
        )
    LOOP
        IF s.campaign_first = s.ordinal THEN
            v_campaign_entry[s.ordinal] := s.entry_id;
            v_campaign_hash[s.ordinal] := s.entry_hash;
        END IF;
        IF s.key_first = s.ordinal THEN
            v_key_entry[s.ordinal] := s.key_entry_id;
        END IF;
        IF s.player_first = s.ordinal THEN
            v_entry_no[s.ordinal] := coalesce(s.newest_entry_no, 0);
            v_balance[s.ordinal] := coalesce(s.newest_balance, 0);
        END IF;

        refusal := CASE
            WHEN NOT p_casino_id[s.ordinal] = ANY (v_known) THEN 'LOYALTY_CASINO_UNKNOWN'
            WHEN p_idempotency_key[s.ordinal] IS NULL THEN 'LOYALTY_IDEMPOTENCY_REQUIRED'
            WHEN is_blank(p_campaign_id[s.ordinal])
                OR octet_length(p_campaign_id[s.ordinal]) > 1000 OR s.points IS NULL
                THEN 'LOYALTY_PROMOTION_INVALID'
            WHEN v_campaign_hash[s.campaign_first] <> s.request_hash
                THEN 'LOYALTY_IDEMPOTENCY_CONFLICT'
            WHEN v_key_entry[s.key_first] IS NOT NULL
                AND v_key_entry[s.key_first]
                    IS DISTINCT FROM v_campaign_entry[s.campaign_first]
                THEN 'LOYALTY_IDEMPOTENCY_CONFLICT'
            WHEN v_campaign_entry[s.campaign_first] IS NOT NULL THEN NULL
            WHEN s.base_points IS NULL AND s.slip_is_unrated THEN NULL
            WHEN NOT s.accrual_enabled THEN 'LOYALTY_ACCRUAL_DISABLED'
            WHEN s.base_points IS NULL OR v_player[s.ordinal] IS NULL
                THEN 'LOYALTY_BASE_NOT_ACCRUED'
            WHEN s.base_is_reversed THEN 'LOYALTY_BASE_REVERSED'
            WHEN s.points > 1000000000000
                OR v_balance[s.player_first] + s.points > 1000000000000
                THEN 'LOYALTY_POINTS_OUT_OF_RANGE'
        END;

        ordinal := s.ordinal;
        points := 0;
        ledger_id := NULL;
        detail := NULL;
        duplicate_by := NULL;
        IF refusal IS NOT NULL THEN
            verdict := 'refused';
            detail := CASE
                WHEN refusal <> 'LOYALTY_IDEMPOTENCY_CONFLICT' THEN NULL
                WHEN v_campaign_hash[s.campaign_first] <> s.request_hash THEN format(
                    'the campaign is on the slip with other terms, entry %s',
                    v_campaign_entry[s.campaign_first]
                )
                ELSE format('the key belongs to entry %s', v_key_entry[s.key_first])
            END;
        ELSIF v_campaign_entry[s.campaign_first] IS NOT NULL THEN
            verdict := 'duplicate';
            ledger_id := v_campaign_entry[s.campaign_first];
            duplicate_by := CASE
                WHEN v_key_entry[s.key_first] = ledger_id THEN 'key' ELSE 'natural_key'
            END;
        ELSIF s.base_points IS NULL THEN
            verdict := 'skipped';
        ELSE
            verdict := 'accrued';
            points := s.points;
            ledger_id := gen_random_uuid();
            v_campaign_entry[s.campaign_first] := ledger_id;
            v_campaign_hash[s.campaign_first] := s.request_hash;
            v_key_entry[s.key_first] := ledger_id;
            v_entry_no[s.player_first] := v_entry_no[s.player_first] + 1;
            v_balance[s.player_first] := v_balance[s.player_first] + points;
            v_entry := NULL;
            v_entry.casino_id := p_casino_id[s.ordinal];
            v_entry.id := ledger_id;
            v_entry.player_id := v_player[s.ordinal];
            v_entry.entry_no := v_entry_no[s.player_first];
            v_entry.points_delta := points;
            v_entry.balance_after := v_balance[s.player_first];
            v_entry.rating_slip_id := p_rating_slip_id[s.ordinal];
            v_entry.visit_id := s.base_visit_id;
            v_entry.campaign_id := p_campaign_id[s.ordinal];
            v_entry.idempotency_key := p_idempotency_key[s.ordinal];
            v_entry.payload_hash := s.request_hash;
            v_entry.occurred_at := coalesce(p_occurred_at[s.ordinal], now());
            v_entry.gaming_day := loyalty_gaming_day(
                v_entry.occurred_at, s.timezone, s.gaming_day_start
            );
            v_entry.metadata := jsonb_build_object(
                'event', p_events[s.ordinal],
                'calc', jsonb_strip_nulls(jsonb_build_object(
                    'base_points', s.base_points,
                    'multiplier', trim_scale(p_promo_multiplier[s.ordinal]),
                    'bonus', p_bonus_points[s.ordinal], 'points', points
                ))
            );
            v_entries := array_append(v_entries, v_entry);
        END IF;
        RETURN NEXT;
    END LOOP;

    INSERT INTO loyalty_ledger (
        casino_id, id, player_id, entry_no, points_delta, balance_after, reason, rating_slip_id,
        visit_id, campaign_id, source_kind, source_id, idempotency_key, payload_hash, metadata,
        gaming_day, occurred_at
    )
    SELECT e.casino_id, e.id, e.player_id, e.entry_no, e.points_delta, e.balance_after,
        'promotion', e.rating_slip_id, e.visit_id, e.campaign_id, 'rating_slip',
        e.rating_slip_id, e.idempotency_key, e.payload_hash, e.metadata, e.gaming_day,
        e.occurred_at
    FROM unnest(v_entries) AS e;
    PERFORM move_balances(v_entries, v_created);
END
$$;


--
-- Name: assess_closed_slip(text, uuid, numeric, timestamp with time zone, timestamp with time zone, bigint, jsonb); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.assess_closed_slip(p_visit_kind text, p_player_id uuid, p_average_bet numeric, p_started_at timestamp with time zone, p_closed_at timestamp with time zone, p_duration_seconds bigint, p_policy_snapshot jsonb, OUT earns boolean, OUT refusal text, OUT detail text, OUT points bigint, OUT calc jsonb, OUT policy jsonb) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_terms record;
    v_result record;
BEGIN
    earns := coalesce(
        p_visit_kind = 'gaming_identified_rated' AND p_player_id IS NOT NULL, false
    );
    IF earns THEN
        v_terms := loyalty_policy_terms(p_policy_snapshot);
        refusal := v_terms.refusal;
        detail := v_terms.detail;
    END IF;
    IF refusal IS NOT NULL THEN
        RETURN;
    END IF;

    detail := CASE
        WHEN NOT coalesce(p_average_bet BETWEEN 0 AND 1e18, false) THEN 'average_bet is no usable amount'
        WHEN NOT coalesce(p_duration_seconds >= 0, false) THEN 'duration_seconds is negative'
        WHEN NOT coalesce(
            p_duration_seconds <= extract(epoch FROM p_closed_at - p_started_at), false
        ) THEN 'duration_seconds exceeds closed_at - started_at'
    END;
    IF detail IS NOT NULL THEN
        refusal := 'LOYALTY_FACTS_INVALID';
        RETURN;
    ELSIF NOT earns THEN
        RETURN;
    END IF;

    v_result := loyalty_points_v1(
        p_average_bet, v_terms.house_edge, v_terms.decisions_per_hour, p_duration_seconds,
        v_terms.points_conversion_rate
    );
    IF v_result.points > 1000000000000 THEN
        refusal := 'LOYALTY_POINTS_OUT_OF_RANGE';
        detail := 'points of the slip';
        RETURN;
    END IF;
    points := v_result.points;
    calc := jsonb_build_object(
        'average_bet', p_average_bet,
        'house_edge', v_terms.house_edge,
        'decisions_per_hour', v_terms.decisions_per_hour,
        'duration_seconds', p_duration_seconds,
        'points_conversion_rate', v_terms.points_conversion_rate,
        'theo', v_result.theo,
        'points', points
    );
    policy := jsonb_build_object(
        'policy_version', v_terms.policy_version, 'rounding', v_terms.rounding
    );
END
$$;


--
-- Name: base_accrual_of(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.base_accrual_of(p_casino_id uuid, p_rating_slip_id uuid) RETURNS public.loyalty_ledger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
DECLARE
    v_entry loyalty_ledger;
BEGIN
    SELECT * INTO v_entry
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_casino_id AND l.source_kind = 'rating_slip'
        AND l.source_id BETWEEN p_rating_slip_id AND p_rating_slip_id
        AND l.reason = 'base_accrual'
    ORDER BY l.source_id
    LIMIT 1;
    RETURN v_entry;
END
$$;


--
-- Name: batch_obstacles(text, text, integer, bigint, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.batch_obstacles(p_consumer_group text, p_topic text, p_partition integer, p_start bigint, p_end bigint) RETURNS TABLE(halt_reason text, halt_detail text, halt_partition integer, halt_offset bigint, quarantined_offsets bigint[], quarantined_hashes bytea[])
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
BEGIN
    RETURN QUERY
    SELECT h.reason, h.detail, h.partition, h."offset", q.offsets, q.hashes
    FROM (
        SELECT coalesce(array_agg(r.record_offset), '{}') AS offsets,
            coalesce(array_agg(r.record_hash), '{}') AS hashes
        FROM (
            -- in an order that the index of all records has only in this place: the one of
            -- records set aside is far smaller
            SELECT d."offset" AS record_offset, d.record_hash
            FROM dead_letter AS d
            WHERE d.topic = p_topic AND d.partition = p_partition
                AND d."offset" >= p_start AND d."offset" < p_end
                AND d.quarantined AND d.status IN ('open', 'discarded')
            ORDER BY d."offset"
        ) AS r
    ) AS q
    LEFT JOIN consumer_halt AS h
        ON h.consumer_group = p_consumer_group AND h.topic = p_topic AND h.ended_at IS NULL;
END
$$;


--
-- Name: begin_drift_check(text, uuid, text, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.begin_drift_check(p_trigger text, p_casino_id uuid, p_request_source text, p_request_id text, p_requested_by text) RETURNS TABLE(run_id uuid, verdict text, is_existing boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_drift_scope(p_casino_id);
    UPDATE drift_check_run AS r
    SET verdict = 'abandoned', finished_at = now()
    WHERE r.id = ANY (ARRAY(
        SELECT x.id FROM drift_check_run AS x
        WHERE x.finished_at IS NULL AND x.advanced_at < now() - interval '1 hour'
            AND (p_casino_id IS NULL OR x.casino_id = p_casino_id)
            AND (x.request_source = p_request_source AND x.request_id = p_request_id)
            IS NOT TRUE
        ORDER BY x.id
        -- one that is locked moves
        FOR NO KEY UPDATE SKIP LOCKED
    ));
    -- again where the run that was in the way ended meanwhile
    WHILE run_id IS NULL LOOP
        INSERT INTO drift_check_run AS r (
            trigger, casino_id, request_source, request_id, requested_by
        )
        VALUES (p_trigger, p_casino_id, p_request_source, p_request_id, p_requested_by)
        ON CONFLICT DO NOTHING
        RETURNING r.id INTO run_id;
        is_existing := run_id IS NULL;
        IF is_existing THEN
            SELECT r.id, r.verdict INTO run_id, verdict
            FROM drift_check_run AS r
            WHERE CASE
                WHEN p_request_id IS NOT NULL
                    THEN r.request_id IS NOT NULL
                        AND ARRAY[r.request_source, r.request_id]
                        = ARRAY[p_request_source, p_request_id]
                ELSE r.request_id IS NULL AND r.finished_at IS NULL AND r.trigger = p_trigger
                    AND r.casino_id IS NOT DISTINCT FROM p_casino_id
            END;
        END IF;
    END LOOP;
    RETURN NEXT;
END
$$;


--
-- Name: begin_entry(uuid, uuid, uuid, bytea); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.begin_entry(p_casino_id uuid, p_player_id uuid, p_idempotency_key uuid, p_payload_hash bytea) RETURNS public.loyalty_ledger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_created boolean;
    v_entry loyalty_ledger;
BEGIN
    IF p_player_id IS NULL THEN
        PERFORM entry_of_key(p_casino_id, p_idempotency_key, p_payload_hash);
        PERFORM refuse('LOYALTY_PLAYER_NOT_FOUND');
    END IF;
    v_created := EXISTS (
        SELECT FROM lock_player_balances(ARRAY[p_casino_id], ARRAY[p_player_id])
    );
    v_entry := entry_of_key(p_casino_id, p_idempotency_key, p_payload_hash);
    IF v_entry.id IS NOT NULL THEN
        IF v_created THEN
            DELETE FROM player_loyalty AS b
            WHERE b.casino_id = p_casino_id AND b.player_id = p_player_id;
        END IF;
        RETURN v_entry;
    END IF;

    -- The foreign key of the new row tells whether the player is known: nobody here may list
    -- players. It is deferred again, because accruals write the player after the balance.
    IF v_created THEN
        BEGIN
            SET CONSTRAINTS public.player_loyalty_player_id_fkey IMMEDIATE;
            SET CONSTRAINTS public.player_loyalty_player_id_fkey DEFERRED;
        EXCEPTION WHEN foreign_key_violation THEN
            PERFORM refuse('LOYALTY_PLAYER_NOT_FOUND');
        END;
    END IF;
    RETURN NULL;
END
$$;


--
-- Name: caller_has_role(text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.caller_has_role(p_roles text[]) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF 'service' = ANY (p_roles) AND pg_has_role(session_user, 'loyalty_worker', 'USAGE') THEN
        RETURN true;
    ELSIF 'operator' = ANY (p_roles) AND pg_has_role(session_user, 'loyalty_operator', 'USAGE') THEN
        RETURN true;
    END IF;
    RETURN coalesce((SELECT c.staff_role FROM staff_context() AS c) = ANY (p_roles), false);
END
$$;


--
-- Name: check_ledger_chain(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.check_ledger_chain() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_broken record;
BEGIN
    SELECT e.casino_id, e.id, e.entry_no, e.balance_after,
        coalesce(e.previous_no, p.entry_no, 0) + 1 AS expected_no,
        coalesce(e.previous_balance, p.balance_after, 0) + e.points_delta AS expected_balance
    INTO v_broken
    FROM (
        SELECT n.casino_id, n.player_id, n.id, n.entry_no, n.points_delta, n.balance_after,
            lag(n.entry_no) OVER chain AS previous_no,
            lag(n.balance_after) OVER chain AS previous_balance
        FROM new_entries AS n
        WINDOW chain AS (PARTITION BY n.casino_id, n.player_id ORDER BY n.entry_no)
    ) AS e
    LEFT JOIN LATERAL (
        SELECT l.entry_no, l.balance_after
        FROM loyalty_ledger AS l
        WHERE e.previous_no IS NULL
            AND l.casino_id = e.casino_id
            AND l.player_id = e.player_id
            AND l.entry_no < e.entry_no
        ORDER BY l.entry_no DESC
        LIMIT 1
    ) AS p ON true
    WHERE e.entry_no <> coalesce(e.previous_no, p.entry_no, 0) + 1
        OR e.balance_after <> coalesce(e.previous_balance, p.balance_after, 0) + e.points_delta
    LIMIT 1;

    IF FOUND THEN
        RAISE EXCEPTION 'entry % of casino % does not continue its player''s chain',
            v_broken.id, v_broken.casino_id
        USING ERRCODE = 'check_violation',
            TABLE = 'loyalty_ledger',
            CONSTRAINT = 'loyalty_ledger_continues_chain',
            DETAIL = format(
                'number %s with balance %s, expected number %s with balance %s',
                v_broken.entry_no, v_broken.balance_after,
                v_broken.expected_no, v_broken.expected_balance
            ),
            HINT = 'Post through the functions: they number entries under the balance''s lock.';
    END IF;
    RETURN NULL;
END
$$;


--
-- Name: check_ledger_rules(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.check_ledger_rules() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_by_worker boolean := caller_has_role(ARRAY['service']);
    v_entries loyalty_ledger[] := ARRAY(
        SELECT ROW(n.*)::loyalty_ledger
        FROM new_entries AS n
        WHERE NOT (v_by_worker AND n.reason = 'base_accrual')
    );
    v_wrong record;
BEGIN
    IF cardinality(v_entries) = 0 THEN
        RETURN NULL;
    END IF;
    SELECT w.entry_id, w.refusal, w.detail INTO v_wrong
    FROM (
        SELECT p.entry_id, p.refusal, NULL AS detail FROM promotions_without_base(v_entries) AS p
        UNION ALL
        SELECT e.id, o.refusal, o.detail
        FROM unnest(v_entries) AS e
        CROSS JOIN LATERAL entry_objection(e, v_by_worker) AS o
        WHERE NOT (v_by_worker AND e.reason = 'promotion')
            AND (o.refusal IS NOT NULL OR o.detail IS NOT NULL)
    ) AS w
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF v_wrong.refusal IS NOT NULL THEN
        PERFORM refuse(v_wrong.refusal, format('entry %s', v_wrong.entry_id));
    END IF;
    RAISE EXCEPTION 'entry % breaks a rule of its reason: %', v_wrong.entry_id, v_wrong.detail
    USING ERRCODE = 'check_violation',
        TABLE = 'loyalty_ledger',
        CONSTRAINT = 'loyalty_ledger_keeps_rules',
        HINT = 'Post through the functions.';
END
$$;


--
-- Name: check_loyalty_balance_drift(uuid, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.check_loyalty_balance_drift(p_casino_id uuid DEFAULT NULL::uuid, p_drift_threshold bigint DEFAULT 0) RETURNS TABLE(casino_id uuid, player_id uuid, current_balance bigint, computed_balance bigint, drift bigint, ledger_entry_count bigint, last_ledger_update timestamp with time zone, kind text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_drift_scope(p_casino_id);
    RETURN QUERY
    SELECT d.casino_id, k.player_id, k.current_balance, k.computed_balance, k.drift,
        k.ledger_entry_count, k.last_ledger_update, k.kind
    FROM compare_balances(NULL, NULL, p_casino_id, NULL, NULL) AS d
    CROSS JOIN LATERAL drift_kinds(d.casino_id, d.suspects) AS k
    WHERE k.kind <> 'balance' OR abs(k.drift) > p_drift_threshold
    ORDER BY abs(k.drift) DESC, d.casino_id, k.player_id, k.kind;
END
$$;


--
-- Name: claim_drift_tick(timestamp with time zone, text, text, bytea, bytea, jsonb); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.claim_drift_tick(p_scheduled_for timestamp with time zone, p_claimed_by text, p_topic text, p_key bytea, p_value bytea, p_headers jsonb) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO drift_tick (scheduled_for, claimed_by)
    VALUES (p_scheduled_for, p_claimed_by)
    ON CONFLICT (scheduled_for) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO outbox_record (topic, key, value, headers)
    VALUES (p_topic, p_key, p_value, p_headers);
    RETURN true;
END
$$;


--
-- Name: claimed_staff(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.claimed_staff(OUT casino_id uuid, OUT actor_id uuid, OUT staff_role text) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
DECLARE
    v_uuid CONSTANT text := '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$';
    -- a token gateway often does not inherit: it sets the role that it is a member of
    v_by_token boolean := pg_has_role(session_user, 'loyalty_postgrest', 'MEMBER');
    -- a setting that was local to an earlier transaction reads as an empty text
    v_casino text := nullif(current_setting('app.casino_id', true), '');
    v_actor text := nullif(current_setting('app.actor_id', true), '');
    v_role text := nullif(current_setting('app.staff_role', true), '');
    v_claims jsonb;
BEGIN
    IF NOT (v_by_token OR pg_has_role(session_user, 'loyalty_staff', 'USAGE')) THEN
        RETURN;
    END IF;
    IF v_by_token AND coalesce(v_casino, v_actor, v_role) IS NULL THEN
        BEGIN
            v_claims := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
        EXCEPTION WHEN invalid_text_representation OR untranslatable_character
            OR numeric_value_out_of_range OR statement_too_complex
        THEN
            RETURN; -- no JSON that can be read, no claim; the error would show the token
        END;
        v_casino := v_claims #>> '{app_metadata,casino_id}';
        v_actor := v_claims ->> 'sub';
        v_role := v_claims #>> '{app_metadata,staff_role}';
    END IF;
    IF v_casino ~ v_uuid AND v_actor ~ v_uuid AND v_role IS NOT NULL THEN
        casino_id := v_casino::uuid;
        actor_id := v_actor::uuid;
        staff_role := v_role;
    END IF;
END
$_$;


--
-- Name: close_drift_check(uuid, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.close_drift_check(p_run_id uuid, p_alerts_topic text, p_source text) RETURNS TABLE(verdict text, players_checked bigint, entries_checked bigint, players_drifted bigint, largest_drift bigint, started_at timestamp with time zone, finished_at timestamp with time zone)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    v_run drift_check_run;
BEGIN
    SELECT * INTO v_run FROM drift_check_run AS r WHERE r.id = p_run_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no drift check %', p_run_id USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM require_drift_scope(v_run.casino_id);
    IF v_run.finished_at IS NULL THEN
        IF NOT v_run.walked THEN
            RAISE EXCEPTION 'drift check % has not looked at every player yet', p_run_id
            USING HINT = 'Advance it until it says that it is walked.';
        END IF;
        PERFORM judge_drift_findings(p_run_id, v_run.casino_id);
        UPDATE drift_check_run AS r
        SET players_drifted = n.drifted,
            largest_drift = coalesce(
                (SELECT max(abs(f.drift)) FROM drift_finding AS f WHERE f.run_id = p_run_id), 0
            ),
            verdict = CASE WHEN n.drifted = 0 THEN 'clean' ELSE 'drift' END,
            finished_at = now()
        FROM (
            SELECT coalesce(sum(x.players_drifted), 0)::bigint AS drifted
            FROM drift_check_casino AS x WHERE x.run_id = p_run_id
        ) AS n
        WHERE r.id = p_run_id
        RETURNING r.* INTO v_run;
        PERFORM report_drift_check(v_run, p_alerts_topic, p_source);
    END IF;
    RETURN QUERY
    SELECT v_run.verdict, v_run.players_checked, v_run.entries_checked, v_run.players_drifted,
        v_run.largest_drift, v_run.started_at, v_run.finished_at;
END
$$;


--
-- Name: close_parked_events(bigint[], text[], text[], text[], text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.close_parked_events(p_id bigint[], p_outcome text[], p_reason text[], p_detail text[], p_sqlstate text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_open bigint[];
BEGIN
    v_open := ARRAY(
        SELECT e.id FROM parked_event AS e
        WHERE e.id = ANY (p_id) AND e.outcome IS NULL
        ORDER BY e.id
        FOR NO KEY UPDATE
    );
    UPDATE parked_event AS e
    SET cause = r.reason,
        waiting_since = CASE WHEN e.cause = r.reason THEN e.waiting_since ELSE now() END
    FROM unnest(p_id, p_outcome, p_reason) AS r (id, outcome, reason)
    WHERE e.id = r.id AND e.id = ANY (v_open) AND r.outcome = 'parked' AND e.cause <> r.reason;
    UPDATE parked_event AS e
    SET outcome = r.outcome, released_at = now()
    FROM unnest(p_id, p_outcome) AS r (id, outcome)
    WHERE e.id = r.id AND e.id = ANY (v_open) AND r.outcome <> 'parked';

    INSERT INTO dead_letter AS d (
        topic, partition, "offset", broker_timestamp, record_hash, consumer_group, key, value,
        headers, reason, detail, sqlstate, event_source, event_id, casino_id
    )
    SELECT e.topic, e.partition, e."offset", e.broker_timestamp, e.record_hash, e.consumer_group,
        e.key, e.value, e.headers, r.reason, r.detail, r.state, e.event_source, e.event_id,
        e.casino_id
    FROM unnest(p_id, p_outcome, p_reason, p_detail, p_sqlstate)
        AS r (id, outcome, reason, detail, state)
    JOIN parked_event AS e ON e.id = r.id
    WHERE e.id = ANY (v_open) AND r.outcome = 'dead_lettered'
    ORDER BY e.id
    ON CONFLICT (topic, partition, "offset", record_hash) DO UPDATE
    SET attempts = d.attempts + 1,
        last_attempt_at = now(),
        reason = excluded.reason,
        detail = excluded.detail,
        sqlstate = excluded.sqlstate,
        key = excluded.key,
        value = excluded.value,
        headers = excluded.headers,
        purged_at = NULL,
        status = CASE WHEN d.status = 'discarded' THEN d.status ELSE 'open' END,
        closed_at = CASE WHEN d.status = 'discarded' THEN d.closed_at END,
        copied_at = NULL,
        copy_read_at = NULL;
END
$$;


--
-- Name: close_redriven_letters(bigint[], text[], text[], text[], text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.close_redriven_letters(p_id bigint[], p_outcome text[], p_reason text[], p_detail text[], p_sqlstate text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_open bigint;
BEGIN
    SELECT count(*) FILTER (WHERE l.status = 'open') INTO v_open
    FROM (
        SELECT d.status FROM dead_letter AS d
        WHERE d.id = ANY (p_id)
        ORDER BY d.id
        FOR NO KEY UPDATE
    ) AS l;
    IF v_open <> cardinality(p_id) THEN
        RAISE EXCEPTION '% of % letters are open no more', cardinality(p_id) - v_open,
            cardinality(p_id)
        USING ERRCODE = 'serialization_failure', HINT = 'Read the open letters again.';
    END IF;

    UPDATE dead_letter AS d
    SET redrives = d.redrives + 1,
        attempts = d.attempts + 1,
        last_attempt_at = now(),
        reason = r.reason,
        detail = r.detail,
        sqlstate = r.state,
        copied_at = NULL,
        copy_read_at = NULL
    FROM unnest(p_id, p_outcome, p_reason, p_detail, p_sqlstate)
        AS r (id, outcome, reason, detail, state)
    WHERE d.id = r.id AND r.outcome = 'dead_lettered';
    UPDATE dead_letter AS d
    SET redrives = d.redrives + 1,
        status = 'redriven',
        closed_at = now()
    FROM unnest(p_id, p_outcome) AS r (id, outcome)
    WHERE d.id = r.id AND r.outcome <> 'dead_lettered';
END
$$;


--
-- Name: compare_balances(uuid, uuid, uuid, bigint, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.compare_balances(p_after_casino_id uuid, p_after_player_id uuid, p_casino_id uuid, p_max_players bigint, p_max_entries bigint) RETURNS TABLE(casino_id uuid, players bigint, entries bigint, last_player_id uuid, suspects uuid[])
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_scope CONSTANT uuid[] := nullif(current_setting('app.casino_ids', true), '')::uuid[];
    v_in_scope boolean;
    v_after uuid;
    v_players bigint := p_max_players;
    v_entries bigint := p_max_entries;
    v_found record;
    v_returned boolean := false;
BEGIN
    -- one casino at a time: only then do index scans begin at the player, and not at the casino
    FOR casino_id, v_in_scope IN
        SELECT c.id, c.id = ANY (v_scope) FROM casino AS c
        WHERE (p_casino_id IS NULL OR c.id = p_casino_id)
            AND (p_after_casino_id IS NULL OR c.id >= p_after_casino_id)
        ORDER BY c.id
    LOOP
        IF v_in_scope THEN
            PERFORM set_config('app.casino_ids', ARRAY[casino_id]::text, true);
        END IF;
        v_after := CASE WHEN casino_id = p_after_casino_id THEN p_after_player_id END;
        SELECT * INTO v_found FROM sound_players(casino_id, v_after, v_players, v_entries);
        IF NOT v_found.is_sound THEN
            SELECT * INTO v_found FROM suspect_players(casino_id, v_after, v_players, v_entries);
        END IF;
        players := v_found.players;
        entries := v_found.entries;
        last_player_id := v_found.last_player_id;
        suspects := v_found.suspects;
        IF players > 0 THEN
            v_returned := true;
            RETURN NEXT;
        ELSIF v_found.is_cut AND NOT v_returned THEN
            -- the first player alone has more entries
            RETURN QUERY
            SELECT * FROM compare_balances(
                p_after_casino_id, p_after_player_id, p_casino_id, 1, NULL
            );
        END IF;
        v_players := v_players - players;
        v_entries := v_entries - entries;
        EXIT WHEN v_found.is_cut OR v_players = 0;
    END LOOP;
    PERFORM set_config('app.casino_ids', coalesce(v_scope::text, ''), true);
END
$$;


--
-- Name: delete_outbox(bigint[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.delete_outbox(p_ids bigint[]) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    DELETE FROM outbox_record AS o WHERE o.id = ANY (p_ids)
$$;


--
-- Name: discard_letters(bigint[], text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.discard_letters(p_id bigint[], p_reason text) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_reason text := require_reason(p_reason);
    v_ids bigint[];
BEGIN
    v_ids := ARRAY(
        SELECT d.id FROM dead_letter AS d
        WHERE d.id = ANY (p_id) AND d.status = 'open'
        ORDER BY d.id
        FOR NO KEY UPDATE
    );
    IF v_ids = '{}' THEN
        RETURN 0;
    END IF;
    UPDATE dead_letter AS d
    SET status = 'discarded', closed_at = now(), discard_reason = v_reason
    WHERE d.id = ANY (v_ids);
    PERFORM write_audit(NULL, 'dead_letter', 'discard', jsonb_build_object(
        'ids', to_jsonb(v_ids), 'reason', v_reason
    ));
    RETURN cardinality(v_ids);
END
$$;


--
-- Name: drift_kinds(uuid, uuid[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.drift_kinds(p_casino_id uuid, p_player_ids uuid[]) RETURNS TABLE(player_id uuid, kind text, current_balance bigint, computed_balance bigint, drift bigint, ledger_entry_count bigint, last_ledger_update timestamp with time zone)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_material TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
BEGIN
    -- LATERAL: one probe a player
    RETURN QUERY
    SELECT p.player_id, k.kind, c.current_balance, e.balance,
        least(greatest(coalesce(c.current_balance, 0)::numeric - e.balance, -9e18), 9e18)::bigint,
        e.number, e.last_update
    FROM unnest(p_player_ids) AS p (player_id)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(n.points_delta), 0)::bigint AS balance,
            count(*) AS number,
            max(n.entry_no) AS newest_no,
            max(n.created_at) AS last_update,
            bool_or(
                n.entry_no = n.previous_no + 1
                AND n.balance_after <> n.previous_balance + n.points_delta
            ) AS chain_broken
        FROM (
            SELECT l.entry_no, l.points_delta, l.balance_after, l.created_at,
                lag(l.entry_no, 1, 0::bigint) OVER chain AS previous_no,
                lag(l.balance_after, 1, 0::bigint) OVER chain AS previous_balance
            FROM loyalty_ledger AS l
            WHERE l.casino_id = p_casino_id AND l.player_id = p.player_id
            WINDOW chain AS (ORDER BY l.entry_no)
        ) AS n
    ) AS e
    LEFT JOIN player_loyalty AS c ON c.casino_id = p_casino_id AND c.player_id = p.player_id
    CROSS JOIN LATERAL (
        VALUES
        ('balance', e.number > 0 AND c.current_balance <> e.balance),
        ('entry_count', e.number > 0 AND c.entry_count <> e.number),
        ('entries_missing', e.newest_no <> e.number),
        ('chain_broken', e.chain_broken),
        ('cache_missing', e.number > 0 AND c.player_id IS NULL),
        ('cache_without_entries', e.number = 0
            AND (c.current_balance <> 0 OR c.entry_count <> 0))
    ) AS k (kind, found)
    WHERE k.found;
END
$$;


--
-- Name: drop_lease(text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.drop_lease(p_name text, p_holder text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    DELETE FROM worker_lease AS l WHERE l.name = p_name AND l.holder = p_holder;
END
$$;


--
-- Name: consumer_halt; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.consumer_halt (
    id bigint NOT NULL,
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    halted_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    ended_by text,
    end_reason text,
    CONSTRAINT consumer_halt_end_is_explained CHECK ((((ended_at IS NULL) AND (ended_by IS NULL) AND (end_reason IS NULL)) OR ((ended_at IS NOT NULL) AND (ended_by IS NOT NULL) AND (end_reason IS NOT NULL))))
);


--
-- Name: end_halts(text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.end_halts(p_topic text, p_reason text) RETURNS SETOF public.consumer_halt
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_reason text := require_reason(p_reason);
    v_halt consumer_halt;
BEGIN
    FOR v_halt IN
        UPDATE consumer_halt AS h
        SET ended_at = now(),
            ended_by = coalesce(nullif(current_setting('app.actor_name', true), ''), session_user),
            end_reason = v_reason
        WHERE h.topic = p_topic AND h.ended_at IS NULL
        RETURNING h.*
    LOOP
        PERFORM write_audit(NULL, 'consumer', 'resume', jsonb_build_object(
            'consumer_group', v_halt.consumer_group, 'topic', v_halt.topic,
            'partition', v_halt.partition, 'offset', v_halt."offset",
            'halt_reason', v_halt.reason, 'halted_at', v_halt.halted_at, 'reason', v_reason
        ));
        RETURN NEXT v_halt;
    END LOOP;
END
$$;


--
-- Name: entry_objection(public.loyalty_ledger, boolean); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.entry_objection(p_entry public.loyalty_ledger, p_by_worker boolean, OUT refusal text, OUT detail text) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_found record;
BEGIN
    IF p_entry.reason = 'redeem' THEN
        refusal := redemption_refusal(
            p_entry.casino_id, -p_entry.points_delta, p_entry.balance_after,
            p_entry.metadata ? 'overdraw'
        );
    ELSIF p_entry.reason = 'reversal' THEN
        v_found := reversal_objection(p_entry);
        refusal := v_found.refusal;
        detail := v_found.detail;
    END IF;
    IF p_by_worker OR refusal IS NOT NULL OR detail IS NOT NULL THEN
        RETURN;
    END IF;

    IF p_entry.reason = 'base_accrual' THEN
        v_found := accrual_objection(p_entry);
        refusal := v_found.refusal;
        detail := v_found.detail;
    ELSIF p_entry.occurred_at <> now() THEN
        detail := 'occurred_at is not the time of the transaction';
    ELSIF p_entry.reason = 'promotion' THEN
        v_found := promotion_objection(p_entry);
        refusal := v_found.refusal;
        detail := v_found.detail;
    ELSIF is_blank(p_entry.note) THEN
        refusal := 'LOYALTY_NOTE_REQUIRED';
    ELSIF p_entry.reason = 'adjustment' AND p_entry.points_delta = 0 THEN
        refusal := 'LOYALTY_POINTS_INVALID';
    ELSIF p_entry.balance_after < 0 AND p_entry.reason = 'redeem'
        AND p_entry.metadata #>> '{overdraw,approved_by}' IS DISTINCT FROM p_entry.staff_id::text
    THEN
        detail := 'its overdraw does not name who posted it as the one who approved';
    END IF;
    IF refusal IS NULL AND NOT EXISTS (
        SELECT FROM player_loyalty AS b
        WHERE b.casino_id = p_entry.casino_id AND b.player_id = p_entry.player_id
    ) THEN
        refusal := 'LOYALTY_PLAYER_NOT_FOUND';
    END IF;
END
$$;


--
-- Name: entry_of_key(uuid, uuid, bytea); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.entry_of_key(p_casino_id uuid, p_idempotency_key uuid, p_payload_hash bytea) RETURNS public.loyalty_ledger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
DECLARE
    v_entry loyalty_ledger;
BEGIN
    -- an order that only the right index has: see look_up_closed_slips
    SELECT * INTO v_entry
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_casino_id
        AND l.idempotency_key BETWEEN p_idempotency_key AND p_idempotency_key
    ORDER BY l.idempotency_key
    LIMIT 1;
    IF v_entry.payload_hash <> p_payload_hash THEN
        PERFORM refuse(
            'LOYALTY_IDEMPOTENCY_CONFLICT', format('the key belongs to entry %s', v_entry.id)
        );
    END IF;
    RETURN v_entry;
END
$$;


--
-- Name: evaluate_session_reward_suggestion(uuid, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.evaluate_session_reward_suggestion(p_rating_slip_id uuid, p_as_of_ts timestamp with time zone DEFAULT now()) RETURNS TABLE(suggested_theo numeric, suggested_points bigint, policy_version text, max_recommended_points bigint, notes text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_casino_id uuid := (SELECT c.casino_id FROM staff_context() AS c);
    v_slip rating_slip;
    v_open boolean;
    v_cap bigint;
    v_refusal text;
    s record;
BEGIN
    PERFORM require_caller(ARRAY[v_casino_id], roles_allowed('read'));
    SELECT * INTO v_slip
    FROM rating_slip AS r WHERE r.casino_id = v_casino_id AND r.id = p_rating_slip_id;
    IF NOT FOUND THEN
        PERFORM refuse('LOYALTY_SLIP_NOT_FOUND');
    END IF;
    v_open := v_slip.status <> 'closed';
    IF v_open THEN
        v_slip.closed_at := coalesce(p_as_of_ts, now());
        -- what the table refuses as the time of a slip
        IF NOT isfinite(v_slip.closed_at) OR v_slip.closed_at >= '10001-01-01 00:00:00+00' THEN
            PERFORM refuse('LOYALTY_FACTS_INVALID', 'p_as_of_ts is no usable time');
        END IF;
        v_slip.duration_seconds := floor(extract(epoch FROM v_slip.closed_at - v_slip.started_at));
    END IF;

    SELECT * INTO STRICT s
    FROM look_up_closed_slips(ARRAY[v_slip], ARRAY[NULL]::uuid[], ARRAY[v_casino_id]);
    v_refusal := CASE
        WHEN coalesce(s.entry_hash, s.recorded_hash) <> s.facts_hash THEN 'LOYALTY_FACTS_CONFLICT'
        WHEN s.entry_id IS NULL AND NOT s.accrual_enabled THEN 'LOYALTY_ACCRUAL_DISABLED'
        WHEN s.rule_refusal IS NOT NULL THEN s.rule_refusal
        WHEN NOT s.earns THEN 'LOYALTY_UNRATED_VISIT'
        WHEN s.entry_id IS NULL AND coalesce(s.newest_balance, 0) + s.points > 1000000000000
            THEN 'LOYALTY_POINTS_OUT_OF_RANGE'
    END;
    IF v_refusal IS NOT NULL THEN
        PERFORM refuse(v_refusal, s.rule_detail);
    END IF;

    SELECT r.max_redeem_points_per_txn INTO v_cap
    FROM casino_rules AS r WHERE r.casino_id = v_casino_id;
    suggested_theo := (s.calc ->> 'theo')::numeric;
    suggested_points := s.points;
    policy_version := s.policy ->> 'policy_version';
    max_recommended_points := least(s.points, v_cap);
    notes := concat_ws('; ',
        CASE
            WHEN v_open THEN format('open slip, %s s played so far', v_slip.duration_seconds)
            WHEN s.entry_id IS NOT NULL THEN 'closed slip, accrued'
            ELSE 'closed slip, not accrued yet'
        END,
        CASE WHEN v_cap < s.points THEN format('limited to %s points per redemption', v_cap) END
    );
    RETURN NEXT;
END
$$;


--
-- Name: expire_parked_events(interval, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.expire_parked_events(p_after interval, p_limit integer) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_enabled uuid[] := ARRAY(
        SELECT r.casino_id FROM casino_rules AS r
        WHERE r.casino_id = ANY (service_scope()) AND r.accrual_enabled
    );
    v_ids bigint[];
    v_number integer;
BEGIN
    v_ids := ARRAY(
        SELECT e.id
        FROM parked_event AS e
        WHERE e.outcome IS NULL AND e.cause = 'awaiting_accrual'
            AND e.waiting_since < now() - p_after
            AND e.casino_id = ANY (v_enabled)
            AND now() - e.waiting_since - (
                SELECT coalesce(sum(
                    coalesce(p.resumed_at, now()) - greatest(p.paused_at, e.waiting_since)
                ), interval '0')
                FROM accrual_pause AS p
                WHERE p.casino_id = e.casino_id
                    AND coalesce(p.resumed_at, now()) > e.waiting_since
            ) > p_after
            AND (
                SELECT s.id FROM rating_slip AS s
                WHERE s.casino_id = e.casino_id AND s.id = e.rating_slip_id
                    AND s.status = 'closed'
                LIMIT 1
            ) IS NULL
        ORDER BY e.waiting_since
        LIMIT p_limit
    );
    v_number := cardinality(v_ids);
    PERFORM close_parked_events(
        v_ids,
        array_fill('dead_lettered'::text, ARRAY[v_number]),
        array_fill('PARKED_EXPIRED'::text, ARRAY[v_number]),
        array_fill('the slip did not come in time'::text, ARRAY[v_number]),
        array_fill(NULL::text, ARRAY[v_number])
    );
    RETURN v_number;
END
$$;


--
-- Name: facts_conflict_detail(public.rating_slip, bytea, bigint, public.rating_slip, bytea, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.facts_conflict_detail(p_recorded public.rating_slip, p_recorded_hash bytea, p_recorded_points bigint, p_slip public.rating_slip, p_hash bytea, p_points bigint) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_recorded text[] := string_to_array(loyalty_facts_text(
        p_recorded.casino_id, p_recorded.id, p_recorded.visit_id, p_recorded.player_id,
        p_recorded.visit_kind, p_recorded.average_bet, p_recorded.duration_seconds,
        p_recorded.closed_at, p_recorded.policy_snapshot
    ), E'\n');
    v_given text[] := string_to_array(loyalty_facts_text(
        p_slip.casino_id, p_slip.id, p_slip.visit_id, p_slip.player_id,
        p_slip.visit_kind, p_slip.average_bet, p_slip.duration_seconds,
        p_slip.closed_at, p_slip.policy_snapshot
    ), E'\n');
    v_differences text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN d.given LIKE 'player_id=%' THEN 'player_id'
            ELSE format('%s (recorded %s)', d.given, split_part(d.recorded, '=', 2))
        END, ', ' ORDER BY d.line)
    INTO v_differences
    FROM unnest(v_recorded, v_given) WITH ORDINALITY AS d (recorded, given, line)
    WHERE d.recorded IS DISTINCT FROM d.given;

    RETURN format(
        'recorded %s points, these facts give %s (difference %s); differing: %s; '
        || 'facts hashes: recorded %s, given %s',
        coalesce(p_recorded_points, 0), coalesce(p_points, 0),
        coalesce(p_points, 0) - coalesce(p_recorded_points, 0),
        CASE
            WHEN p_recorded IS NULL THEN 'unknown, the recorded facts are no longer here'
            ELSE coalesce(v_differences, 'nothing in the slip as it stands now')
        END,
        encode(p_recorded_hash, 'hex'), encode(p_hash, 'hex')
    );
END
$$;


--
-- Name: file_dead_letters(text, text, integer, bigint[], timestamp with time zone[], bytea[], bytea[], bytea[], jsonb[], text[], text[], text[], text[], text[], uuid[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.file_dead_letters(p_consumer_group text, p_topic text, p_partition integer, p_offset bigint[], p_broker_timestamp timestamp with time zone[], p_record_hash bytea[], p_key bytea[], p_value bytea[], p_headers jsonb[], p_reason text[], p_detail text[], p_sqlstate text[], p_event_source text[], p_event_id text[], p_casino_id uuid[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO dead_letter AS d (
        topic, partition, "offset", broker_timestamp, record_hash, consumer_group, key, value,
        headers, reason, detail, sqlstate, event_source, event_id, casino_id
    )
    SELECT p_topic, p_partition, r.record_offset, r.broker_timestamp, r.record_hash,
        p_consumer_group, r.key, r.value, r.headers, r.reason, r.detail, r.state,
        r.event_source, r.event_id, r.casino_id
    FROM unnest(
        p_offset, p_broker_timestamp, p_record_hash, p_key, p_value, p_headers, p_reason,
        p_detail, p_sqlstate, p_event_source, p_event_id, p_casino_id
    ) AS r (
        record_offset, broker_timestamp, record_hash, key, value, headers, reason,
        detail, state, event_source, event_id, casino_id
    )
    ORDER BY r.record_offset
    ON CONFLICT (topic, partition, "offset", record_hash) DO UPDATE
    SET attempts = d.attempts + 1,
        last_attempt_at = now(),
        reason = excluded.reason,
        detail = excluded.detail,
        sqlstate = excluded.sqlstate;
END
$$;


--
-- Name: find_releasable_events(text, bigint, integer, uuid[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.find_releasable_events(p_kind text, p_after bigint, p_limit integer, p_casino_ids uuid[]) RETURNS TABLE(id bigint, consumer_group text, topic text, partition integer, "offset" bigint, broker_timestamp timestamp with time zone, key bytea, value bytea, headers jsonb, scanned_to bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_scanned bigint[] := ARRAY(
        SELECT x.id FROM parked_event AS x
        WHERE x.kind = p_kind AND x.outcome IS NULL AND x.id > p_after
        ORDER BY x.kind, x.id
        LIMIT p_limit
    );
BEGIN
    RETURN QUERY
    SELECT e.id, e.consumer_group, e.topic, e.partition, e."offset", e.broker_timestamp, e.key,
        e.value, e.headers, NULL::bigint
    FROM unnest(v_scanned) WITH ORDINALITY AS i (id, ordinality)
    CROSS JOIN LATERAL (
        -- an order that only the right index has: see look_up_closed_slips
        SELECT x.* FROM parked_event AS x
        WHERE x.id BETWEEN i.id AND i.id AND x.outcome IS NULL
        ORDER BY x.id
        LIMIT 1
    ) AS e
    CROSS JOIN LATERAL (
        SELECT r.accrual_enabled FROM casino_rules AS r WHERE r.casino_id = e.casino_id LIMIT 1
    ) AS c
    WHERE c.accrual_enabled AND e.casino_id = ANY (p_casino_ids)
        AND (
            e.cause = 'accrual_disabled'
            -- not EXISTS: that may become a hash of all slips
            OR (
                SELECT s.id FROM rating_slip AS s
                WHERE s.casino_id = e.casino_id AND s.id = e.rating_slip_id
                    AND s.status = 'closed'
                    AND (s.visit_kind <> 'gaming_identified_rated' OR s.player_id IS NULL)
                LIMIT 1
            ) IS NOT NULL
            OR (
                SELECT l.id FROM loyalty_ledger AS l
                WHERE l.casino_id = e.casino_id AND l.source_kind = 'rating_slip'
                    AND l.source_id BETWEEN e.rating_slip_id AND e.rating_slip_id
                    AND l.reason = 'base_accrual'
                ORDER BY l.source_id
                LIMIT 1
            ) IS NOT NULL
        )
    ORDER BY i.ordinality;

    id := NULL;
    scanned_to := CASE WHEN cardinality(v_scanned) = p_limit THEN v_scanned[p_limit] END;
    RETURN NEXT;
END
$$;


--
-- Name: is_blank(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.is_blank(p_text text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT coalesce(p_text, '') !~ (
        '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5'
        '\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164'
        '\ufe00-\ufe0f\ufeff\uffa0]'
    )
$$;


--
-- Name: judge_drift_findings(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.judge_drift_findings(p_run_id uuid, p_casino_id uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    v_severities CONSTANT text[] := ARRAY['critical', 'warning', 'info'];
    v_casino record;
    v_drifted bigint;
BEGIN
    INSERT INTO drift_check_casino (casino_id, run_id, players_checked)
    SELECT c.id, p_run_id, 0
    FROM casino AS c
    JOIN drift_check_run AS r ON r.id = p_run_id AND r.started_at >= c.created_at
    WHERE p_casino_id IS NULL OR c.id = p_casino_id
    ON CONFLICT (casino_id, run_id) DO NOTHING;

    -- one casino at a time: what was found just now no statistics know, and no join may rest on them
    FOR v_casino IN
        SELECT n.casino_id, n.players_checked
        FROM drift_check_casino AS n
        WHERE n.run_id = p_run_id
        ORDER BY n.casino_id
    LOOP
        v_drifted := (
            SELECT count(DISTINCT f.player_id) FROM drift_finding AS f
            WHERE f.casino_id = v_casino.casino_id AND f.run_id = p_run_id
        );
        -- findings before the casino, as settle_drift_findings locks them
        UPDATE drift_finding AS f
        SET severity = CASE
            WHEN abs(f.drift) > 1000 OR f.kind IN ('entries_missing', 'chain_broken')
                OR v_drifted * 20 > v_casino.players_checked THEN 'critical'
            WHEN abs(f.drift) > 100 THEN 'warning'
            ELSE 'info'
        END
        WHERE f.casino_id = v_casino.casino_id AND f.run_id = p_run_id;

        UPDATE drift_check_casino AS n
        SET closed_at = now(),
            players_drifted = v_drifted,
            open_critical = t.critical,
            open_warning = t.warning,
            open_info = t.info,
            open_points = t.points
        FROM (
            SELECT count(*) FILTER (WHERE d.gravest = 1) AS critical,
                count(*) FILTER (WHERE d.gravest = 2) AS warning,
                count(*) FILTER (WHERE d.gravest = 3) AS info,
                coalesce(sum(d.points), 0) AS points
            FROM (
                SELECT min(array_position(v_severities, f.severity)) AS gravest,
                    max(abs(f.drift)) AS points
                FROM drift_finding AS f
                WHERE f.casino_id = v_casino.casino_id AND f.run_id = p_run_id
                    AND f.reconciled_at IS NULL
                GROUP BY f.player_id
            ) AS d
        ) AS t
        WHERE n.casino_id = v_casino.casino_id AND n.run_id = p_run_id;
    END LOOP;
END
$$;


--
-- Name: last_drift_tick(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.last_drift_tick() RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT max(t.scheduled_for) FROM drift_tick AS t WHERE t.scheduled_for <= now()
$$;


--
-- Name: lock_consumer_progress(text, text, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.lock_consumer_progress(p_consumer_group text, p_topic text, p_partition integer) RETURNS TABLE(generation integer, first_offset bigint, next_offset bigint, last_record_offset bigint, last_record_hash bytea)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    RETURN QUERY
    SELECT p.generation, p.first_offset, p.next_offset, p.last_record_offset, p.last_record_hash
    FROM consumer_progress AS p
    WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
        AND p.partition = p_partition AND p.closed_at IS NULL
    FOR UPDATE;
END
$$;


--
-- Name: player_loyalty; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.player_loyalty (
    casino_id uuid NOT NULL,
    player_id uuid NOT NULL,
    current_balance bigint DEFAULT 0 NOT NULL,
    entry_count bigint DEFAULT 0 NOT NULL,
    tier text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.player_loyalty FORCE ROW LEVEL SECURITY;


--
-- Name: lock_player_balances(uuid[], uuid[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.lock_player_balances(p_casino_ids uuid[], p_player_ids uuid[]) RETURNS SETOF public.player_loyalty
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_wanted bigint;
    v_locked bigint;
BEGIN
    RETURN QUERY
    INSERT INTO player_loyalty AS b (casino_id, player_id)
    SELECT DISTINCT p.casino_id, p.player_id
    FROM unnest(p_casino_ids, p_player_ids) AS p (casino_id, player_id)
    ORDER BY p.casino_id, p.player_id
    ON CONFLICT (casino_id, player_id) DO NOTHING
    RETURNING b.*;

    -- LATERAL: one probe a player, in the order of the pairs
    SELECT count(*), count(b.player_id) INTO v_wanted, v_locked
    FROM (
        SELECT DISTINCT p.casino_id, p.player_id
        FROM unnest(p_casino_ids, p_player_ids) AS p (casino_id, player_id)
        ORDER BY p.casino_id, p.player_id
    ) AS w
    LEFT JOIN LATERAL (
        SELECT x.player_id
        FROM player_loyalty AS x
        WHERE x.casino_id = w.casino_id AND x.player_id = w.player_id
        FOR NO KEY UPDATE
    ) AS b ON true;
    IF v_locked <> v_wanted THEN
        RAISE EXCEPTION 'a balance row vanished while it was being locked; retry'
        USING ERRCODE = 'serialization_failure';
    END IF;
END
$$;


--
-- Name: look_up_closed_slips(public.rating_slip[], uuid[], uuid[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.look_up_closed_slips(p_slips public.rating_slip[], p_idempotency_keys uuid[], p_known_casinos uuid[]) RETURNS TABLE(ordinal integer, slip_first integer, key_first integer, player_first integer, casino_known boolean, accrual_enabled boolean, facts_hash bytea, gaming_day date, earns boolean, rule_refusal text, rule_detail text, points bigint, calc jsonb, policy jsonb, recorded public.rating_slip, recorded_hash bytea, entry_id uuid, entry_hash bytea, entry_points bigint, key_entry_id uuid, newest_entry_no bigint, newest_balance bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
BEGIN
    RETURN QUERY
    WITH input AS MATERIALIZED (
        -- the columns of both arrays: those of the slips, then the keys as "unnest"
        SELECT s.*, s."unnest" AS idempotency_key,
            (min(s.ordinality) OVER (PARTITION BY s.casino_id, s.id))::integer AS slip_first,
            (min(s.ordinality) OVER (PARTITION BY s.casino_id, s."unnest"))::integer AS key_first,
            (min(s.ordinality) OVER (PARTITION BY s.casino_id, s.player_id))::integer
                AS player_first
        FROM ROWS FROM (unnest(p_slips), unnest(p_idempotency_keys)) WITH ORDINALITY AS s
    )
    SELECT s.ordinality::integer, s.slip_first, s.key_first, s.player_first,
        coalesce(s.casino_id = ANY (p_known_casinos) AND r.casino_id IS NOT NULL, false),
        r.accrual_enabled,
        loyalty_facts_hash(
            s.casino_id, s.id, s.visit_id, s.player_id, s.visit_kind,
            s.average_bet, s.duration_seconds, s.closed_at, s.policy_snapshot
        ),
        coalesce(s.gaming_day, loyalty_gaming_day(s.closed_at, r.timezone, r.gaming_day_start)),
        a.earns, a.refusal, a.detail, a.points, a.calc, a.policy,
        c.slip, c.facts_hash,
        e.id, e.payload_hash, e.points_delta,
        k.id,
        n.entry_no, n.balance_after
    FROM input AS s
    LEFT JOIN LATERAL (
        SELECT x.* FROM casino_rules AS x WHERE x.casino_id = s.casino_id LIMIT 1
    ) AS r ON true
    CROSS JOIN LATERAL assess_closed_slip(
        s.visit_kind, s.player_id, s.average_bet, s.started_at, s.closed_at,
        s.duration_seconds, s.policy_snapshot
    ) AS a
    LEFT JOIN LATERAL (
        SELECT x AS slip,
            coalesce(x.facts_hash, loyalty_facts_hash(
                x.casino_id, x.id, x.visit_id, x.player_id, x.visit_kind,
                x.average_bet, x.duration_seconds, x.closed_at, x.policy_snapshot
            )) AS facts_hash
        FROM rating_slip AS x
        WHERE x.casino_id = s.casino_id AND x.id = s.id AND x.status = 'closed'
        LIMIT 1
    ) AS c ON true
    LEFT JOIN LATERAL (
        SELECT x.id, x.payload_hash, x.points_delta
        FROM loyalty_ledger AS x
        WHERE x.casino_id = s.casino_id AND x.source_kind = 'rating_slip'
            AND x.source_id BETWEEN s.id AND s.id AND x.reason = 'base_accrual'
        ORDER BY x.source_id
        LIMIT 1
    ) AS e ON true
    LEFT JOIN LATERAL (
        SELECT x.id
        FROM loyalty_ledger AS x
        WHERE x.casino_id = s.casino_id
            AND x.idempotency_key BETWEEN s.idempotency_key AND s.idempotency_key
        ORDER BY x.idempotency_key
        LIMIT 1
    ) AS k ON true
    LEFT JOIN LATERAL (
        SELECT x.entry_no, x.balance_after
        FROM loyalty_ledger AS x
        WHERE s.player_first = s.ordinality
            AND x.casino_id = s.casino_id AND x.player_id = s.player_id
        ORDER BY x.entry_no DESC
        LIMIT 1
    ) AS n ON true
    ORDER BY s.ordinality;
END
$$;


--
-- Name: look_up_promotions(uuid[], uuid[], text[], numeric[], bigint[], uuid[], uuid[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.look_up_promotions(p_casino_id uuid[], p_rating_slip_id uuid[], p_campaign_id text[], p_promo_multiplier numeric[], p_bonus_points bigint[], p_idempotency_key uuid[], p_player_id uuid[]) RETURNS TABLE(ordinal integer, campaign_first integer, key_first integer, player_first integer, accrual_enabled boolean, timezone text, gaming_day_start time without time zone, request_hash bytea, points numeric, slip_is_unrated boolean, base_points bigint, base_visit_id uuid, base_is_reversed boolean, entry_id uuid, entry_hash bytea, key_entry_id uuid, newest_entry_no bigint, newest_balance bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
BEGIN
    RETURN QUERY
    WITH input AS MATERIALIZED (
        SELECT i.*,
            (min(i.ordinality) OVER (
                PARTITION BY i.casino_id, i.rating_slip_id, i.campaign_id
            ))::integer AS campaign_first,
            (min(i.ordinality) OVER (PARTITION BY i.casino_id, i.key))::integer AS key_first,
            (min(i.ordinality) OVER (PARTITION BY i.casino_id, i.player_id))::integer
                AS player_first
        FROM unnest(
            p_casino_id, p_rating_slip_id, p_campaign_id, p_promo_multiplier, p_bonus_points,
            p_idempotency_key, p_player_id
        ) WITH ORDINALITY AS i (
            casino_id, rating_slip_id, campaign_id, multiplier, bonus, key, player_id, ordinality
        )
    )
    SELECT i.ordinality::integer, i.campaign_first, i.key_first, i.player_first,
        r.accrual_enabled, r.timezone, r.gaming_day_start,
        promotion_hash(i.casino_id, i.rating_slip_id, i.campaign_id, i.multiplier, i.bonus),
        promotion_points(coalesce(b.points_delta, 0), i.multiplier, i.bonus),
        s.status IS NOT NULL
            AND (s.visit_kind <> 'gaming_identified_rated' OR s.player_id IS NULL),
        b.points_delta, b.visit_id, v.id IS NOT NULL,
        e.id, e.payload_hash,
        k.id,
        n.entry_no, n.balance_after
    FROM input AS i
    LEFT JOIN LATERAL (
        SELECT x.* FROM casino_rules AS x WHERE x.casino_id = i.casino_id LIMIT 1
    ) AS r ON true
    LEFT JOIN LATERAL (
        SELECT x.visit_kind, x.player_id, x.status
        FROM rating_slip AS x
        WHERE x.casino_id = i.casino_id AND x.id = i.rating_slip_id AND x.status = 'closed'
        LIMIT 1
    ) AS s ON true
    LEFT JOIN LATERAL (
        SELECT x.id, x.points_delta, x.visit_id
        FROM loyalty_ledger AS x
        WHERE x.casino_id = i.casino_id AND x.source_kind = 'rating_slip'
            AND x.source_id BETWEEN i.rating_slip_id AND i.rating_slip_id
            AND x.reason = 'base_accrual'
        ORDER BY x.source_id
        LIMIT 1
    ) AS b ON true
    LEFT JOIN LATERAL (
        SELECT x.id
        FROM loyalty_ledger AS x
        WHERE x.casino_id = i.casino_id AND x.reversed_ledger_id BETWEEN b.id AND b.id
            AND x.reason = 'reversal'
        ORDER BY x.reversed_ledger_id
        LIMIT 1
    ) AS v ON true
    LEFT JOIN LATERAL (
        SELECT x.id, x.payload_hash
        FROM loyalty_ledger AS x
        WHERE x.casino_id = i.casino_id AND x.source_kind = 'rating_slip'
            AND x.source_id = i.rating_slip_id
            AND x.campaign_id BETWEEN i.campaign_id AND i.campaign_id AND x.reason = 'promotion'
        ORDER BY x.campaign_id
        LIMIT 1
    ) AS e ON true
    LEFT JOIN LATERAL (
        SELECT x.id
        FROM loyalty_ledger AS x
        WHERE x.casino_id = i.casino_id AND x.idempotency_key BETWEEN i.key AND i.key
        ORDER BY x.idempotency_key
        LIMIT 1
    ) AS k ON true
    LEFT JOIN LATERAL (
        SELECT x.entry_no, x.balance_after
        FROM loyalty_ledger AS x
        WHERE i.player_first = i.ordinality
            AND x.casino_id = i.casino_id AND x.player_id = i.player_id
        ORDER BY x.entry_no DESC
        LIMIT 1
    ) AS n ON true
    ORDER BY i.ordinality;
END
$$;


--
-- Name: loyalty_facts_hash(uuid, uuid, uuid, uuid, text, numeric, bigint, timestamp with time zone, jsonb); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.loyalty_facts_hash(p_casino_id uuid, p_rating_slip_id uuid, p_visit_id uuid, p_player_id uuid, p_visit_kind text, p_average_bet numeric, p_duration_seconds bigint, p_closed_at timestamp with time zone, p_policy_snapshot jsonb) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    RETURN sha256(convert_to(
        loyalty_facts_text(
            p_casino_id, p_rating_slip_id, p_visit_id, p_player_id, p_visit_kind,
            p_average_bet, p_duration_seconds, p_closed_at, p_policy_snapshot
        ),
        'UTF8'
    ));
END
$$;


--
-- Name: loyalty_facts_text(uuid, uuid, uuid, uuid, text, numeric, bigint, timestamp with time zone, jsonb); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.loyalty_facts_text(p_casino_id uuid, p_rating_slip_id uuid, p_visit_id uuid, p_player_id uuid, p_visit_kind text, p_average_bet numeric, p_duration_seconds bigint, p_closed_at timestamp with time zone, p_policy_snapshot jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
DECLARE
    v_decimal CONSTANT text := '^[0-9]{1,18}(?:\.[0-9]{1,100})?$';
    v_policy jsonb := nullif(p_policy_snapshot -> 'loyalty', 'null');
BEGIN
    RETURN concat(
        'loyalty-facts-v1',
        E'\ncasino_id=', coalesce(p_casino_id::text, '-'),
        E'\nrating_slip_id=', coalesce(p_rating_slip_id::text, '-'),
        E'\nvisit_id=', coalesce(p_visit_id::text, '-'),
        E'\nplayer_id=', coalesce(p_player_id::text, '-'),
        E'\nvisit_kind=', coalesce(p_visit_kind, '-'),
        E'\naverage_bet=', coalesce(trim_scale(p_average_bet)::text, '-'),
        E'\nduration_seconds=', coalesce(p_duration_seconds::text, '-'),
        E'\nclosed_at=',
        coalesce((extract(epoch FROM p_closed_at) * 1000000)::bigint::text, '-'),
        E'\nhouse_edge=', coalesce(
            trim_scale(substring(v_policy ->> 'house_edge' FROM v_decimal)::numeric)::text,
            nullif(v_policy -> 'house_edge', 'null')::text, '-'
        ),
        E'\ndecisions_per_hour=', coalesce(
            trim_scale(
                substring(v_policy ->> 'decisions_per_hour' FROM v_decimal)::numeric
            )::text,
            nullif(v_policy -> 'decisions_per_hour', 'null')::text, '-'
        ),
        E'\npoints_conversion_rate=', coalesce(
            trim_scale(
                substring(v_policy ->> 'points_conversion_rate' FROM v_decimal)::numeric
            )::text,
            nullif(v_policy -> 'points_conversion_rate', 'null')::text, '-'
        ),
        E'\npolicy_version=', coalesce(nullif(v_policy -> 'policy_version', 'null')::text, '-')
    );
END
$_$;


--
-- Name: loyalty_gaming_day(timestamp with time zone, text, time without time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.loyalty_gaming_day(p_closed_at timestamp with time zone, p_timezone text, p_gaming_day_start time without time zone) RETURNS date
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_local timestamp := p_closed_at AT TIME ZONE p_timezone;
BEGIN
    RETURN v_local::date - (v_local::time < p_gaming_day_start)::integer;
END
$$;


--
-- Name: loyalty_points_v1(numeric, numeric, numeric, bigint, numeric); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.loyalty_points_v1(p_average_bet numeric, p_house_edge numeric, p_decisions_per_hour numeric, p_duration_seconds bigint, p_points_conversion_rate numeric, OUT theo numeric, OUT points numeric) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    -- theo * 360000: percent (100) times seconds per hour (3600)
    v_theo_scaled numeric := p_average_bet * p_house_edge * p_decisions_per_hour
        * p_duration_seconds;
BEGIN
    theo := round(v_theo_scaled / 360000, 4);
    points := CASE
        WHEN v_theo_scaled > 0
        THEN div(2 * v_theo_scaled * p_points_conversion_rate + 360000, 720000)
        ELSE 0
    END;
END
$$;


--
-- Name: loyalty_policy_terms(jsonb); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.loyalty_policy_terms(p_policy_snapshot jsonb, OUT house_edge numeric, OUT decisions_per_hour numeric, OUT points_conversion_rate numeric, OUT policy_version text, OUT rounding text, OUT refusal text, OUT detail text) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
DECLARE
    v_decimal CONSTANT text := '^[0-9]{1,18}(?:\.[0-9]{1,100})?$';
    v_policy jsonb := p_policy_snapshot -> 'loyalty';
BEGIN
    house_edge := substring(v_policy ->> 'house_edge' FROM v_decimal)::numeric;
    decisions_per_hour := substring(v_policy ->> 'decisions_per_hour' FROM v_decimal)::numeric;
    points_conversion_rate :=
        substring(v_policy ->> 'points_conversion_rate' FROM v_decimal)::numeric;
    SELECT v.policy_version, v.rounding INTO policy_version, rounding
    FROM loyalty_policy_version AS v WHERE v.policy_version = v_policy ->> 'policy_version';
    IF house_edge + decisions_per_hour + points_conversion_rate IS NOT NULL
        AND policy_version IS NOT NULL
    THEN
        RETURN;
    END IF;

    detail := 'policy_snapshot.loyalty' || CASE
        WHEN v_policy ->> 'house_edge' IS NULL THEN '.house_edge'
        WHEN v_policy ->> 'decisions_per_hour' IS NULL THEN '.decisions_per_hour'
        WHEN v_policy ->> 'points_conversion_rate' IS NULL THEN '.points_conversion_rate'
        WHEN v_policy ->> 'policy_version' IS NULL THEN '.policy_version'
    END;
    IF detail IS NOT NULL THEN
        refusal := CASE
            WHEN coalesce(jsonb_typeof(p_policy_snapshot), 'null') NOT IN ('object', 'null')
                OR coalesce(jsonb_typeof(v_policy), 'null') NOT IN ('object', 'null')
            THEN 'LOYALTY_SNAPSHOT_INVALID'
            ELSE 'LOYALTY_SNAPSHOT_MISSING'
        END;
        RETURN;
    END IF;
    detail := 'policy_snapshot.loyalty' || CASE
        WHEN house_edge IS NULL THEN '.house_edge'
        WHEN decisions_per_hour IS NULL THEN '.decisions_per_hour'
        WHEN points_conversion_rate IS NULL THEN '.points_conversion_rate'
        ELSE '.policy_version'
    END;
    refusal := CASE
        WHEN house_edge + decisions_per_hour + points_conversion_rate IS NULL
            OR jsonb_typeof(v_policy -> 'policy_version') <> 'string'
        THEN 'LOYALTY_SNAPSHOT_INVALID'
        ELSE 'LOYALTY_POLICY_UNKNOWN'
    END;
END
$_$;


--
-- Name: loyalty_refusals(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.loyalty_refusals() RETURNS TABLE(name text, sqlstate text, sentence text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    VALUES
    ('LOYALTY_SLIP_NOT_FOUND', 'LY001',
        'No rating slip of this id exists at the casino; check both ids.'),
    ('LOYALTY_SLIP_NOT_CLOSED', 'LY002',
        'The rating slip is still open; accrue after it was closed.'),
    ('LOYALTY_SNAPSHOT_MISSING', 'LY003',
        'The slip has no complete policy snapshot; send it again with all four policy fields.'),
    ('LOYALTY_SNAPSHOT_INVALID', 'LY004',
        'The policy snapshot holds a value that is no usable number; correct it at its source.'),
    ('LOYALTY_POLICY_UNKNOWN', 'LY005',
        'The policy version is not known here; deploy a worker that knows it, then redrive.'),
    ('LOYALTY_FACTS_INVALID', 'LY006',
        'The facts of the slip contradict each other; correct them at their source.'),
    ('LOYALTY_FACTS_CONFLICT', 'LY007',
        'The slip is recorded with other facts, which stand; settle by reversal and adjustment.'),
    ('LOYALTY_POINTS_OUT_OF_RANGE', 'LY008',
        'The points or the resulting balance exceed what can be booked; check bet and rate.'),
    ('LOYALTY_POINTS_INVALID', 'LY009',
        'The number of points has the wrong sign or is zero; correct the request.'),
    ('LOYALTY_NOTE_REQUIRED', 'LY010',
        'A note that explains the entry is required; add one.'),
    ('LOYALTY_STAFF_UNKNOWN', 'LY011',
        'The staff member is not active at this casino in this role; check the assignment.'),
    ('LOYALTY_PLAYER_NOT_FOUND', 'LY012',
        'The player is not known at this casino; check the id.'),
    ('LOYALTY_INSUFFICIENT_BALANCE', 'LY013',
        'The balance does not cover the redemption; redeem less or ask for an overdraw.'),
    ('LOYALTY_OVERDRAW_NOT_AUTHORIZED', 'LY014',
        'This role may not approve an overdraw; ask a pit boss or an administrator.'),
    ('LOYALTY_OVERDRAW_EXCEEDS_CAP', 'LY015',
        'The overdraw exceeds the cap of the casino; redeem less.'),
    ('LOYALTY_REDEEM_EXCEEDS_CAP', 'LY016',
        'The redemption exceeds the cap of the casino per transaction; redeem less.'),
    ('LOYALTY_IDEMPOTENCY_REQUIRED', 'LY017',
        'An idempotency key is required; send one that stays the same when you retry.'),
    ('LOYALTY_IDEMPOTENCY_CONFLICT', 'LY018',
        'The key came before with another request, which stands; use a new key for a new request.'),
    ('LOYALTY_PROMOTION_INVALID', 'LY019',
        'The terms of the promotion are not usable; give exactly one of multiplier and bonus.'),
    ('LOYALTY_BASE_NOT_ACCRUED', 'LY020',
        'The base points of the slip are not posted yet; accrue the slip first.'),
    ('LOYALTY_BASE_REVERSED', 'LY021',
        'The base points of the slip were reversed; no promotion can follow.'),
    ('LOYALTY_ENTRY_NOT_FOUND', 'LY022',
        'No ledger entry of this id exists at the casino; check both ids.'),
    ('LOYALTY_ALREADY_REVERSED', 'LY023',
        'The entry was reversed before; correct further by adjustment.'),
    ('LOYALTY_NOT_REVERSIBLE', 'LY024',
        'A reversal cannot be reversed; correct by adjustment.'),
    ('LOYALTY_LEDGER_DAMAGED', 'LY025',
        'The entries of the player are not whole; a person must restore them from a backup.'),
    ('LOYALTY_UNRATED_VISIT', 'LY026',
        'The visit is not rated or names no player; it earns nothing.'),
    ('LOYALTY_CASINO_UNKNOWN', 'LY027',
        'Nobody provisioned this casino; add it if the id is right, then redrive.'),
    ('LOYALTY_ACCRUAL_DISABLED', 'LY028',
        'Accrual is switched off for this casino; enable it to go on.'),
    ('LOYALTY_UNAUTHORIZED', 'LY029',
        'The transaction has no context; set one before calling.'),
    ('LOYALTY_FORBIDDEN', 'LY030',
        'The caller''s role does not allow this; use a login that has the role.'),
    ('LOYALTY_CASINO_MISMATCH', 'LY031',
        'The casino is outside of the context of the transaction; set the context to it.')
$$;


--
-- Name: loyalty_request_hash(text, text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.loyalty_request_hash(p_operation text, VARIADIC p_arguments text[]) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT sha256(convert_to(
        'loyalty-request-v1' || string_agg(
            coalesce(E'\n' || octet_length(a.value) || ':' || a.value, E'\n-'), '' ORDER BY a.place
        ),
        'UTF8'
    ))
    FROM unnest(array_prepend(p_operation, p_arguments)) WITH ORDINALITY AS a (value, place)
$$;


--
-- Name: mark_copied(bigint[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.mark_copied(p_ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM FROM dead_letter AS d WHERE d.id = ANY (p_ids) ORDER BY d.id FOR NO KEY UPDATE;
    UPDATE dead_letter AS d
    SET copied_at = now()
    WHERE d.id = ANY (p_ids) AND d.copied_at IS NULL AND d.copy_read_at IS NOT NULL;
END
$$;


--
-- Name: move_balances(public.loyalty_ledger[], public.player_loyalty[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.move_balances(p_entries public.loyalty_ledger[], p_created public.player_loyalty[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_unused record;
BEGIN
    -- by the delta, not to the sum: a cache that was wrong stays visibly wrong. One beyond all bounds
    -- stays that without overflowing: it must not stop the postings.
    INSERT INTO player_loyalty AS b (casino_id, player_id, current_balance, entry_count)
    SELECT e.casino_id, e.player_id, sum(e.points_delta), count(*)
    FROM unnest(p_entries) AS e
    GROUP BY e.casino_id, e.player_id
    ON CONFLICT (casino_id, player_id) DO UPDATE
    SET current_balance = least(
            greatest(b.current_balance::numeric + excluded.current_balance, -9e18), 9e18
        ),
        entry_count = least(b.entry_count::numeric + excluded.entry_count, 9e18),
        updated_at = now();

    FOR v_unused IN
        SELECT c.casino_id, c.player_id FROM unnest(p_created) AS c
        EXCEPT
        SELECT e.casino_id, e.player_id FROM unnest(p_entries) AS e
    LOOP
        DELETE FROM player_loyalty AS b
        WHERE b.casino_id = v_unused.casino_id AND b.player_id = v_unused.player_id;
    END LOOP;
END
$$;


--
-- Name: newest_entry(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.newest_entry(p_casino_id uuid, p_player_id uuid, OUT entry_no bigint, OUT balance_after bigint) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
BEGIN
    SELECT l.entry_no, l.balance_after INTO entry_no, balance_after
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_casino_id AND l.player_id = p_player_id
    ORDER BY l.entry_no DESC
    LIMIT 1;
    entry_no := coalesce(entry_no, 0);
    balance_after := coalesce(balance_after, 0);
END
$$;


--
-- Name: open_consumer_progress(text, text, integer, integer, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.open_consumer_progress(p_consumer_group text, p_topic text, p_partition integer, p_after_generation integer, p_first_offset bigint) RETURNS TABLE(generation integer, first_offset bigint, next_offset bigint, last_record_offset bigint, last_record_hash bytea)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF p_after_generation IS NOT NULL THEN
        UPDATE consumer_progress AS p
        SET closed_at = now(), updated_at = now()
        WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
            AND p.partition = p_partition AND p.generation = p_after_generation
            AND p.closed_at IS NULL;
    END IF;
    -- FOUND: this call closed the row; another one that waited for it finds it closed
    IF p_after_generation IS NULL OR FOUND THEN
        INSERT INTO consumer_progress (
            consumer_group, topic, partition, generation, first_offset, next_offset
        )
        SELECT
            p_consumer_group, p_topic, p_partition,
            coalesce(p_after_generation, max(p.generation), 0) + 1,
            p_first_offset, p_first_offset
        FROM consumer_progress AS p
        WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
            AND p.partition = p_partition
        ON CONFLICT DO NOTHING;
    END IF;

    RETURN QUERY
    SELECT * FROM read_consumer_progress(p_consumer_group, p_topic, p_partition);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no current generation of % partition % for group % follows %',
            p_topic, p_partition, p_consumer_group, p_after_generation
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Read the progress again; to begin a first generation pass null.';
    END IF;
END
$$;


--
-- Name: open_letters(bigint, integer, bigint[], text, text, uuid, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.open_letters(p_after bigint, p_limit integer, p_ids bigint[], p_topic text, p_reason text, p_casino_id uuid, p_since timestamp with time zone) RETURNS TABLE(id bigint, consumer_group text, topic text, partition integer, "offset" bigint, broker_timestamp timestamp with time zone, key bytea, value bytea, headers jsonb)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    RETURN QUERY
    SELECT d.id, d.consumer_group, d.topic, d.partition, d."offset", d.broker_timestamp, d.key,
        d.value, d.headers
    FROM dead_letter AS d
    WHERE d.status = 'open' AND d.purged_at IS NULL AND d.id > p_after
        AND (p_ids IS NULL OR d.id = ANY (p_ids))
        AND (p_topic IS NULL OR d.topic = p_topic)
        AND (p_reason IS NULL OR d.reason = p_reason)
        AND (p_casino_id IS NULL OR d.casino_id = p_casino_id)
        AND (p_since IS NULL OR d.occurred_at >= p_since)
    ORDER BY d.id
    LIMIT p_limit;
END
$$;


--
-- Name: operational_gauges(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.operational_gauges() RETURNS TABLE(gauge text, label text, reason text, value double precision)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN QUERY
    WITH open_letter AS (
        SELECT d.reason, count(*) AS number, min(d.occurred_at) AS oldest
        FROM dead_letter AS d
        WHERE d.status = 'open'
        GROUP BY d.reason
    )
    SELECT 'dead_letters_open', l.reason, NULL::text, l.number::double precision
    FROM open_letter AS l
    UNION ALL
    SELECT 'dead_letter_oldest_timestamp_seconds', '', NULL,
        extract(epoch FROM min(l.oldest))::double precision
    FROM open_letter AS l
    HAVING min(l.oldest) IS NOT NULL
    UNION ALL
    SELECT 'parked_events', p.cause, NULL, count(*)::double precision
    FROM parked_event AS p
    WHERE p.outcome IS NULL
    GROUP BY p.cause
    UNION ALL
    SELECT DISTINCT 'consumer_halted', h.topic, h.reason, 1::double precision
    FROM consumer_halt AS h
    WHERE h.ended_at IS NULL
    UNION ALL
    SELECT 'drift_check_runs_total', r.verdict, NULL, count(*)::double precision
    FROM drift_check_run AS r
    WHERE r.verdict IS NOT NULL
    GROUP BY r.verdict;

    RETURN QUERY
    SELECT g.gauge, '', NULL::text, g.value
    FROM (
        SELECT r.started_at, r.finished_at
        FROM drift_check_run AS r
        WHERE r.verdict IN ('clean', 'drift') AND r.casino_id IS NULL
        ORDER BY r.finished_at DESC
        LIMIT 1
    ) AS n
    CROSS JOIN LATERAL (
        VALUES
        (
            'drift_check_last_success_timestamp_seconds',
            extract(epoch FROM n.finished_at)::double precision
        ),
        (
            'drift_check_duration_seconds',
            extract(epoch FROM n.finished_at - n.started_at)::double precision
        )
    ) AS g (gauge, value);

    RETURN QUERY
    SELECT g.gauge, g.label, NULL::text, sum(g.value)::double precision
    FROM casino AS c
    CROSS JOIN LATERAL (
        SELECT x.open_critical, x.open_warning, x.open_info, x.open_points
        FROM drift_check_casino AS x
        WHERE x.casino_id = c.id AND x.closed_at IS NOT NULL
        ORDER BY x.closed_at DESC
        LIMIT 1
    ) AS n
    CROSS JOIN LATERAL (
        VALUES
        ('drift_players', 'critical', n.open_critical::numeric),
        ('drift_players', 'warning', n.open_warning),
        ('drift_players', 'info', n.open_info),
        ('drift_points_abs', '', n.open_points)
    ) AS g (gauge, label, value)
    GROUP BY g.gauge, g.label
    HAVING sum(g.value) > 0;
END
$$;


--
-- Name: park_events(text, text, integer, text[], text[], bigint[], timestamp with time zone[], bytea[], bytea[], bytea[], jsonb[], text[], text[], uuid[], uuid[], text[], numeric[], bigint[], uuid[], timestamp with time zone[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.park_events(p_consumer_group text, p_topic text, p_partition integer, p_kind text[], p_cause text[], p_offset bigint[], p_broker_timestamp timestamp with time zone[], p_record_hash bytea[], p_key bytea[], p_value bytea[], p_headers jsonb[], p_event_source text[], p_event_id text[], p_casino_id uuid[], p_rating_slip_id uuid[], p_campaign_id text[], p_promo_multiplier numeric[], p_bonus_points bigint[], p_idempotency_key uuid[], p_occurred_at timestamp with time zone[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO parked_event AS e (
        topic, partition, "offset", broker_timestamp, record_hash, consumer_group, key, value,
        headers, kind, cause, event_source, event_id, casino_id, rating_slip_id, campaign_id,
        promo_multiplier, bonus_points, idempotency_key, occurred_at
    )
    SELECT p_topic, p_partition, r.record_offset, r.broker_timestamp, r.record_hash,
        p_consumer_group, r.key, r.value, r.headers, r.kind, r.cause, r.event_source, r.event_id,
        r.casino_id, r.rating_slip_id, r.campaign_id, r.promo_multiplier, r.bonus_points,
        r.idempotency_key, r.occurred_at
    FROM unnest(
        p_kind, p_cause, p_offset, p_broker_timestamp, p_record_hash, p_key, p_value, p_headers,
        p_event_source, p_event_id, p_casino_id, p_rating_slip_id, p_campaign_id,
        p_promo_multiplier, p_bonus_points, p_idempotency_key, p_occurred_at
    ) AS r (
        kind, cause, record_offset, broker_timestamp, record_hash, key, value, headers,
        event_source, event_id, casino_id, rating_slip_id, campaign_id,
        promo_multiplier, bonus_points, idempotency_key, occurred_at
    )
    ORDER BY r.record_offset
    ON CONFLICT (topic, partition, "offset", record_hash) DO UPDATE
    SET cause = excluded.cause,
        waiting_since = now(),
        outcome = NULL,
        released_at = NULL,
        key = excluded.key,
        value = excluded.value,
        headers = excluded.headers,
        purged_at = NULL
    WHERE e.outcome IS NOT NULL;
END
$$;


--
-- Name: parked_event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.parked_event (
    id bigint NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    broker_timestamp timestamp with time zone,
    record_hash bytea NOT NULL,
    consumer_group text NOT NULL,
    key bytea,
    value bytea,
    headers jsonb NOT NULL,
    kind text NOT NULL,
    cause text NOT NULL,
    event_source text NOT NULL,
    event_id text NOT NULL,
    casino_id uuid NOT NULL,
    rating_slip_id uuid NOT NULL,
    campaign_id text,
    promo_multiplier numeric,
    bonus_points bigint,
    idempotency_key uuid NOT NULL,
    occurred_at timestamp with time zone,
    parked_at timestamp with time zone DEFAULT now() NOT NULL,
    waiting_since timestamp with time zone DEFAULT now() NOT NULL,
    outcome text,
    released_at timestamp with time zone,
    purged_at timestamp with time zone,
    CONSTRAINT parked_event_cause_known CHECK ((cause = ANY (ARRAY['awaiting_accrual'::text, 'accrual_disabled'::text]))),
    CONSTRAINT parked_event_kind_known CHECK ((kind = ANY (ARRAY['rating_slip_closed'::text, 'promotion'::text]))),
    CONSTRAINT parked_event_outcome_known CHECK ((outcome = ANY (ARRAY['accrued'::text, 'duplicate'::text, 'skipped'::text, 'dead_lettered'::text]))),
    CONSTRAINT parked_event_record_hash_is_sha256 CHECK ((octet_length(record_hash) = 32)),
    CONSTRAINT parked_event_released_has_time CHECK (((outcome IS NULL) = (released_at IS NULL)))
);


--
-- Name: parked_promotions_of(uuid[], uuid[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.parked_promotions_of(p_casino_id uuid[], p_rating_slip_id uuid[]) RETURNS SETOF public.parked_event
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_ids bigint[] := ARRAY(
        SELECT w.id
        FROM unnest(p_casino_id, p_rating_slip_id) AS s (casino_id, rating_slip_id)
        CROSS JOIN LATERAL (
            -- an order that only the right index has: see look_up_closed_slips
            SELECT x.id
            FROM parked_event AS x
            WHERE x.casino_id = s.casino_id
                AND x.rating_slip_id BETWEEN s.rating_slip_id AND s.rating_slip_id
                AND x.kind = 'promotion' AND x.outcome IS NULL
            ORDER BY x.rating_slip_id, x.id
        ) AS w
    );
BEGIN
    IF v_ids = '{}' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT e.* FROM parked_event AS e
    WHERE e.id = ANY (v_ids) AND e.outcome IS NULL
    ORDER BY e.id
    FOR NO KEY UPDATE;
END
$$;


--
-- Name: pending_copies(integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pending_copies(p_limit integer) RETURNS TABLE(id bigint, topic text, partition integer, "offset" bigint, broker_timestamp timestamp with time zone, record_hash bytea, key bytea, value bytea, headers jsonb, reason text, detail text, sqlstate text, consumer_group text, event_source text, event_id text, redrives bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    v_ids bigint[];
BEGIN
    v_ids := ARRAY(
        WITH RECURSIVE due AS (
            -- topic after topic, one index probe each
            (
                SELECT d.topic FROM dead_letter AS d
                WHERE d.copied_at IS NULL ORDER BY d.topic LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT d.topic FROM dead_letter AS d
                WHERE d.copied_at IS NULL AND d.topic > w.topic ORDER BY d.topic LIMIT 1
            )
            FROM due AS w
            WHERE w.topic IS NOT NULL
        )
        SELECT r.id
        FROM due AS w
        CROSS JOIN LATERAL (
            SELECT d.id, sum(
                coalesce(octet_length(d.key), 0) + coalesce(octet_length(d.value), 0)
                + octet_length(d.headers::text)
            ) OVER (
                ORDER BY d.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS bytes_before
            FROM dead_letter AS d
            WHERE d.copied_at IS NULL AND d.topic = w.topic ORDER BY d.id LIMIT p_limit
        ) AS r
        WHERE coalesce(r.bytes_before, 0) < 16 * 1024 * 1024
    );
    PERFORM FROM dead_letter AS d
    WHERE d.id = ANY (v_ids) AND d.copy_read_at IS NULL
    ORDER BY d.id
    FOR NO KEY UPDATE;
    UPDATE dead_letter AS d
    SET copy_read_at = clock_timestamp()
    WHERE d.id = ANY (v_ids) AND d.copy_read_at IS NULL;

    RETURN QUERY
    SELECT d.id, d.topic, d.partition, d."offset", d.broker_timestamp, d.record_hash, d.key,
        d.value, d.headers, d.reason, d.detail, d.sqlstate, d.consumer_group, d.event_source,
        d.event_id, d.redrives
    FROM dead_letter AS d
    WHERE d.id = ANY (v_ids)
    ORDER BY d.id;
END
$$;


--
-- Name: pending_outbox(integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pending_outbox(p_limit integer) RETURNS TABLE(id bigint, topic text, key bytea, value bytea, headers jsonb)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    RETURN QUERY
    WITH RECURSIVE waiting AS (
        -- topic after topic, one index probe each
        (SELECT o.topic FROM outbox_record AS o ORDER BY o.topic LIMIT 1)
        UNION ALL
        SELECT (
            SELECT o.topic FROM outbox_record AS o
            WHERE o.topic > w.topic ORDER BY o.topic LIMIT 1
        )
        FROM waiting AS w
        WHERE w.topic IS NOT NULL
    )
    SELECT r.id, r.topic, r.key, r.value, r.headers
    FROM waiting AS w
    CROSS JOIN LATERAL (
        SELECT * FROM outbox_record AS o WHERE o.topic = w.topic ORDER BY o.id LIMIT p_limit
    ) AS r
    ORDER BY r.id;
END
$$;


--
-- Name: players_of_slips(uuid[], uuid[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.players_of_slips(p_casino_id uuid[], p_rating_slip_id uuid[]) RETURNS uuid[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
BEGIN
    RETURN ARRAY(
        SELECT b.player_id
        FROM unnest(p_casino_id, p_rating_slip_id) WITH ORDINALITY
            AS i (casino_id, rating_slip_id, ordinality)
        LEFT JOIN LATERAL (
            SELECT x.player_id
            FROM loyalty_ledger AS x
            WHERE x.casino_id = i.casino_id AND x.source_kind = 'rating_slip'
                AND x.source_id BETWEEN i.rating_slip_id AND i.rating_slip_id
                AND x.reason = 'base_accrual'
            ORDER BY x.source_id
            LIMIT 1
        ) AS b ON true
        ORDER BY i.ordinality
    );
END
$$;


--
-- Name: post_closed_slips(text[], text[], text, integer, bigint[], uuid[], uuid[], uuid[], uuid[], text[], uuid[], uuid[], text[], numeric[], timestamp with time zone[], timestamp with time zone[], bigint[], date[], text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.post_closed_slips(p_event_source text[], p_event_id text[], p_topic text, p_partition integer, p_offset bigint[], p_idempotency_key uuid[], p_casino_id uuid[], p_rating_slip_id uuid[], p_visit_id uuid[], p_visit_kind text[], p_player_id uuid[], p_table_id uuid[], p_game_type text[], p_average_bet numeric[], p_started_at timestamp with time zone[], p_closed_at timestamp with time zone[], p_duration_seconds bigint[], p_gaming_day date[], p_policy_snapshot text[]) RETURNS TABLE(ordinal integer, verdict text, duplicate_by text, refusal text, detail text, points bigint, ledger_id uuid)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_slips rating_slip[];
    v_events jsonb[];
BEGIN
    PERFORM require_caller(p_casino_id, ARRAY['service']);
    -- in the order of the table's columns; a column more or less fails the cast at once
    SELECT
        array_agg(ROW(
            r.casino_id, r.id, r.player_id, r.visit_id, r.visit_kind, r.table_id, r.game_type,
            r.average_bet, r.started_at, r.closed_at, r.duration_seconds, 'closed',
            r.policy_snapshot::jsonb, r.gaming_day, NULL, NULL
        )::rating_slip ORDER BY r.ordinal),
        array_agg(jsonb_build_object(
            'source', r.event_source, 'id', r.event_id, 'topic', p_topic,
            'partition', p_partition, 'offset', r.record_offset
        ) ORDER BY r.ordinal)
    INTO v_slips, v_events
    FROM unnest(
        p_event_source, p_event_id, p_offset, p_casino_id, p_rating_slip_id, p_visit_id,
        p_visit_kind, p_player_id, p_table_id, p_game_type, p_average_bet, p_started_at,
        p_closed_at, p_duration_seconds, p_gaming_day, p_policy_snapshot
    ) WITH ORDINALITY AS r (
        event_source, event_id, record_offset, casino_id, id, visit_id,
        visit_kind, player_id, table_id, game_type, average_bet, started_at,
        closed_at, duration_seconds, gaming_day, policy_snapshot, ordinal
    );
    RETURN QUERY SELECT * FROM accrue_closed_slips(v_slips, p_idempotency_key, v_events);
END
$$;


--
-- Name: post_entry(public.loyalty_ledger); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.post_entry(p_entry public.loyalty_ledger) RETURNS public.loyalty_ledger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_newest record := newest_entry(p_entry.casino_id, p_entry.player_id);
BEGIN
    p_entry.id := gen_random_uuid();
    p_entry.entry_no := v_newest.entry_no + 1;
    p_entry.balance_after := v_newest.balance_after + p_entry.points_delta;
    p_entry.occurred_at := now();
    p_entry.metadata := jsonb_strip_nulls(coalesce(p_entry.metadata, '{}'));
    IF p_entry.balance_after NOT BETWEEN -1000000000000 AND 1000000000000 THEN
        PERFORM refuse('LOYALTY_POINTS_OUT_OF_RANGE', 'balance after the entry');
    END IF;
    p_entry.gaming_day := coalesce(p_entry.gaming_day, (
        SELECT loyalty_gaming_day(p_entry.occurred_at, r.timezone, r.gaming_day_start)
        FROM casino_rules AS r WHERE r.casino_id = p_entry.casino_id
    ));

    INSERT INTO loyalty_ledger (
        casino_id, id, player_id, entry_no, points_delta, balance_after, reason, rating_slip_id,
        visit_id, staff_id, campaign_id, reversed_ledger_id, source_kind, source_id,
        idempotency_key, payload_hash, note, metadata, gaming_day, occurred_at
    )
    VALUES (
        p_entry.casino_id, p_entry.id, p_entry.player_id, p_entry.entry_no, p_entry.points_delta,
        p_entry.balance_after, p_entry.reason, p_entry.rating_slip_id, p_entry.visit_id,
        p_entry.staff_id, p_entry.campaign_id, p_entry.reversed_ledger_id, p_entry.source_kind,
        p_entry.source_id, p_entry.idempotency_key, p_entry.payload_hash, p_entry.note,
        p_entry.metadata, p_entry.gaming_day, p_entry.occurred_at
    )
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        -- requests for this player wait at the lock: whatever holds the key is another request
        PERFORM entry_of_key(p_entry.casino_id, p_entry.idempotency_key, p_entry.payload_hash);
        RAISE EXCEPTION 'another entry was posted past the balance''s lock; retry'
        USING ERRCODE = 'serialization_failure';
    END IF;

    UPDATE player_loyalty AS b
    SET current_balance = least(
            greatest(b.current_balance::numeric + p_entry.points_delta, -9e18), 9e18
        ),
        entry_count = least(b.entry_count::numeric + 1, 9e18),
        updated_at = now()
    WHERE b.casino_id = p_entry.casino_id AND b.player_id = p_entry.player_id;
    RETURN p_entry;
END
$$;


--
-- Name: post_points(public.loyalty_reason, uuid, uuid, bigint, uuid, text, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.post_points(p_reason public.loyalty_reason, p_casino_id uuid, p_player_id uuid, p_points_delta bigint, p_staff_id uuid, p_note text, p_idempotency_key uuid) RETURNS TABLE(ledger_id uuid, points_delta bigint, balance_after bigint, is_existing boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_entry loyalty_ledger;
    v_hash bytea := loyalty_request_hash(
        p_reason::text, p_casino_id::text, p_player_id::text, p_points_delta::text,
        p_staff_id::text, p_note
    );
BEGIN
    v_entry := begin_entry(p_casino_id, p_player_id, p_idempotency_key, v_hash);
    is_existing := v_entry.id IS NOT NULL;
    IF NOT is_existing THEN
        v_entry.casino_id := p_casino_id;
        v_entry.player_id := p_player_id;
        v_entry.points_delta := p_points_delta;
        v_entry.reason := p_reason;
        v_entry.staff_id := p_staff_id;
        v_entry.idempotency_key := p_idempotency_key;
        v_entry.payload_hash := v_hash;
        v_entry.note := p_note;
        v_entry := post_entry(v_entry);
    END IF;
    ledger_id := v_entry.id;
    points_delta := v_entry.points_delta;
    balance_after := v_entry.balance_after;
    RETURN NEXT;
END
$$;


--
-- Name: post_promotions(text[], text[], text, integer, bigint[], uuid[], uuid[], uuid[], text[], numeric[], bigint[], timestamp with time zone[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.post_promotions(p_event_source text[], p_event_id text[], p_topic text, p_partition integer, p_offset bigint[], p_idempotency_key uuid[], p_casino_id uuid[], p_rating_slip_id uuid[], p_campaign_id text[], p_promo_multiplier numeric[], p_bonus_points bigint[], p_occurred_at timestamp with time zone[]) RETURNS TABLE(ordinal integer, verdict text, duplicate_by text, refusal text, detail text, points bigint, ledger_id uuid)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_caller(p_casino_id, ARRAY['service']);
    RETURN QUERY SELECT * FROM apply_promotions(
        p_casino_id, p_rating_slip_id, p_campaign_id, p_promo_multiplier, p_bonus_points,
        p_idempotency_key, p_occurred_at,
        ARRAY(
            SELECT jsonb_build_object(
                'source', r.event_source, 'id', r.event_id, 'topic', p_topic,
                'partition', p_partition, 'offset', r.record_offset
            )
            FROM unnest(p_event_source, p_event_id, p_offset) WITH ORDINALITY
                AS r (event_source, event_id, record_offset, ordinal)
            ORDER BY r.ordinal
        )
    );
END
$$;


--
-- Name: postable_reasons(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.postable_reasons() RETURNS public.loyalty_reason[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT ARRAY(
        SELECT r FROM unnest(enum_range(NULL::loyalty_reason)) AS r
        WHERE caller_has_role(roles_allowed(r::text))
    )
$$;


--
-- Name: promotion_hash(uuid, uuid, text, numeric, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.promotion_hash(p_casino_id uuid, p_rating_slip_id uuid, p_campaign_id text, p_promo_multiplier numeric, p_bonus_points bigint) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT loyalty_request_hash(
        'promotion', p_casino_id::text, p_rating_slip_id::text, p_campaign_id,
        trim_scale(p_promo_multiplier)::text, p_bonus_points::text
    )
$$;


--
-- Name: promotion_objection(public.loyalty_ledger); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.promotion_objection(p_entry public.loyalty_ledger, OUT refusal text, OUT detail text) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_calc jsonb := p_entry.metadata -> 'calc';
    v_base loyalty_ledger := base_accrual_of(p_entry.casino_id, p_entry.source_id);
    v_multiplier numeric;
    v_bonus numeric;
    v_points numeric;
BEGIN
    IF jsonb_typeof(v_calc -> 'multiplier') = 'number' THEN
        v_multiplier := (v_calc ->> 'multiplier')::numeric;
    END IF;
    IF jsonb_typeof(v_calc -> 'bonus') = 'number' THEN
        v_bonus := (v_calc ->> 'bonus')::numeric;
    END IF;
    IF v_bonus IS NULL OR v_bonus = trunc(least(v_bonus, 1e12)) THEN
        v_points := promotion_points(v_base.points_delta, v_multiplier, v_bonus::bigint);
    END IF;
    refusal := CASE
        WHEN v_points IS NULL OR is_blank(p_entry.campaign_id) THEN 'LOYALTY_PROMOTION_INVALID'
        WHEN NOT (
            SELECT r.accrual_enabled FROM casino_rules AS r WHERE r.casino_id = p_entry.casino_id
        ) THEN 'LOYALTY_ACCRUAL_DISABLED'
    END;
    IF refusal IS NULL AND (
        p_entry.points_delta IS DISTINCT FROM v_points
        OR p_entry.payload_hash IS DISTINCT FROM promotion_hash(
            p_entry.casino_id, p_entry.source_id, p_entry.campaign_id, v_multiplier,
            v_bonus::bigint
        )
    ) THEN
        detail := 'it differs from the terms in its metadata';
    ELSIF refusal IS NULL AND p_entry.visit_id IS DISTINCT FROM v_base.visit_id THEN
        detail := 'its visit is not that of its base accrual';
    END IF;
END
$$;


--
-- Name: promotion_of(uuid, uuid, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.promotion_of(p_casino_id uuid, p_rating_slip_id uuid, p_campaign_id text) RETURNS public.loyalty_ledger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
DECLARE
    v_entry loyalty_ledger;
BEGIN
    -- an order that only the right index has: see look_up_closed_slips
    SELECT * INTO v_entry
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_casino_id AND l.source_kind = 'rating_slip'
        AND l.source_id = p_rating_slip_id
        AND l.campaign_id BETWEEN p_campaign_id AND p_campaign_id
        AND l.reason = 'promotion'
    ORDER BY l.campaign_id
    LIMIT 1;
    RETURN v_entry;
END
$$;


--
-- Name: promotion_points(bigint, numeric, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.promotion_points(p_base_points bigint, p_multiplier numeric, p_bonus_points bigint) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT CASE
        WHEN p_bonus_points IS NULL
            AND p_multiplier BETWEEN 1 AND 1e18 AND scale(p_multiplier) <= 40
            THEN round(p_base_points * p_multiplier) - p_base_points
        WHEN p_multiplier IS NULL AND p_bonus_points > 0 THEN p_bonus_points
    END
$$;


--
-- Name: promotions_without_base(public.loyalty_ledger[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.promotions_without_base(p_entries public.loyalty_ledger[]) RETURNS TABLE(entry_id uuid, refusal text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    -- orders that only the right index has: see look_up_closed_slips
    RETURN QUERY
    SELECT e.id,
        CASE WHEN r.id IS NULL THEN 'LOYALTY_BASE_NOT_ACCRUED' ELSE 'LOYALTY_BASE_REVERSED' END
    FROM unnest(p_entries) AS e
    LEFT JOIN LATERAL (
        SELECT l.id, l.player_id
        FROM loyalty_ledger AS l
        WHERE l.casino_id = e.casino_id AND l.source_kind = 'rating_slip'
            AND l.source_id BETWEEN e.source_id AND e.source_id AND l.reason = 'base_accrual'
        ORDER BY l.source_id
        LIMIT 1
    ) AS b ON true
    LEFT JOIN LATERAL (
        SELECT l.id
        FROM loyalty_ledger AS l
        WHERE l.casino_id = e.casino_id AND l.reversed_ledger_id BETWEEN b.id AND b.id
            AND l.reason = 'reversal'
        ORDER BY l.reversed_ledger_id
        LIMIT 1
    ) AS r ON true
    WHERE e.reason = 'promotion'
        AND (b.player_id IS DISTINCT FROM e.player_id OR r.id IS NOT NULL);
END
$$;


--
-- Name: purge_stored_records(interval); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.purge_stored_records(p_older_than interval) RETURNS TABLE(letters bigint, parked bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_before timestamptz := now() - p_older_than;
BEGIN
    IF v_before IS NULL OR v_before > now() THEN
        RAISE EXCEPTION 'records cannot be purged that are to be settled in the future'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Give an age that is not negative.';
    END IF;
    -- in the order of every other transaction: parked rows, then letters, each by id
    UPDATE parked_event AS p
    SET key = NULL, value = NULL, headers = '[]', purged_at = now()
    WHERE p.id = ANY (ARRAY(
        SELECT x.id FROM parked_event AS x
        WHERE x.released_at < v_before AND x.purged_at IS NULL
        ORDER BY x.id
        FOR NO KEY UPDATE
    ));
    GET DIAGNOSTICS parked = ROW_COUNT;
    UPDATE dead_letter AS d
    SET key = NULL, value = NULL, headers = '[]', purged_at = now()
    WHERE d.id = ANY (ARRAY(
        SELECT x.id FROM dead_letter AS x
        WHERE x.closed_at < v_before AND x.copied_at IS NOT NULL AND x.purged_at IS NULL
        ORDER BY x.id
        FOR NO KEY UPDATE
    ));
    GET DIAGNOSTICS letters = ROW_COUNT;
    PERFORM write_audit(NULL, 'dead_letter', 'purge', jsonb_build_object(
        'older_than', p_older_than, 'letters', letters, 'parked', parked
    ));
    RETURN NEXT;
END
$$;


--
-- Name: quarantine_record(text, text, integer, bigint, timestamp with time zone, bytea, bytea, bytea, jsonb, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.quarantine_record(p_consumer_group text, p_topic text, p_partition integer, p_offset bigint, p_broker_timestamp timestamp with time zone, p_record_hash bytea, p_key bytea, p_value bytea, p_headers jsonb, p_reason text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_reason text := require_reason(p_reason);
    v_id bigint;
BEGIN
    INSERT INTO dead_letter AS d (
        topic, partition, "offset", broker_timestamp, record_hash, consumer_group, key, value,
        headers, reason, detail, quarantined
    )
    VALUES (
        p_topic, p_partition, p_offset, p_broker_timestamp, p_record_hash, p_consumer_group, p_key,
        p_value, p_headers, 'QUARANTINED', v_reason, true
    )
    ON CONFLICT (topic, partition, "offset", record_hash) DO UPDATE
    SET key = excluded.key,
        value = excluded.value,
        headers = excluded.headers,
        reason = excluded.reason,
        detail = excluded.detail,
        sqlstate = NULL,
        status = 'open',
        closed_at = NULL,
        copied_at = NULL,
        copy_read_at = NULL,
        quarantined = true,
        purged_at = NULL,
        discard_reason = NULL
    RETURNING d.id INTO v_id;
    PERFORM write_audit(NULL, 'dead_letter', 'quarantine', jsonb_build_object(
        'id', v_id, 'consumer_group', p_consumer_group, 'topic', p_topic,
        'partition', p_partition, 'offset', p_offset, 'reason', v_reason
    ));
    RETURN v_id;
END
$$;


--
-- Name: read_consumer_progress(text, text, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.read_consumer_progress(p_consumer_group text, p_topic text, p_partition integer) RETURNS TABLE(generation integer, first_offset bigint, next_offset bigint, last_record_offset bigint, last_record_hash bytea)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    RETURN QUERY
    SELECT p.generation, p.first_offset, p.next_offset, p.last_record_offset, p.last_record_hash
    FROM consumer_progress AS p
    WHERE p.consumer_group = p_consumer_group AND p.topic = p_topic
        AND p.partition = p_partition AND p.closed_at IS NULL;
END
$$;


--
-- Name: record_halt(text, text, integer, bigint, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.record_halt(p_consumer_group text, p_topic text, p_partition integer, p_offset bigint, p_reason text, p_detail text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO consumer_halt (consumer_group, topic, partition, "offset", reason, detail)
    VALUES (p_consumer_group, p_topic, p_partition, p_offset, p_reason, p_detail)
    ON CONFLICT (consumer_group, topic) WHERE ended_at IS NULL DO NOTHING;
END
$$;


--
-- Name: records_are_posted(double precision); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.records_are_posted(p_seconds double precision) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT EXISTS (
        SELECT FROM consumer_progress AS p
        WHERE p.closed_at IS NULL
            AND p.updated_at > clock_timestamp() - make_interval(secs => p_seconds)
    )
$$;


--
-- Name: redemption_refusal(uuid, bigint, bigint, boolean); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.redemption_refusal(p_casino_id uuid, p_points bigint, p_balance_after bigint, p_allow_overdraw boolean) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_rules casino_rules;
BEGIN
    SELECT * INTO v_rules FROM casino_rules AS r WHERE r.casino_id = p_casino_id;
    RETURN CASE
        WHEN v_rules.casino_id IS NULL THEN 'LOYALTY_CASINO_UNKNOWN'
        WHEN p_points > v_rules.max_redeem_points_per_txn THEN 'LOYALTY_REDEEM_EXCEEDS_CAP'
        WHEN p_balance_after >= 0 THEN NULL
        WHEN NOT coalesce(p_allow_overdraw, false) THEN 'LOYALTY_INSUFFICIENT_BALANCE'
        WHEN NOT caller_has_role(roles_allowed('approve_overdraw'))
            THEN 'LOYALTY_OVERDRAW_NOT_AUTHORIZED'
        WHEN p_balance_after < -v_rules.max_overdraw_points_per_redeem
            THEN 'LOYALTY_OVERDRAW_EXCEEDS_CAP'
    END;
END
$$;


--
-- Name: refuse(text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refuse(p_name text, p_detail text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_refusal record;
BEGIN
    SELECT r.name, r.sqlstate, r.sentence INTO STRICT v_refusal
    FROM loyalty_refusals() AS r WHERE r.name = p_name;
    RAISE EXCEPTION '%: %', v_refusal.name, v_refusal.sentence
    USING ERRCODE = v_refusal.sqlstate, DETAIL = coalesce(p_detail, '');
END
$$;


--
-- Name: refuse_change(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'insufficient_privilege',
        TABLE = TG_TABLE_NAME,
        HINT = 'Put points right by a reversal or an adjustment: both are new entries.';
END
$$;


--
-- Name: refuse_promotion_without_base(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refuse_promotion_without_base(p_casino_id uuid, p_rating_slip_id uuid) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_slip rating_slip;
BEGIN
    SELECT * INTO v_slip
    FROM rating_slip AS s WHERE s.casino_id = p_casino_id AND s.id = p_rating_slip_id;
    PERFORM refuse(CASE
        WHEN v_slip.id IS NULL THEN 'LOYALTY_SLIP_NOT_FOUND'
        WHEN v_slip.status <> 'closed' THEN 'LOYALTY_SLIP_NOT_CLOSED'
        WHEN NOT (SELECT r.accrual_enabled FROM casino_rules AS r WHERE r.casino_id = p_casino_id)
            THEN 'LOYALTY_ACCRUAL_DISABLED'
        WHEN v_slip.visit_kind <> 'gaming_identified_rated' OR v_slip.player_id IS NULL
            THEN 'LOYALTY_UNRATED_VISIT'
        ELSE 'LOYALTY_BASE_NOT_ACCRUED'
    END);
END
$$;


--
-- Name: release_parked_promotions(uuid[], uuid[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.release_parked_promotions(p_casino_id uuid[], p_rating_slip_id uuid[]) RETURNS TABLE(topic text, outcome text, duplicate_by text, reason text, sqlstate text, points bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_parked parked_event[] := ARRAY(
        SELECT e FROM parked_promotions_of(p_casino_id, p_rating_slip_id) AS e
    );
    v_ids bigint[] := '{}';
    v_outcomes text[] := '{}';
    v_reasons text[] := '{}';
    v_details text[] := '{}';
    v_states text[] := '{}';
    p record;
BEGIN
    IF v_parked = '{}' THEN
        RETURN;
    END IF;
    PERFORM require_caller(p_casino_id, ARRAY['service']);
    FOR p IN
        SELECT a.verdict, a.duplicate_by, a.refusal, a.detail, a.points, f.sqlstate AS state,
            v_parked[a.ordinal] AS event
        FROM (
            SELECT array_agg(e.casino_id) AS casino_id, array_agg(e.rating_slip_id) AS slip_id,
                array_agg(e.campaign_id) AS campaign_id,
                array_agg(e.promo_multiplier) AS multiplier, array_agg(e.bonus_points) AS bonus,
                array_agg(e.idempotency_key) AS key, array_agg(e.occurred_at) AS occurred_at,
                array_agg(jsonb_build_object(
                    'source', e.event_source, 'id', e.event_id, 'topic', e.topic,
                    'partition', e.partition, 'offset', e."offset"
                )) AS event
            FROM unnest(v_parked) AS e
        ) AS i
        CROSS JOIN LATERAL apply_promotions(
            i.casino_id, i.slip_id, i.campaign_id, i.multiplier, i.bonus, i.key, i.occurred_at,
            i.event
        ) AS a
        LEFT JOIN loyalty_refusals() AS f ON f.name = a.refusal
        ORDER BY a.ordinal
    LOOP
        CONTINUE WHEN p.refusal IN ('LOYALTY_ACCRUAL_DISABLED', 'LOYALTY_BASE_NOT_ACCRUED');
        topic := (p.event).topic;
        outcome := CASE WHEN p.refusal IS NULL THEN p.verdict ELSE 'dead_lettered' END;
        duplicate_by := p.duplicate_by;
        reason := p.refusal;
        sqlstate := p.state;
        points := p.points;
        v_ids := array_append(v_ids, (p.event).id);
        v_outcomes := array_append(v_outcomes, outcome);
        v_reasons := array_append(v_reasons, reason);
        v_details := array_append(v_details, p.detail);
        v_states := array_append(v_states, sqlstate);
        RETURN NEXT;
    END LOOP;
    PERFORM close_parked_events(v_ids, v_outcomes, v_reasons, v_details, v_states);
END
$$;


--
-- Name: drift_check_run; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.drift_check_run (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    trigger text NOT NULL,
    casino_id uuid,
    request_source text,
    request_id text,
    requested_by text,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    advanced_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    after_casino_id uuid,
    after_player_id uuid,
    walked boolean DEFAULT false NOT NULL,
    players_checked bigint DEFAULT 0 NOT NULL,
    entries_checked bigint DEFAULT 0 NOT NULL,
    players_drifted bigint,
    largest_drift bigint,
    verdict text,
    CONSTRAINT drift_check_run_position_is_whole CHECK (((after_casino_id IS NULL) = (after_player_id IS NULL))),
    CONSTRAINT drift_check_run_request_is_whole CHECK (((request_source IS NULL) = (request_id IS NULL))),
    CONSTRAINT drift_check_run_trigger_known CHECK ((trigger = ANY (ARRAY['schedule'::text, 'request'::text, 'command'::text]))),
    CONSTRAINT drift_check_run_verdict_fits CHECK (((verdict IS NULL) OR (verdict = 'abandoned'::text) OR (walked AND (players_drifted IS NOT NULL) AND (largest_drift IS NOT NULL) AND ((verdict = 'drift'::text) = (players_drifted > 0))))),
    CONSTRAINT drift_check_run_verdict_has_time CHECK (((verdict IS NULL) = (finished_at IS NULL))),
    CONSTRAINT drift_check_run_verdict_known CHECK ((verdict = ANY (ARRAY['clean'::text, 'drift'::text, 'abandoned'::text])))
);


--
-- Name: report_drift_check(public.drift_check_run, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.report_drift_check(p_run public.drift_check_run, p_alerts_topic text, p_source text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET jit TO 'off'
    AS $$
DECLARE
    v_time CONSTANT text := 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
    v_severities json;
    v_casinos json;
BEGIN
    SELECT json_build_object(
        'critical', count(*) FILTER (WHERE f.severity = 'critical'),
        'warning', count(*) FILTER (WHERE f.severity = 'warning'),
        'info', count(*) FILTER (WHERE f.severity = 'info')
    ) INTO v_severities
    FROM drift_finding AS f WHERE f.run_id = p_run.id;
    SELECT coalesce(json_agg(json_build_object(
        'casino_id', n.casino_id, 'players_checked', n.players_checked,
        'players_drifted', n.players_drifted
    ) ORDER BY n.casino_id), '[]') INTO v_casinos
    FROM drift_check_casino AS n WHERE n.run_id = p_run.id;

    INSERT INTO audit_log (casino_id, domain, action, actor_name, correlation_id, details)
    SELECT f.casino_id, 'drift', 'drift_detected',
        coalesce(nullif(current_setting('app.actor_name', true), ''), session_user),
        nullif(current_setting('app.correlation_id', true), ''),
        jsonb_build_object(
            'run_id', f.run_id, 'player_id', f.player_id, 'kind', f.kind, 'drift', f.drift,
            'severity', f.severity
        )
    FROM drift_finding AS f
    WHERE f.run_id = p_run.id
    ORDER BY f.casino_id, f.player_id, f.kind;
    PERFORM write_audit(p_run.casino_id, 'drift', 'drift_check_completed', jsonb_build_object(
        'run_id', p_run.id, 'trigger', p_run.trigger, 'verdict', p_run.verdict,
        'players_checked', p_run.players_checked, 'entries_checked', p_run.entries_checked,
        'players_drifted', p_run.players_drifted, 'largest_drift', p_run.largest_drift,
        'severities', v_severities
    ));

    INSERT INTO outbox_record (topic, key, value, headers)
    SELECT p_alerts_topic, convert_to(e.key, 'UTF8'),
        convert_to(json_build_object(
            'specversion', '1.0', 'id', e.id, 'source', p_source, 'type', e.type,
            'time', to_char(e.time, v_time), 'datacontenttype', 'application/json',
            'data', e.data
        )::text, 'UTF8'),
        jsonb_build_array(jsonb_build_array(
            encode('content-type', 'base64'),
            encode('application/cloudevents+json; charset=UTF-8', 'base64')
        ))
    FROM (
        SELECT 1 AS place, f.casino_id, f.player_id, f.kind,
            f.casino_id || ':' || f.player_id AS key,
            f.run_id || ':' || f.casino_id || ':' || f.player_id || ':' || f.kind AS id,
            'loyalty.balance-drift.detected.v1' AS type,
            f.detected_at AS time,
            json_build_object(
                'severity', f.severity, 'kind', f.kind,
                'casino_id', f.casino_id, 'player_id', f.player_id,
                'current_balance', f.current_balance, 'computed_balance', f.computed_balance,
                'drift', f.drift, 'drift_percentage', f.drift_percentage,
                'ledger_entry_count', f.ledger_entry_count,
                'last_ledger_update', to_char(f.last_ledger_update, v_time),
                'run_id', f.run_id, 'detected_at', to_char(f.detected_at, v_time)
            ) AS data
        FROM drift_finding AS f
        WHERE f.run_id = p_run.id
        UNION ALL
        SELECT 2, NULL, NULL, NULL,
            p_run.casino_id::text, p_run.id || ':completed', 'loyalty.drift-check.completed.v1',
            p_run.finished_at,
            json_build_object(
                'run_id', p_run.id, 'trigger', p_run.trigger, 'casino_id', p_run.casino_id,
                'verdict', p_run.verdict,
                'started_at', to_char(p_run.started_at, v_time),
                'finished_at', to_char(p_run.finished_at, v_time),
                'players_checked', p_run.players_checked,
                'entries_checked', p_run.entries_checked,
                'players_drifted', p_run.players_drifted, 'largest_drift', p_run.largest_drift,
                'severities', v_severities, 'casinos', v_casinos
            )
    ) AS e
    ORDER BY e.place, e.casino_id, e.player_id, e.kind;
END
$$;


--
-- Name: require_caller(uuid[], text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.require_caller(p_casino_ids uuid[], p_roles text[]) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_scope uuid[] := service_scope();
BEGIN
    IF v_scope IS NULL THEN
        v_scope := (
            SELECT ARRAY[c.casino_id] FROM staff_context() AS c WHERE c.casino_id IS NOT NULL
        );
    END IF;
    IF v_scope IS NULL THEN
        PERFORM refuse(CASE
            WHEN (SELECT c.actor_id FROM claimed_staff() AS c) IS NULL THEN 'LOYALTY_UNAUTHORIZED'
            ELSE 'LOYALTY_STAFF_UNKNOWN'
        END);
    END IF;
    IF NOT coalesce(p_casino_ids <@ v_scope, false) THEN
        PERFORM refuse('LOYALTY_CASINO_MISMATCH');
    END IF;
    IF NOT caller_has_role(p_roles) THEN
        PERFORM refuse('LOYALTY_FORBIDDEN', format('allowed: %s', array_to_string(p_roles, ', ')));
    END IF;
END
$$;


--
-- Name: require_drift_scope(uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.require_drift_scope(p_casino_id uuid) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_casinos uuid[];
BEGIN
    IF p_casino_id IS NOT NULL AND NOT EXISTS (SELECT FROM casino AS c WHERE c.id = p_casino_id)
    THEN
        PERFORM refuse('LOYALTY_CASINO_UNKNOWN', format('casino %s', p_casino_id));
    END IF;
    IF pg_has_role(current_user, 'loyalty_readonly', 'USAGE')
        OR NOT row_security_active('loyalty_ledger')
    THEN
        RETURN;
    END IF;
    v_casinos := CASE
        WHEN p_casino_id IS NULL THEN ARRAY(SELECT c.id FROM casino AS c)
        ELSE ARRAY[p_casino_id]
    END;
    PERFORM require_caller(v_casinos, ARRAY['service', 'operator']);
END
$$;


--
-- Name: require_points(bigint, boolean, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.require_points(p_points bigint, p_valid boolean, p_note text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF NOT coalesce(p_valid, false) THEN
        PERFORM refuse('LOYALTY_POINTS_INVALID');
    ELSIF p_points NOT BETWEEN -1000000000000 AND 1000000000000 THEN
        PERFORM refuse('LOYALTY_POINTS_OUT_OF_RANGE', 'points of the request');
    ELSIF is_blank(p_note) THEN
        PERFORM refuse('LOYALTY_NOTE_REQUIRED');
    END IF;
END
$$;


--
-- Name: require_reason(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.require_reason(p_reason text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF is_blank(p_reason) THEN
        RAISE EXCEPTION 'a reason is required'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Say why, in words; it is audited.';
    END IF;
    RETURN btrim(p_reason);
END
$$;


--
-- Name: require_request(uuid, text, uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.require_request(p_casino_id uuid, p_action text, p_staff_id uuid, p_idempotency_key uuid) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], roles_allowed(p_action));
    IF p_staff_id IS DISTINCT FROM (SELECT c.actor_id FROM staff_context() AS c) THEN
        PERFORM refuse('LOYALTY_FORBIDDEN', 'the staff member named is not the one who acts');
    END IF;
    IF p_idempotency_key IS NULL THEN
        PERFORM refuse('LOYALTY_IDEMPOTENCY_REQUIRED');
    END IF;
END
$$;


--
-- Name: resolve_dead_letters(text, integer, bigint[], bytea[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.resolve_dead_letters(p_topic text, p_partition integer, p_offset bigint[], p_record_hash bytea[]) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_resolved integer;
BEGIN
    UPDATE dead_letter AS d
    SET status = 'resolved', closed_at = now()
    WHERE d.id = ANY (ARRAY(
        SELECT l.id
        FROM (
            SELECT * FROM unnest(p_offset, p_record_hash) AS i (record_offset, record_hash)
            ORDER BY i.record_offset
        ) AS r
        -- a range of one value, in an order that only the index of records has, and no sort:
        -- no plan, whenever it was cached, can walk all open letters instead
        CROSS JOIN LATERAL (
            SELECT x.id
            FROM dead_letter AS x
            WHERE x.topic = p_topic AND x.partition = p_partition
                AND x."offset" BETWEEN r.record_offset AND r.record_offset
                AND x.record_hash = r.record_hash AND x.status = 'open'
            ORDER BY x."offset"
            LIMIT 1
            FOR NO KEY UPDATE
        ) AS l
    ));
    GET DIAGNOSTICS v_resolved = ROW_COUNT;
    RETURN v_resolved;
END
$$;


--
-- Name: reversal_objection(public.loyalty_ledger); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.reversal_objection(p_entry public.loyalty_ledger, OUT refusal text, OUT detail text) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_reversed loyalty_ledger;
BEGIN
    SELECT * INTO v_reversed
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_entry.casino_id AND l.id = p_entry.reversed_ledger_id;
    IF v_reversed.reason = 'reversal' THEN
        refusal := 'LOYALTY_NOT_REVERSIBLE';
    ELSIF (
        p_entry.player_id, p_entry.points_delta, p_entry.rating_slip_id, p_entry.visit_id
    ) IS DISTINCT FROM (
        v_reversed.player_id, -v_reversed.points_delta, v_reversed.rating_slip_id,
        v_reversed.visit_id
    )
    THEN
        detail := 'it is not the exact opposite of the entry it reverses';
    END IF;
END
$$;


--
-- Name: reversal_of(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.reversal_of(p_casino_id uuid, p_ledger_id uuid) RETURNS public.loyalty_ledger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
DECLARE
    v_entry loyalty_ledger;
BEGIN
    SELECT * INTO v_entry
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_casino_id
        AND l.reversed_ledger_id BETWEEN p_ledger_id AND p_ledger_id
        AND l.reason = 'reversal'
    ORDER BY l.reversed_ledger_id
    LIMIT 1;
    RETURN v_entry;
END
$$;


--
-- Name: roles_allowed(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.roles_allowed(p_action text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT CASE p_action
        WHEN 'base_accrual' THEN ARRAY['service', 'pit_boss', 'admin']
        WHEN 'promotion' THEN ARRAY['service', 'pit_boss', 'admin']
        WHEN 'redeem' THEN ARRAY['pit_boss', 'cashier', 'admin']
        WHEN 'approve_overdraw' THEN ARRAY['pit_boss', 'admin']
        WHEN 'manual_reward' THEN ARRAY['pit_boss', 'admin']
        WHEN 'adjustment' THEN ARRAY['admin']
        WHEN 'reversal' THEN ARRAY['admin']
        WHEN 'reconcile' THEN ARRAY['admin', 'operator']
        WHEN 'read' THEN ARRAY['pit_boss', 'cashier', 'admin']
        ELSE ARRAY[]::text[]
    END
$$;


--
-- Name: rpc_accrue_on_close(uuid, uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rpc_accrue_on_close(p_rating_slip_id uuid, p_casino_id uuid, p_idempotency_key uuid) RETURNS TABLE(ledger_id uuid, points_delta bigint, theo numeric, balance_after bigint, is_existing boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_slip rating_slip;
    v_posted record;
    v_retry boolean := true;
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], roles_allowed('base_accrual'));
    IF p_idempotency_key IS NULL THEN
        PERFORM refuse('LOYALTY_IDEMPOTENCY_REQUIRED');
    END IF;
    SELECT * INTO v_slip
    FROM rating_slip AS s WHERE s.casino_id = p_casino_id AND s.id = p_rating_slip_id;
    IF v_slip.status IS DISTINCT FROM 'closed' THEN
        IF EXISTS (
            SELECT FROM loyalty_ledger AS l
            WHERE l.casino_id = p_casino_id AND l.idempotency_key = p_idempotency_key
        ) THEN
            PERFORM refuse('LOYALTY_IDEMPOTENCY_CONFLICT');
        END IF;
        PERFORM refuse(CASE
            WHEN v_slip.id IS NULL THEN 'LOYALTY_SLIP_NOT_FOUND' ELSE 'LOYALTY_SLIP_NOT_CLOSED'
        END);
    END IF;

    -- the same key on another player, posted at this very moment, shows as a unique violation;
    -- the second look sees its entry
    LOOP
        BEGIN
            SELECT * INTO STRICT v_posted
            FROM accrue_closed_slips(ARRAY[v_slip], ARRAY[p_idempotency_key], ARRAY[NULL::jsonb]);
            EXIT;
        EXCEPTION WHEN unique_violation THEN
            IF NOT v_retry THEN
                RAISE EXCEPTION 'the key or the slip was taken twice meanwhile; retry'
                USING ERRCODE = 'serialization_failure';
            END IF;
            v_retry := false;
        END;
    END LOOP;
    IF v_posted.verdict = 'refused' THEN
        PERFORM refuse(v_posted.refusal, v_posted.detail);
    ELSIF v_posted.ledger_id IS NULL THEN
        PERFORM refuse('LOYALTY_UNRATED_VISIT');
    END IF;
    RETURN QUERY
    SELECT l.id, l.points_delta, (l.metadata #>> '{calc,theo}')::numeric, l.balance_after,
        v_posted.verdict = 'duplicate'
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_casino_id AND l.id = v_posted.ledger_id;
END
$$;


--
-- Name: rpc_adjust_points(uuid, uuid, bigint, uuid, text, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rpc_adjust_points(p_casino_id uuid, p_player_id uuid, p_points_delta bigint, p_adjusted_by_staff_id uuid, p_note text, p_idempotency_key uuid) RETURNS TABLE(ledger_id uuid, points_delta bigint, balance_after bigint, is_existing boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_request(p_casino_id, 'adjustment', p_adjusted_by_staff_id, p_idempotency_key);
    PERFORM require_points(p_points_delta, p_points_delta <> 0, p_note);
    RETURN QUERY SELECT * FROM post_points(
        'adjustment', p_casino_id, p_player_id, p_points_delta, p_adjusted_by_staff_id, p_note,
        p_idempotency_key
    );
END
$$;


--
-- Name: rpc_apply_promotion(uuid, uuid, text, numeric, bigint, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rpc_apply_promotion(p_casino_id uuid, p_rating_slip_id uuid, p_campaign_id text, p_promo_multiplier numeric, p_bonus_points bigint, p_idempotency_key uuid) RETURNS TABLE(ledger_id uuid, promo_points_delta bigint, balance_after bigint, is_existing boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_base loyalty_ledger;
    v_entry loyalty_ledger;
    v_points numeric;
    v_hash bytea := promotion_hash(
        p_casino_id, p_rating_slip_id, p_campaign_id, p_promo_multiplier, p_bonus_points
    );
BEGIN
    PERFORM require_request(
        p_casino_id, 'promotion', (SELECT c.actor_id FROM staff_context() AS c), p_idempotency_key
    );
    -- a longer id does not fit into the index that tells campaigns apart
    IF is_blank(p_campaign_id) OR octet_length(p_campaign_id) > 1000
        OR promotion_points(0, p_promo_multiplier, p_bonus_points) IS NULL
    THEN
        PERFORM refuse('LOYALTY_PROMOTION_INVALID');
    END IF;
    -- entries never change: whose it is may be read before the player is locked
    v_base := base_accrual_of(p_casino_id, p_rating_slip_id);
    IF v_base.id IS NULL THEN
        PERFORM entry_of_key(p_casino_id, p_idempotency_key, v_hash);
        PERFORM refuse_promotion_without_base(p_casino_id, p_rating_slip_id);
    END IF;
    -- nothing is locked for an entry that is there: where a cached balance is missing, the row
    -- that is created to be locked would stay without an entry of its own
    v_entry := promotion_of(p_casino_id, p_rating_slip_id, p_campaign_id);
    IF v_entry.id IS NOT NULL THEN
        PERFORM entry_of_key(p_casino_id, p_idempotency_key, v_hash);
    ELSE
        v_entry := begin_entry(p_casino_id, v_base.player_id, p_idempotency_key, v_hash);
        IF v_entry.id IS NULL THEN
            v_entry := promotion_of(p_casino_id, p_rating_slip_id, p_campaign_id);
        END IF;
    END IF;

    is_existing := v_entry.id IS NOT NULL;
    IF is_existing AND v_entry.payload_hash <> v_hash THEN
        PERFORM refuse(
            'LOYALTY_IDEMPOTENCY_CONFLICT',
            format('the campaign is on the slip with other terms, entry %s', v_entry.id)
        );
    END IF;
    IF NOT is_existing THEN
        IF NOT (SELECT r.accrual_enabled FROM casino_rules AS r WHERE r.casino_id = p_casino_id)
        THEN
            PERFORM refuse('LOYALTY_ACCRUAL_DISABLED');
        ELSIF (reversal_of(p_casino_id, v_base.id)).id IS NOT NULL THEN
            PERFORM refuse('LOYALTY_BASE_REVERSED');
        END IF;
        v_points := promotion_points(v_base.points_delta, p_promo_multiplier, p_bonus_points);
        IF v_points > 1000000000000 THEN
            PERFORM refuse('LOYALTY_POINTS_OUT_OF_RANGE', 'points of the promotion');
        END IF;
        v_entry.casino_id := p_casino_id;
        v_entry.player_id := v_base.player_id;
        v_entry.points_delta := v_points;
        v_entry.reason := 'promotion';
        v_entry.rating_slip_id := p_rating_slip_id;
        v_entry.visit_id := v_base.visit_id;
        v_entry.staff_id := (SELECT c.actor_id FROM staff_context() AS c);
        v_entry.campaign_id := p_campaign_id;
        v_entry.source_kind := 'rating_slip';
        v_entry.source_id := p_rating_slip_id;
        v_entry.idempotency_key := p_idempotency_key;
        v_entry.payload_hash := v_hash;
        v_entry.metadata := jsonb_build_object('calc', jsonb_build_object(
            'base_points', v_base.points_delta, 'multiplier', trim_scale(p_promo_multiplier),
            'bonus', p_bonus_points, 'points', v_points
        ));
        v_entry := post_entry(v_entry);
    END IF;
    ledger_id := v_entry.id;
    promo_points_delta := v_entry.points_delta;
    balance_after := v_entry.balance_after;
    RETURN NEXT;
END
$$;


--
-- Name: rpc_get_player_balance(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rpc_get_player_balance(p_casino_id uuid, p_player_id uuid) RETURNS TABLE(current_balance bigint, tier text, updated_at timestamp with time zone)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], roles_allowed('read'));
    RETURN QUERY
    SELECT b.current_balance, b.tier, b.updated_at
    FROM player_loyalty AS b
    WHERE b.casino_id = p_casino_id AND b.player_id = p_player_id
        AND (SELECT n.entry_no FROM newest_entry(p_casino_id, p_player_id) AS n) > 0;
END
$$;


--
-- Name: rpc_get_player_ledger(uuid, uuid, bigint, integer, public.loyalty_reason, uuid, uuid, timestamp with time zone, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rpc_get_player_ledger(p_casino_id uuid, p_player_id uuid, p_before_entry_no bigint, p_limit integer DEFAULT 20, p_reason public.loyalty_reason DEFAULT NULL::public.loyalty_reason, p_rating_slip_id uuid DEFAULT NULL::uuid, p_visit_id uuid DEFAULT NULL::uuid, p_from timestamp with time zone DEFAULT NULL::timestamp with time zone, p_to timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(id uuid, entry_no bigint, points_delta bigint, balance_after bigint, reason public.loyalty_reason, rating_slip_id uuid, visit_id uuid, staff_id uuid, campaign_id text, reversed_ledger_id uuid, source_kind text, source_id uuid, note text, metadata jsonb, gaming_day date, occurred_at timestamp with time zone, created_at timestamp with time zone, has_more boolean)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    AS $_$
DECLARE
    v_base loyalty_ledger;
    v_visit_id uuid := p_visit_id;
    v_numbers bigint[];
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], roles_allowed('read'));
    IF NOT coalesce(p_limit BETWEEN 1 AND 100, false) THEN
        RAISE EXCEPTION 'a page has 1 to 100 entries'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a p_limit from 1 to 100.';
    END IF;
    IF p_rating_slip_id IS NOT NULL THEN
        -- nothing is posted for a slip without base accrual, and all that is bears its visit
        v_base := base_accrual_of(p_casino_id, p_rating_slip_id);
        IF v_base.id IS NULL THEN
            RETURN;
        END IF;
        v_visit_id := coalesce(p_visit_id, v_base.visit_id);
    END IF;
    EXECUTE
        'SELECT ARRAY(SELECT f.entry_no FROM ('
        '    SELECT l.entry_no FROM loyalty_ledger AS l'
        '    WHERE l.casino_id = $1 AND l.player_id = $2'
        '        AND ($3 IS NULL OR l.entry_no < $3)'
        '        AND ($5 IS NULL OR l.reason BETWEEN $5 AND $5)'
        '        AND ($6 IS NULL OR l.rating_slip_id = $6)'
        '        AND ($7 IS NULL OR l.visit_id BETWEEN $7 AND $7)'
        '        AND ($8 IS NULL OR l.occurred_at >= $8)'
        '        AND ($9 IS NULL OR l.occurred_at < $9)'
        '    ORDER BY ' || CASE
            WHEN v_visit_id IS NOT NULL
                THEN 'l.visit_id DESC, l.entry_no DESC LIMIT $4 + 1'
            WHEN p_from IS NOT NULL OR p_to IS NOT NULL THEN 'l.occurred_at DESC OFFSET 0'
            WHEN p_reason <> 'base_accrual'
                THEN 'l.reason DESC, l.entry_no DESC LIMIT $4 + 1'
            ELSE 'l.entry_no DESC LIMIT $4 + 1'
        END || ') AS f ORDER BY f.entry_no DESC LIMIT $4 + 1)'
    INTO v_numbers
    USING p_casino_id, p_player_id, p_before_entry_no, p_limit, p_reason, p_rating_slip_id,
        v_visit_id, p_from, p_to;

    RETURN QUERY
    SELECT l.id, l.entry_no, l.points_delta, l.balance_after, l.reason, l.rating_slip_id,
        l.visit_id, l.staff_id, l.campaign_id, l.reversed_ledger_id, l.source_kind, l.source_id,
        l.note, l.metadata, l.gaming_day, l.occurred_at, l.created_at,
        cardinality(v_numbers) > p_limit
    FROM unnest(v_numbers[1:p_limit]) WITH ORDINALITY AS n (entry_no, place)
    CROSS JOIN LATERAL (
        SELECT x.*
        FROM loyalty_ledger AS x
        WHERE x.casino_id = p_casino_id AND x.player_id = p_player_id AND x.entry_no = n.entry_no
        LIMIT 1
    ) AS l
    ORDER BY n.place;
END
$_$;


--
-- Name: rpc_manual_credit(uuid, uuid, bigint, uuid, text, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rpc_manual_credit(p_casino_id uuid, p_player_id uuid, p_points bigint, p_awarded_by_staff_id uuid, p_note text, p_idempotency_key uuid) RETURNS TABLE(ledger_id uuid, points_delta bigint, balance_after bigint, is_existing boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_request(
        p_casino_id, 'manual_reward', p_awarded_by_staff_id, p_idempotency_key
    );
    PERFORM require_points(p_points, p_points > 0, p_note);
    RETURN QUERY SELECT * FROM post_points(
        'manual_reward', p_casino_id, p_player_id, p_points, p_awarded_by_staff_id, p_note,
        p_idempotency_key
    );
END
$$;


--
-- Name: rpc_reconcile_loyalty_balance(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rpc_reconcile_loyalty_balance(p_player_id uuid, p_casino_id uuid) RETURNS TABLE(old_balance bigint, new_balance bigint, drift_detected boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_created boolean;
    v_old player_loyalty;
    v_entries record;
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], roles_allowed('reconcile'));
    IF p_player_id IS NULL THEN
        PERFORM refuse('LOYALTY_PLAYER_NOT_FOUND');
    END IF;
    v_created := EXISTS (
        SELECT FROM lock_player_balances(ARRAY[p_casino_id], ARRAY[p_player_id])
    );
    SELECT * INTO v_old
    FROM player_loyalty AS b WHERE b.casino_id = p_casino_id AND b.player_id = p_player_id;
    SELECT count(*) AS number,
        coalesce(sum(e.points_delta), 0)::bigint AS balance,
        coalesce(bool_and(
            e.entry_no = e.place AND e.balance_after = e.previous_balance + e.points_delta
        ), true) AS whole
    INTO v_entries
    FROM (
        SELECT l.entry_no, l.points_delta, l.balance_after,
            row_number() OVER chain AS place,
            lag(l.balance_after, 1, 0::bigint) OVER chain AS previous_balance
        FROM loyalty_ledger AS l
        WHERE l.casino_id = p_casino_id AND l.player_id = p_player_id
        WINDOW chain AS (ORDER BY l.entry_no)
    ) AS e;
    IF v_created AND v_entries.number = 0 THEN
        PERFORM refuse('LOYALTY_PLAYER_NOT_FOUND');
    ELSIF NOT v_entries.whole THEN
        PERFORM refuse('LOYALTY_LEDGER_DAMAGED');
    END IF;

    old_balance := v_old.current_balance;
    new_balance := v_entries.balance;
    drift_detected := v_created
        OR v_old.current_balance <> v_entries.balance OR v_old.entry_count <> v_entries.number;
    IF drift_detected THEN
        UPDATE player_loyalty AS b
        SET current_balance = v_entries.balance,
            entry_count = v_entries.number,
            updated_at = now()
        WHERE b.casino_id = p_casino_id AND b.player_id = p_player_id;
    END IF;
    PERFORM write_audit(p_casino_id, 'ledger', 'reconcile', jsonb_build_object(
        'player_id', p_player_id,
        'old_balance', v_old.current_balance, 'new_balance', v_entries.balance,
        'old_entry_count', v_old.entry_count, 'new_entry_count', v_entries.number,
        'cache_was_missing', v_created, 'drift_detected', drift_detected
    ));
    RETURN NEXT;
END
$$;


--
-- Name: rpc_redeem(uuid, uuid, bigint, uuid, text, uuid, boolean, uuid, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rpc_redeem(p_casino_id uuid, p_player_id uuid, p_points bigint, p_issued_by_staff_id uuid, p_note text, p_idempotency_key uuid, p_allow_overdraw boolean DEFAULT false, p_reward_id uuid DEFAULT NULL::uuid, p_reference text DEFAULT NULL::text) RETURNS TABLE(ledger_id uuid, points_delta bigint, balance_before bigint, balance_after bigint, overdraw_applied boolean, is_existing boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_entry loyalty_ledger;
    v_hash bytea := loyalty_request_hash(
        'redeem', p_casino_id::text, p_player_id::text, p_points::text,
        p_issued_by_staff_id::text, p_note, coalesce(p_allow_overdraw, false)::text,
        p_reward_id::text, p_reference
    );
    v_before bigint;
    v_refusal text;
BEGIN
    PERFORM require_request(p_casino_id, 'redeem', p_issued_by_staff_id, p_idempotency_key);
    PERFORM require_points(p_points, p_points > 0, p_note);
    v_entry := begin_entry(p_casino_id, p_player_id, p_idempotency_key, v_hash);
    is_existing := v_entry.id IS NOT NULL;
    IF NOT is_existing THEN
        v_before := (SELECT n.balance_after FROM newest_entry(p_casino_id, p_player_id) AS n);
        v_refusal := redemption_refusal(
            p_casino_id, p_points, v_before - p_points, p_allow_overdraw
        );
        IF v_refusal IS NOT NULL THEN
            PERFORM refuse(v_refusal);
        END IF;
        v_entry.casino_id := p_casino_id;
        v_entry.player_id := p_player_id;
        v_entry.points_delta := -p_points;
        v_entry.reason := 'redeem';
        v_entry.staff_id := p_issued_by_staff_id;
        v_entry.idempotency_key := p_idempotency_key;
        v_entry.payload_hash := v_hash;
        v_entry.note := p_note;
        v_entry.metadata := jsonb_build_object(
            'reward_id', p_reward_id,
            'reference', p_reference,
            'overdraw', CASE WHEN v_before < p_points THEN jsonb_build_object(
                'approved_by', p_issued_by_staff_id,
                'points', p_points - greatest(v_before, 0),
                'cap', (
                    SELECT r.max_overdraw_points_per_redeem
                    FROM casino_rules AS r WHERE r.casino_id = p_casino_id
                )
            ) END
        );
        v_entry := post_entry(v_entry);
    END IF;

    ledger_id := v_entry.id;
    points_delta := v_entry.points_delta;
    balance_before := v_entry.balance_after - v_entry.points_delta;
    balance_after := v_entry.balance_after;
    overdraw_applied := v_entry.metadata ? 'overdraw';
    RETURN NEXT;
END
$$;


--
-- Name: rpc_reverse_ledger_entry(uuid, uuid, uuid, text, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rpc_reverse_ledger_entry(p_casino_id uuid, p_ledger_id uuid, p_reversed_by_staff_id uuid, p_note text, p_idempotency_key uuid) RETURNS TABLE(ledger_id uuid, points_delta bigint, balance_after bigint, is_existing boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_reversed loyalty_ledger;
    v_entry loyalty_ledger;
    v_hash bytea := loyalty_request_hash(
        'reversal', p_casino_id::text, p_ledger_id::text, p_reversed_by_staff_id::text, p_note
    );
BEGIN
    PERFORM require_request(p_casino_id, 'reversal', p_reversed_by_staff_id, p_idempotency_key);
    IF is_blank(p_note) THEN
        PERFORM refuse('LOYALTY_NOTE_REQUIRED');
    END IF;
    -- entries never change: whose it is may be read before the player is locked
    SELECT * INTO v_reversed
    FROM loyalty_ledger AS l WHERE l.casino_id = p_casino_id AND l.id = p_ledger_id;
    IF NOT FOUND THEN
        PERFORM entry_of_key(p_casino_id, p_idempotency_key, v_hash);
        PERFORM refuse('LOYALTY_ENTRY_NOT_FOUND');
    END IF;
    -- nothing is locked for an entry that is there: where a cached balance is missing, the row
    -- that is created to be locked would stay without an entry of its own
    v_entry := reversal_of(p_casino_id, p_ledger_id);
    IF v_entry.id IS NOT NULL THEN
        PERFORM entry_of_key(p_casino_id, p_idempotency_key, v_hash);
    ELSE
        v_entry := begin_entry(p_casino_id, v_reversed.player_id, p_idempotency_key, v_hash);
        IF v_entry.id IS NULL THEN
            v_entry := reversal_of(p_casino_id, p_ledger_id);
        END IF;
    END IF;

    is_existing := v_entry.id IS NOT NULL;
    IF is_existing AND v_entry.payload_hash <> v_hash THEN
        PERFORM refuse('LOYALTY_ALREADY_REVERSED', format('by entry %s', v_entry.id));
    ELSIF v_reversed.reason = 'reversal' THEN
        PERFORM refuse('LOYALTY_NOT_REVERSIBLE');
    END IF;
    IF NOT is_existing THEN
        v_entry.casino_id := p_casino_id;
        v_entry.player_id := v_reversed.player_id;
        v_entry.points_delta := -v_reversed.points_delta;
        v_entry.reason := 'reversal';
        v_entry.rating_slip_id := v_reversed.rating_slip_id;
        v_entry.visit_id := v_reversed.visit_id;
        v_entry.staff_id := p_reversed_by_staff_id;
        v_entry.campaign_id := v_reversed.campaign_id;
        v_entry.reversed_ledger_id := p_ledger_id;
        v_entry.idempotency_key := p_idempotency_key;
        v_entry.payload_hash := v_hash;
        v_entry.note := p_note;
        v_entry := post_entry(v_entry);
    END IF;
    ledger_id := v_entry.id;
    points_delta := v_entry.points_delta;
    balance_after := v_entry.balance_after;
    RETURN NEXT;
END
$$;


--
-- Name: service_scope(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.service_scope() RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT CASE
        WHEN pg_has_role(session_user, 'loyalty_worker', 'USAGE')
            OR pg_has_role(session_user, 'loyalty_operator', 'USAGE')
        THEN nullif(current_setting('app.casino_ids', true), '')::uuid[]
    END
$$;


--
-- Name: set_casino_settings(uuid, jsonb); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.set_casino_settings(p_casino_id uuid, p_settings jsonb) RETURNS TABLE(settings_before jsonb, settings_after jsonb)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_before jsonb;
    v_after jsonb;
    v_new casino_settings;
    v_wrong text;
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], ARRAY['operator']);
    IF NOT EXISTS (SELECT FROM casino AS c WHERE c.id = p_casino_id) THEN
        PERFORM refuse('LOYALTY_CASINO_UNKNOWN', format('casino %s', p_casino_id));
    END IF;
    v_wrong := wrong_casino_setting(p_settings);
    IF v_wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', v_wrong USING ERRCODE = 'invalid_parameter_value';
    END IF;

    INSERT INTO casino_settings (casino_id) VALUES (p_casino_id) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT v_new
    FROM casino_settings AS s WHERE s.casino_id = p_casino_id FOR UPDATE;
    v_before := to_jsonb(v_new);
    v_new := jsonb_populate_record(v_new, p_settings);
    v_after := to_jsonb(v_new);
    UPDATE casino_settings AS s
    SET max_overdraw_points_per_redeem = v_new.max_overdraw_points_per_redeem,
        max_redeem_points_per_txn = v_new.max_redeem_points_per_txn,
        accrual_enabled = v_new.accrual_enabled,
        timezone = v_new.timezone,
        gaming_day_start = v_new.gaming_day_start,
        updated_at = now()
    WHERE s.casino_id = p_casino_id;

    -- while a casino is switched off nothing that waits for it grows old
    IF v_new.accrual_enabled THEN
        UPDATE accrual_pause AS p SET resumed_at = now()
        WHERE p.casino_id = p_casino_id AND p.resumed_at IS NULL;
    ELSE
        INSERT INTO accrual_pause (casino_id) VALUES (p_casino_id) ON CONFLICT DO NOTHING;
    END IF;

    SELECT coalesce(jsonb_object_agg(b.key, b.value), '{}'),
        coalesce(jsonb_object_agg(b.key, v_after -> b.key), '{}')
    INTO settings_before, settings_after
    FROM jsonb_each(v_before) AS b
    WHERE b.value IS DISTINCT FROM v_after -> b.key;
    PERFORM write_audit(p_casino_id, 'casino', 'set', jsonb_build_object(
        'before', settings_before, 'after', settings_after
    ));
    RETURN NEXT;
END
$$;


--
-- Name: set_rls_context(uuid, uuid, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.set_rls_context(p_actor_id uuid, p_casino_id uuid, p_staff_role text, p_correlation_id text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF NOT pg_has_role(session_user, 'loyalty_staff', 'USAGE') THEN
        PERFORM refuse('LOYALTY_FORBIDDEN', 'allowed: the gateway of the staff');
    END IF;
    PERFORM set_config('app.actor_id', coalesce(p_actor_id::text, ''), true);
    PERFORM set_config('app.casino_id', coalesce(p_casino_id::text, ''), true);
    PERFORM set_config('app.staff_role', coalesce(p_staff_role, ''), true);
    PERFORM set_config('app.correlation_id', coalesce(p_correlation_id, ''), true);
    IF (SELECT c.actor_id FROM staff_context() AS c) IS NULL THEN
        PERFORM refuse('LOYALTY_STAFF_UNKNOWN');
    END IF;
END
$$;


--
-- Name: set_service_context(uuid[], text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.set_service_context(p_casino_ids uuid[], p_correlation_id text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF NOT caller_has_role(ARRAY['service', 'operator']) THEN
        PERFORM refuse('LOYALTY_FORBIDDEN', 'allowed: service, operator');
    END IF;
    PERFORM set_config('app.casino_ids', coalesce(p_casino_ids, '{}')::text, true);
    PERFORM set_config('app.correlation_id', coalesce(p_correlation_id, ''), true);
END
$$;


--
-- Name: settle_drift_findings(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.settle_drift_findings(p_casino_id uuid, p_player_id uuid) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_of_cache CONSTANT text[] := ARRAY[
        'balance', 'entry_count', 'cache_missing', 'cache_without_entries'
    ];
    v_severities CONSTANT text[] := ARRAY['critical', 'warning', 'info'];
    v_settled bigint;
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], ARRAY['operator']);
    PERFORM FROM drift_finding AS f
    WHERE f.casino_id = p_casino_id AND f.player_id = p_player_id AND f.reconciled_at IS NULL
    ORDER BY f.run_id, f.kind
    FOR NO KEY UPDATE;

    -- what the player counts as in each closed run, before and after
    UPDATE drift_check_casino AS n
    SET open_critical = n.open_critical - (b.gravest = 1)::integer
            + coalesce((b.gravest_left = 1)::integer, 0),
        open_warning = n.open_warning - (b.gravest = 2)::integer
            + coalesce((b.gravest_left = 2)::integer, 0),
        open_info = n.open_info - (b.gravest = 3)::integer
            + coalesce((b.gravest_left = 3)::integer, 0),
        open_points = n.open_points - b.points + coalesce(b.points_left, 0)
    FROM (
        SELECT f.run_id,
            min(array_position(v_severities, f.severity)) AS gravest,
            max(abs(f.drift)) AS points,
            min(array_position(v_severities, f.severity))
            FILTER (WHERE f.kind <> ALL (v_of_cache)) AS gravest_left,
            max(abs(f.drift)) FILTER (WHERE f.kind <> ALL (v_of_cache)) AS points_left
        FROM drift_finding AS f
        WHERE f.casino_id = p_casino_id AND f.player_id = p_player_id AND f.reconciled_at IS NULL
        GROUP BY f.run_id
    ) AS b
    WHERE n.casino_id = p_casino_id AND n.run_id = b.run_id AND n.closed_at IS NOT NULL;

    UPDATE drift_finding AS f
    SET reconciled_at = now()
    WHERE f.casino_id = p_casino_id AND f.player_id = p_player_id AND f.reconciled_at IS NULL
        AND f.kind = ANY (v_of_cache);
    GET DIAGNOSTICS v_settled = ROW_COUNT;
    RETURN v_settled;
END
$$;


--
-- Name: sound_players(uuid, uuid, bigint, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.sound_players(p_casino_id uuid, p_after_player_id uuid, p_max_players bigint, p_max_entries bigint, OUT is_sound boolean, OUT players bigint, OUT entries bigint, OUT last_player_id uuid, OUT suspects uuid[], OUT is_cut boolean) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
DECLARE
    v_players uuid[];
    v_count numeric;
    v_caches bigint;
    v_chains bigint;
BEGIN
    -- those whose cached counts are within the limit; counts that are wrong are found out below
    SELECT array_agg(c.player_id ORDER BY c.player_id) FILTER (WHERE c.taken),
        coalesce(sum(c.entry_count) FILTER (WHERE c.taken), 0),
        coalesce(bit_xor(
            hashint8extended(0, c.seed) # hashint8extended(c.entry_count, c.current_balance # c.seed)
        ) FILTER (WHERE c.taken), 0),
        coalesce(count(*) = p_max_players, false) OR coalesce(bool_or(NOT c.taken), false)
    INTO v_players, v_count, v_caches, is_cut
    FROM (
        SELECT n.*, uuid_hash_extended(n.player_id, 0) AS seed,
            -- as integers: running sums of bigints are numerics, which cost more than all the rest
            p_max_entries IS NULL OR p_max_entries >= sum(
                least(greatest(n.entry_count, 0), 2147483647)::integer
            ) OVER (ORDER BY n.player_id ROWS UNBOUNDED PRECEDING) AS taken
        FROM (
            SELECT b.player_id, b.current_balance, b.entry_count
            FROM player_loyalty AS b
            WHERE b.casino_id = p_casino_id
                AND (p_after_player_id IS NULL OR b.player_id > p_after_player_id)
            ORDER BY b.player_id
            LIMIT p_max_players
        ) AS n
    ) AS c;
    players := coalesce(cardinality(v_players), 0);
    last_player_id := v_players[players];
    suspects := '{}';
    IF is_cut AND players = 0 OR v_count NOT BETWEEN 0 AND 1e15 THEN
        is_sound := false;
        RETURN;
    END IF;

    SELECT count(*), coalesce(bit_xor(
        hashint8extended(e.entry_no, e.balance_after # e.seed)
        # hashint8extended(e.entry_no - 1, (e.balance_after - e.points_delta) # e.seed)
    ), 0) INTO entries, v_chains
    FROM (
        SELECT l.entry_no, l.points_delta, l.balance_after,
            uuid_hash_extended(l.player_id, 0) AS seed
        FROM loyalty_ledger AS l
        WHERE l.casino_id = p_casino_id
            AND (p_after_player_id IS NULL OR l.player_id > p_after_player_id)
            AND (NOT is_cut OR l.player_id <= last_player_id)
        LIMIT v_count + 1
    ) AS e;
    is_sound := entries = v_count AND v_caches = v_chains;
END
$$;


--
-- Name: staff_casino(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.staff_casino(p_action text) RETURNS uuid
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT c.casino_id FROM staff_context() AS c WHERE c.staff_role = ANY (roles_allowed(p_action))
$$;


--
-- Name: staff_context(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.staff_context(OUT casino_id uuid, OUT actor_id uuid, OUT staff_role text) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    v_claimed record := claimed_staff();
BEGIN
    IF v_claimed.actor_id IS NULL THEN
        RETURN;
    END IF;
    SELECT s.casino_id, s.id, s.role INTO casino_id, actor_id, staff_role
    FROM staff AS s
    WHERE s.casino_id = v_claimed.casino_id
        AND s.id = v_claimed.actor_id
        AND s.role = v_claimed.staff_role
        AND s.status = 'active';
END
$$;


--
-- Name: suspect_players(uuid, uuid, bigint, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.suspect_players(p_casino_id uuid, p_after_player_id uuid, p_max_players bigint, p_max_entries bigint, OUT players bigint, OUT entries bigint, OUT last_player_id uuid, OUT suspects uuid[], OUT is_cut boolean) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
DECLARE
    v_players uuid[];
BEGIN
    SELECT array_agg(d.player_id ORDER BY d.player_id) FILTER (WHERE d.taken),
        coalesce(sum(d.entries) FILTER (WHERE d.taken), 0),
        coalesce(array_agg(d.player_id) FILTER (WHERE d.taken AND NOT d.sound), '{}'),
        coalesce(bool_or(NOT d.taken), false)
    INTO v_players, entries, suspects, is_cut
    FROM (
        SELECT m.player_id, m.entries, m.sound,
            p_max_entries IS NULL OR p_max_entries >= sum(m.entries) OVER (
                ORDER BY m.player_id ROWS UNBOUNDED PRECEDING
            ) AS taken
        FROM (
            SELECT coalesce(c.player_id, l.player_id) AS player_id,
                coalesce(l.entries, 0) AS entries,
                CASE
                    WHEN c.player_id IS NULL THEN false
                    WHEN l.player_id IS NULL THEN c.current_balance = 0 AND c.entry_count = 0
                    ELSE c.entry_count = l.entries
                        AND hashint8extended(c.entry_count, c.current_balance)
                        = hashint8extended(0, 0) # l.chain
                END AS sound
            FROM (
                SELECT b.player_id, b.current_balance, b.entry_count
                FROM player_loyalty AS b
                WHERE b.casino_id = p_casino_id
                    AND (p_after_player_id IS NULL OR b.player_id > p_after_player_id)
                ORDER BY b.player_id
                LIMIT p_max_players
            ) AS c
            FULL JOIN (
                SELECT e.player_id,
                    count(*) AS entries,
                    bit_xor(
                        hashint8extended(e.entry_no, e.balance_after)
                        # hashint8extended(e.entry_no - 1, e.balance_after - e.points_delta)
                    ) AS chain
                FROM (
                    SELECT x.player_id, x.entry_no, x.points_delta, x.balance_after
                    FROM loyalty_ledger AS x
                    WHERE x.casino_id = p_casino_id
                        AND (p_after_player_id IS NULL OR x.player_id > p_after_player_id)
                    ORDER BY x.player_id, x.entry_no
                    -- one more: a player who is cut off by this is beyond the limit
                    LIMIT p_max_entries + 1
                ) AS e
                GROUP BY e.player_id
                ORDER BY e.player_id
                LIMIT p_max_players
            ) AS l ON l.player_id = c.player_id
            ORDER BY 1
            LIMIT p_max_players
        ) AS m
    ) AS d;
    players := coalesce(cardinality(v_players), 0);
    last_player_id := v_players[players];
END
$$;


--
-- Name: take_lease(text, text, double precision); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.take_lease(p_name text, p_holder text, p_seconds double precision) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO worker_lease AS l (name, holder, expires_at)
    VALUES (p_name, p_holder, clock_timestamp() + make_interval(secs => p_seconds))
    ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, expires_at = excluded.expires_at
    -- the clock's time, and not the transaction's: this may have waited for the row
    WHERE l.holder = excluded.holder OR l.expires_at <= clock_timestamp();
    RETURN FOUND;
END
$$;


--
-- Name: waiting_casinos(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.waiting_casinos() RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE hop AS (
            (
                SELECT e.casino_id FROM parked_event AS e
                WHERE e.outcome IS NULL ORDER BY e.casino_id LIMIT 1
            )
            UNION ALL
            SELECT n.casino_id
            FROM hop AS h
            CROSS JOIN LATERAL (
                SELECT e.casino_id FROM parked_event AS e
                WHERE e.outcome IS NULL AND e.casino_id > h.casino_id
                ORDER BY e.casino_id LIMIT 1
            ) AS n
        )
        SELECT hop.casino_id FROM hop
    );
END
$$;


--
-- Name: write_audit(uuid, text, text, jsonb); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.write_audit(p_casino_id uuid, p_domain text, p_action text, p_details jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO audit_log (
        casino_id, domain, action, actor_id, actor_name, correlation_id, details
    )
    VALUES (
        p_casino_id, p_domain, p_action,
        (SELECT c.actor_id FROM staff_context() AS c),
        coalesce(nullif(current_setting('app.actor_name', true), ''), session_user),
        nullif(current_setting('app.correlation_id', true), ''),
        p_details || jsonb_strip_nulls(jsonb_build_object(
            'reason', nullif(current_setting('app.reason', true), '')
        ))
    );
END
$$;


--
-- Name: write_closed_slips(public.rating_slip[], public.loyalty_ledger[], public.player_loyalty[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.write_closed_slips(p_slips public.rating_slip[], p_entries public.loyalty_ledger[], p_created public.player_loyalty[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_written bigint;
BEGIN
    -- an open slip is closed by its event; a closed one stays as it is
    INSERT INTO rating_slip AS r (
        casino_id, id, player_id, visit_id, visit_kind, table_id, game_type, average_bet,
        started_at, closed_at, duration_seconds, status, policy_snapshot, gaming_day, facts_hash
    )
    SELECT s.casino_id, s.id, s.player_id, s.visit_id, s.visit_kind, s.table_id, s.game_type,
        s.average_bet, s.started_at, s.closed_at, s.duration_seconds, 'closed',
        s.policy_snapshot, s.gaming_day, s.facts_hash
    FROM unnest(p_slips) AS s
    ORDER BY s.casino_id, s.id
    ON CONFLICT (casino_id, id) DO UPDATE
    SET player_id = excluded.player_id,
        visit_id = excluded.visit_id,
        visit_kind = excluded.visit_kind,
        table_id = excluded.table_id,
        game_type = excluded.game_type,
        average_bet = excluded.average_bet,
        started_at = excluded.started_at,
        closed_at = excluded.closed_at,
        duration_seconds = excluded.duration_seconds,
        status = excluded.status,
        policy_snapshot = excluded.policy_snapshot,
        gaming_day = excluded.gaming_day,
        facts_hash = excluded.facts_hash
    WHERE r.status = 'open';
    GET DIAGNOSTICS v_written = ROW_COUNT;
    IF v_written <> cardinality(p_slips) THEN
        RAISE EXCEPTION 'a slip was closed by another transaction meanwhile; retry'
        USING ERRCODE = 'unique_violation', TABLE = 'rating_slip', CONSTRAINT = 'rating_slip_pkey';
    END IF;

    -- a player is known from any slip, also from one that earns nothing
    INSERT INTO player (id)
    SELECT k.player_id
    FROM (
        SELECT e.player_id FROM unnest(p_entries) AS e
        UNION
        SELECT i.player_id FROM unnest(p_slips) AS i WHERE i.player_id IS NOT NULL
    ) AS k
    ORDER BY k.player_id
    ON CONFLICT DO NOTHING;

    INSERT INTO loyalty_ledger (
        casino_id, id, player_id, entry_no, points_delta, balance_after, reason, rating_slip_id,
        visit_id, staff_id, source_kind, source_id, idempotency_key, payload_hash, metadata,
        gaming_day, occurred_at
    )
    SELECT e.casino_id, e.id, e.player_id, e.entry_no, e.points_delta, e.balance_after,
        'base_accrual', e.rating_slip_id, e.visit_id, e.staff_id, 'rating_slip',
        e.rating_slip_id, e.idempotency_key, e.payload_hash, e.metadata, e.gaming_day,
        e.occurred_at
    FROM unnest(p_entries) AS e;

    PERFORM move_balances(p_entries, p_created);
END
$$;


--
-- Name: wrong_casino_setting(jsonb); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.wrong_casino_setting(p_settings jsonb) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
BEGIN
    IF jsonb_typeof(p_settings) IS DISTINCT FROM 'object' OR p_settings = '{}' THEN
        RETURN 'settings are a JSON object of at least one name and value';
    END IF;
    RETURN (
        SELECT CASE
            WHEN s.name NOT IN (
                'max_overdraw_points_per_redeem', 'max_redeem_points_per_txn', 'accrual_enabled',
                'timezone', 'gaming_day_start'
            ) THEN format(
                'setting "%s" is not known; known are max_overdraw_points_per_redeem,'
                ' max_redeem_points_per_txn, accrual_enabled, timezone, gaming_day_start', s.name
            )
            WHEN s.name LIKE 'max%' AND s.value IS NOT NULL
                AND NOT (s.value ~ '^[0-9]{1,13}$' AND left(s.value, 13)::numeric <= 1000000000000)
                THEN format(
                    '%s is a whole number from 0 to 1000000000000, or null for no cap', s.name
                )
            WHEN s.name = 'accrual_enabled' AND NOT coalesce(s.value IN ('true', 'false'), false)
                THEN 'accrual_enabled is true or false'
            WHEN s.name = 'timezone' AND NOT EXISTS (
                SELECT FROM pg_timezone_names AS z WHERE z.name = s.value
            ) THEN 'timezone is an IANA name known to the database, as Europe/Vienna'
            WHEN s.name = 'gaming_day_start'
                AND NOT coalesce(s.value ~ '^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$', false)
                THEN 'gaming_day_start is a time from 00:00 to 23:59, as 06:00'
        END AS wrong
        FROM jsonb_each_text(p_settings) AS s (name, value)
        ORDER BY 1 NULLS LAST
        LIMIT 1
    );
END
$_$;


--
-- Name: accrual_pause; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.accrual_pause (
    casino_id uuid NOT NULL,
    paused_at timestamp with time zone DEFAULT now() NOT NULL,
    resumed_at timestamp with time zone
);


--
-- Name: audit_log; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_log (
    id bigint NOT NULL,
    casino_id uuid,
    domain text NOT NULL,
    action text NOT NULL,
    actor_id uuid,
    actor_name text,
    correlation_id text,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.audit_log FORCE ROW LEVEL SECURITY;


--
-- Name: audit_log_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: casino; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.casino (
    id uuid NOT NULL,
    name text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT casino_name_not_blank CHECK ((btrim(name) <> ''::text)),
    CONSTRAINT casino_status_known CHECK ((status = ANY (ARRAY['active'::text, 'inactive'::text])))
);

ALTER TABLE ONLY public.casino FORCE ROW LEVEL SECURITY;


--
-- Name: casino_settings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.casino_settings (
    casino_id uuid NOT NULL,
    max_overdraw_points_per_redeem bigint DEFAULT 5000,
    max_redeem_points_per_txn bigint DEFAULT 20000,
    accrual_enabled boolean DEFAULT true NOT NULL,
    timezone text DEFAULT 'UTC'::text NOT NULL,
    gaming_day_start time without time zone DEFAULT '06:00:00'::time without time zone NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT casino_settings_overdraw_cap_in_range CHECK (((max_overdraw_points_per_redeem >= 0) AND (max_overdraw_points_per_redeem <= '1000000000000'::bigint))),
    CONSTRAINT casino_settings_redeem_cap_in_range CHECK (((max_redeem_points_per_txn >= 0) AND (max_redeem_points_per_txn <= '1000000000000'::bigint))),
    CONSTRAINT casino_settings_timezone_known CHECK ((('2000-01-01 00:00:00+00'::timestamp with time zone AT TIME ZONE timezone) IS NOT NULL))
);

ALTER TABLE ONLY public.casino_settings FORCE ROW LEVEL SECURITY;


--
-- Name: casino_rules; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.casino_rules WITH (security_invoker='true') AS
 SELECT c.id AS casino_id,
        CASE
            WHEN (s.casino_id IS NULL) THEN (5000)::bigint
            ELSE s.max_overdraw_points_per_redeem
        END AS max_overdraw_points_per_redeem,
        CASE
            WHEN (s.casino_id IS NULL) THEN (20000)::bigint
            ELSE s.max_redeem_points_per_txn
        END AS max_redeem_points_per_txn,
    COALESCE(s.accrual_enabled, true) AS accrual_enabled,
    COALESCE(s.timezone, 'UTC'::text) AS timezone,
    COALESCE(s.gaming_day_start, '06:00:00'::time without time zone) AS gaming_day_start
   FROM (public.casino c
     LEFT JOIN public.casino_settings s ON ((s.casino_id = c.id)));


--
-- Name: consumer_halt_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.consumer_halt ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.consumer_halt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: consumer_progress; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.consumer_progress (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    generation integer NOT NULL,
    first_offset bigint NOT NULL,
    next_offset bigint NOT NULL,
    last_record_offset bigint,
    last_record_hash bytea,
    accrued bigint DEFAULT 0 NOT NULL,
    duplicate bigint DEFAULT 0 NOT NULL,
    skipped bigint DEFAULT 0 NOT NULL,
    parked bigint DEFAULT 0 NOT NULL,
    dead_lettered bigint DEFAULT 0 NOT NULL,
    without_record bigint DEFAULT 0 NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT consumer_progress_accrued_check CHECK ((accrued >= 0)),
    CONSTRAINT consumer_progress_conserves_offsets CHECK (((next_offset - first_offset) = (((((accrued + duplicate) + skipped) + parked) + dead_lettered) + without_record))),
    CONSTRAINT consumer_progress_dead_lettered_check CHECK ((dead_lettered >= 0)),
    CONSTRAINT consumer_progress_duplicate_check CHECK ((duplicate >= 0)),
    CONSTRAINT consumer_progress_first_offset_not_negative CHECK ((first_offset >= 0)),
    CONSTRAINT consumer_progress_generation_positive CHECK ((generation >= 1)),
    CONSTRAINT consumer_progress_last_record_hash_is_sha256 CHECK ((octet_length(last_record_hash) = 32)),
    CONSTRAINT consumer_progress_parked_check CHECK ((parked >= 0)),
    CONSTRAINT consumer_progress_skipped_check CHECK ((skipped >= 0)),
    CONSTRAINT consumer_progress_without_record_check CHECK ((without_record >= 0))
);


--
-- Name: dead_letter; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.dead_letter (
    id bigint NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    broker_timestamp timestamp with time zone,
    record_hash bytea NOT NULL,
    consumer_group text NOT NULL,
    key bytea,
    value bytea,
    headers jsonb NOT NULL,
    reason text NOT NULL,
    detail text,
    sqlstate text,
    event_id text,
    event_source text,
    casino_id uuid,
    status text DEFAULT 'open'::text NOT NULL,
    attempts bigint DEFAULT 1 NOT NULL,
    occurred_at timestamp with time zone DEFAULT now() NOT NULL,
    last_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    closed_at timestamp with time zone,
    copied_at timestamp with time zone,
    copy_read_at timestamp with time zone,
    redrives bigint DEFAULT 0 NOT NULL,
    quarantined boolean DEFAULT false NOT NULL,
    purged_at timestamp with time zone,
    discard_reason text,
    CONSTRAINT dead_letter_attempts_positive CHECK ((attempts >= 1)),
    CONSTRAINT dead_letter_closed_has_time CHECK (((status = 'open'::text) = (closed_at IS NULL))),
    CONSTRAINT dead_letter_record_hash_is_sha256 CHECK ((octet_length(record_hash) = 32)),
    CONSTRAINT dead_letter_status_known CHECK ((status = ANY (ARRAY['open'::text, 'resolved'::text, 'redriven'::text, 'discarded'::text])))
);


--
-- Name: dead_letter_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.dead_letter ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dead_letter_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: drift_check_casino; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.drift_check_casino (
    casino_id uuid NOT NULL,
    run_id uuid NOT NULL,
    players_checked bigint NOT NULL,
    players_drifted bigint,
    closed_at timestamp with time zone,
    open_critical bigint DEFAULT 0 NOT NULL,
    open_warning bigint DEFAULT 0 NOT NULL,
    open_info bigint DEFAULT 0 NOT NULL,
    open_points numeric DEFAULT 0 NOT NULL,
    CONSTRAINT drift_check_casino_closed_has_time CHECK (((players_drifted IS NULL) = (closed_at IS NULL)))
);


--
-- Name: drift_finding; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.drift_finding (
    casino_id uuid NOT NULL,
    run_id uuid NOT NULL,
    player_id uuid NOT NULL,
    kind text NOT NULL,
    current_balance bigint,
    computed_balance bigint NOT NULL,
    drift bigint NOT NULL,
    drift_percentage numeric,
    ledger_entry_count bigint NOT NULL,
    last_ledger_update timestamp with time zone,
    severity text,
    detected_at timestamp with time zone DEFAULT now() NOT NULL,
    reconciled_at timestamp with time zone,
    CONSTRAINT drift_finding_kind_known CHECK ((kind = ANY (ARRAY['balance'::text, 'entry_count'::text, 'entries_missing'::text, 'chain_broken'::text, 'cache_missing'::text, 'cache_without_entries'::text]))),
    CONSTRAINT drift_finding_severity_known CHECK ((severity = ANY (ARRAY['critical'::text, 'warning'::text, 'info'::text])))
);


--
-- Name: drift_tick; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.drift_tick (
    scheduled_for timestamp with time zone NOT NULL,
    claimed_at timestamp with time zone DEFAULT now() NOT NULL,
    claimed_by text NOT NULL
);


--
-- Name: loyalty_policy_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.loyalty_policy_version (
    policy_version text NOT NULL,
    rounding text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT loyalty_policy_version_rounding_known CHECK ((rounding = 'half_away_from_zero'::text))
);


--
-- Name: outbox_record; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_record (
    id bigint NOT NULL,
    topic text NOT NULL,
    key bytea,
    value bytea NOT NULL,
    headers jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: outbox_record_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.outbox_record ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_record_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: parked_event_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.parked_event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.parked_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: player; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.player (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.player FORCE ROW LEVEL SECURITY;


--
-- Name: schema_function; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_function (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


--
-- Name: schema_migration; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_migration (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    oldest_worker integer NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT schema_migration_version_check CHECK ((version > 0))
);


--
-- Name: staff; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.staff (
    casino_id uuid NOT NULL,
    id uuid NOT NULL,
    role text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT staff_role_known CHECK ((role = ANY (ARRAY['dealer'::text, 'cashier'::text, 'pit_boss'::text, 'admin'::text]))),
    CONSTRAINT staff_status_known CHECK ((status = ANY (ARRAY['active'::text, 'inactive'::text])))
);

ALTER TABLE ONLY public.staff FORCE ROW LEVEL SECURITY;


--
-- Name: worker_lease; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.worker_lease (
    name text NOT NULL,
    holder text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);


--
-- Name: accrual_pause accrual_pause_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accrual_pause
    ADD CONSTRAINT accrual_pause_pkey PRIMARY KEY (casino_id, paused_at);


--
-- Name: audit_log audit_log_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);


--
-- Name: casino casino_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.casino
    ADD CONSTRAINT casino_pkey PRIMARY KEY (id);


--
-- Name: casino_settings casino_settings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.casino_settings
    ADD CONSTRAINT casino_settings_pkey PRIMARY KEY (casino_id);


--
-- Name: consumer_halt consumer_halt_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consumer_halt
    ADD CONSTRAINT consumer_halt_pkey PRIMARY KEY (id);


--
-- Name: consumer_progress consumer_progress_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consumer_progress
    ADD CONSTRAINT consumer_progress_pkey PRIMARY KEY (consumer_group, topic, partition, generation);


--
-- Name: dead_letter dead_letter_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dead_letter
    ADD CONSTRAINT dead_letter_pkey PRIMARY KEY (id);


--
-- Name: drift_check_casino drift_check_casino_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.drift_check_casino
    ADD CONSTRAINT drift_check_casino_pkey PRIMARY KEY (casino_id, run_id);


--
-- Name: drift_check_run drift_check_run_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.drift_check_run
    ADD CONSTRAINT drift_check_run_pkey PRIMARY KEY (id);


--
-- Name: drift_check_run drift_check_run_request_once; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.drift_check_run
    ADD CONSTRAINT drift_check_run_request_once EXCLUDE USING hash ((ARRAY[request_source, request_id]) WITH =) WHERE ((request_id IS NOT NULL));


--
-- Name: drift_finding drift_finding_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.drift_finding
    ADD CONSTRAINT drift_finding_pkey PRIMARY KEY (casino_id, run_id, player_id, kind);


--
-- Name: drift_tick drift_tick_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.drift_tick
    ADD CONSTRAINT drift_tick_pkey PRIMARY KEY (scheduled_for);


--
-- Name: loyalty_ledger loyalty_ledger_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.loyalty_ledger
    ADD CONSTRAINT loyalty_ledger_pkey PRIMARY KEY (casino_id, id);


--
-- Name: loyalty_policy_version loyalty_policy_version_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.loyalty_policy_version
    ADD CONSTRAINT loyalty_policy_version_pkey PRIMARY KEY (policy_version);


--
-- Name: outbox_record outbox_record_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_record
    ADD CONSTRAINT outbox_record_pkey PRIMARY KEY (id);


--
-- Name: parked_event parked_event_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.parked_event
    ADD CONSTRAINT parked_event_pkey PRIMARY KEY (id);


--
-- Name: player_loyalty player_loyalty_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.player_loyalty
    ADD CONSTRAINT player_loyalty_pkey PRIMARY KEY (casino_id, player_id);


--
-- Name: player player_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.player
    ADD CONSTRAINT player_pkey PRIMARY KEY (id);


--
-- Name: rating_slip rating_slip_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rating_slip
    ADD CONSTRAINT rating_slip_pkey PRIMARY KEY (casino_id, id);


--
-- Name: rating_slip rating_slip_times_usable; Type: CHECK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.rating_slip
    ADD CONSTRAINT rating_slip_times_usable CHECK ((isfinite(started_at) AND (started_at < '10001-01-01 00:00:00+00'::timestamp with time zone) AND ((closed_at IS NULL) OR (isfinite(closed_at) AND (closed_at < '10001-01-01 00:00:00+00'::timestamp with time zone))))) NOT VALID;


--
-- Name: schema_function schema_function_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_function
    ADD CONSTRAINT schema_function_pkey PRIMARY KEY (name);


--
-- Name: schema_migration schema_migration_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (version);


--
-- Name: staff staff_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_pkey PRIMARY KEY (casino_id, id);


--
-- Name: worker_lease worker_lease_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.worker_lease
    ADD CONSTRAINT worker_lease_pkey PRIMARY KEY (name);


--
-- Name: accrual_pause_open; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX accrual_pause_open ON public.accrual_pause USING btree (casino_id) WHERE (resumed_at IS NULL);


--
-- Name: audit_log_of_casino; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_log_of_casino ON public.audit_log USING btree (casino_id, created_at);


--
-- Name: consumer_halt_open; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX consumer_halt_open ON public.consumer_halt USING btree (consumer_group, topic) WHERE (ended_at IS NULL);


--
-- Name: consumer_progress_current; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX consumer_progress_current ON public.consumer_progress USING btree (consumer_group, topic, partition) WHERE (closed_at IS NULL);


--
-- Name: dead_letter_copy_due_of_topic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dead_letter_copy_due_of_topic ON public.dead_letter USING btree (topic, id) WHERE (copied_at IS NULL);


--
-- Name: dead_letter_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dead_letter_open ON public.dead_letter USING btree (reason, occurred_at) WHERE (status = 'open'::text);


--
-- Name: dead_letter_open_by_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dead_letter_open_by_id ON public.dead_letter USING btree (id) WHERE (status = 'open'::text);


--
-- Name: dead_letter_quarantined; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX dead_letter_quarantined ON public.dead_letter USING btree (topic, partition, "offset") WHERE quarantined;


--
-- Name: dead_letter_record_once; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX dead_letter_record_once ON public.dead_letter USING btree (topic, partition, "offset", record_hash);


--
-- Name: drift_check_casino_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX drift_check_casino_newest ON public.drift_check_casino USING btree (casino_id, closed_at) WHERE (closed_at IS NOT NULL);


--
-- Name: drift_check_casino_of_run; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX drift_check_casino_of_run ON public.drift_check_casino USING btree (run_id);


--
-- Name: drift_check_run_command_once; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX drift_check_run_command_once ON public.drift_check_run USING btree (trigger, casino_id) NULLS NOT DISTINCT WHERE ((request_id IS NULL) AND (finished_at IS NULL));


--
-- Name: drift_check_run_finished; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX drift_check_run_finished ON public.drift_check_run USING btree (verdict, finished_at);


--
-- Name: drift_check_run_unfinished; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX drift_check_run_unfinished ON public.drift_check_run USING btree (advanced_at) WHERE (finished_at IS NULL);


--
-- Name: drift_finding_of_run; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX drift_finding_of_run ON public.drift_finding USING btree (run_id);


--
-- Name: drift_finding_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX drift_finding_open ON public.drift_finding USING btree (casino_id, player_id) WHERE (reconciled_at IS NULL);


--
-- Name: loyalty_ledger_base_accrual_once; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX loyalty_ledger_base_accrual_once ON public.loyalty_ledger USING btree (casino_id, source_kind, source_id, reason) WHERE (reason = 'base_accrual'::public.loyalty_reason);


--
-- Name: loyalty_ledger_idempotency_key_once; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX loyalty_ledger_idempotency_key_once ON public.loyalty_ledger USING btree (casino_id, idempotency_key) WHERE (idempotency_key IS NOT NULL);


--
-- Name: loyalty_ledger_of_reason; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX loyalty_ledger_of_reason ON public.loyalty_ledger USING btree (casino_id, player_id, reason, entry_no) WHERE (reason <> 'base_accrual'::public.loyalty_reason);


--
-- Name: loyalty_ledger_of_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX loyalty_ledger_of_time ON public.loyalty_ledger USING btree (casino_id, player_id, occurred_at, entry_no);


--
-- Name: loyalty_ledger_of_visit; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX loyalty_ledger_of_visit ON public.loyalty_ledger USING btree (casino_id, visit_id, entry_no) WHERE (visit_id IS NOT NULL);


--
-- Name: loyalty_ledger_promotion_once; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX loyalty_ledger_promotion_once ON public.loyalty_ledger USING btree (casino_id, source_kind, source_id, campaign_id) WHERE (reason = 'promotion'::public.loyalty_reason);


--
-- Name: loyalty_ledger_reversal_once; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX loyalty_ledger_reversal_once ON public.loyalty_ledger USING btree (casino_id, reversed_ledger_id) WHERE (reason = 'reversal'::public.loyalty_reason);


--
-- Name: loyalty_ledger_statement; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX loyalty_ledger_statement ON public.loyalty_ledger USING btree (casino_id, player_id, entry_no) INCLUDE (points_delta, balance_after);


--
-- Name: outbox_record_by_topic; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_record_by_topic ON public.outbox_record USING btree (topic, id);


--
-- Name: parked_event_awaiting; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parked_event_awaiting ON public.parked_event USING btree (waiting_since) WHERE ((outcome IS NULL) AND (cause = 'awaiting_accrual'::text));


--
-- Name: parked_event_by_cause; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parked_event_by_cause ON public.parked_event USING btree (cause) WHERE (outcome IS NULL);


--
-- Name: parked_event_by_kind; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parked_event_by_kind ON public.parked_event USING btree (kind, id) WHERE (outcome IS NULL);


--
-- Name: parked_event_of_slip; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX parked_event_of_slip ON public.parked_event USING btree (casino_id, rating_slip_id, id) WHERE (outcome IS NULL);


--
-- Name: parked_event_record_once; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX parked_event_record_once ON public.parked_event USING btree (topic, partition, "offset", record_hash);


--
-- Name: audit_log audit_log_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.audit_log ENABLE ALWAYS TRIGGER audit_log_append_only;


--
-- Name: audit_log audit_log_append_only_row; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_log_append_only_row BEFORE DELETE OR UPDATE ON public.audit_log FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.audit_log ENABLE ALWAYS TRIGGER audit_log_append_only_row;


--
-- Name: loyalty_ledger loyalty_ledger_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER loyalty_ledger_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.loyalty_ledger FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.loyalty_ledger ENABLE ALWAYS TRIGGER loyalty_ledger_append_only;


--
-- Name: loyalty_ledger loyalty_ledger_append_only_row; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER loyalty_ledger_append_only_row BEFORE DELETE OR UPDATE ON public.loyalty_ledger FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.loyalty_ledger ENABLE ALWAYS TRIGGER loyalty_ledger_append_only_row;


--
-- Name: loyalty_ledger loyalty_ledger_continues_chain; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER loyalty_ledger_continues_chain AFTER INSERT ON public.loyalty_ledger REFERENCING NEW TABLE AS new_entries FOR EACH STATEMENT EXECUTE FUNCTION public.check_ledger_chain();

ALTER TABLE public.loyalty_ledger ENABLE ALWAYS TRIGGER loyalty_ledger_continues_chain;


--
-- Name: loyalty_ledger loyalty_ledger_keeps_rules; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER loyalty_ledger_keeps_rules AFTER INSERT ON public.loyalty_ledger REFERENCING NEW TABLE AS new_entries FOR EACH STATEMENT EXECUTE FUNCTION public.check_ledger_rules();

ALTER TABLE public.loyalty_ledger ENABLE ALWAYS TRIGGER loyalty_ledger_keeps_rules;


--
-- Name: casino_settings casino_settings_casino_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.casino_settings
    ADD CONSTRAINT casino_settings_casino_id_fkey FOREIGN KEY (casino_id) REFERENCES public.casino(id) ON DELETE RESTRICT;


--
-- Name: loyalty_ledger loyalty_ledger_reversed_entry_exists; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.loyalty_ledger
    ADD CONSTRAINT loyalty_ledger_reversed_entry_exists FOREIGN KEY (casino_id, reversed_ledger_id) REFERENCES public.loyalty_ledger(casino_id, id) ON UPDATE RESTRICT ON DELETE RESTRICT;


--
-- Name: player_loyalty player_loyalty_player_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.player_loyalty
    ADD CONSTRAINT player_loyalty_player_id_fkey FOREIGN KEY (player_id) REFERENCES public.player(id) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;


--
-- Name: staff staff_casino_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_casino_id_fkey FOREIGN KEY (casino_id) REFERENCES public.casino(id) ON DELETE RESTRICT;


--
-- Name: audit_log; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_log audit_log_operator_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_log_operator_adds ON public.audit_log FOR INSERT TO loyalty_operator WITH CHECK (((actor_id IS NULL) AND ((casino_id IS NULL) OR (casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])))));


--
-- Name: audit_log audit_log_operator_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_log_operator_reads ON public.audit_log FOR SELECT TO loyalty_operator USING (((casino_id IS NULL) OR (casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[]))));


--
-- Name: audit_log audit_log_readonly_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_log_readonly_reads ON public.audit_log FOR SELECT TO loyalty_readonly USING (true);


--
-- Name: audit_log audit_log_staff_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_log_staff_adds ON public.audit_log FOR INSERT TO loyalty_staff, loyalty_postgrest WITH CHECK (((casino_id = ( SELECT public.staff_casino('reconcile'::text) AS staff_casino)) AND (actor_id = ( SELECT c.actor_id
   FROM public.staff_context() c(casino_id, actor_id, staff_role)))));


--
-- Name: audit_log audit_log_worker_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_log_worker_adds ON public.audit_log FOR INSERT TO loyalty_worker WITH CHECK (((domain = 'drift'::text) AND (actor_id IS NULL) AND ((casino_id IS NULL) OR (casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])))));


--
-- Name: casino; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.casino ENABLE ROW LEVEL SECURITY;

--
-- Name: casino casino_operator_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY casino_operator_adds ON public.casino FOR INSERT TO loyalty_operator WITH CHECK ((id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])));


--
-- Name: casino casino_read; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY casino_read ON public.casino FOR SELECT TO loyalty_worker, loyalty_operator, loyalty_readonly USING (true);


--
-- Name: casino_settings; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.casino_settings ENABLE ROW LEVEL SECURITY;

--
-- Name: casino_settings casino_settings_operator_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY casino_settings_operator_adds ON public.casino_settings FOR INSERT TO loyalty_operator WITH CHECK ((casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])));


--
-- Name: casino_settings casino_settings_operator_changes; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY casino_settings_operator_changes ON public.casino_settings FOR UPDATE TO loyalty_operator USING ((casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])));


--
-- Name: casino_settings casino_settings_readonly_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY casino_settings_readonly_reads ON public.casino_settings FOR SELECT TO loyalty_readonly USING (true);


--
-- Name: casino_settings casino_settings_service_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY casino_settings_service_reads ON public.casino_settings FOR SELECT TO loyalty_worker, loyalty_operator USING ((casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])));


--
-- Name: casino_settings casino_settings_staff_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY casino_settings_staff_reads ON public.casino_settings FOR SELECT TO loyalty_staff, loyalty_postgrest USING ((casino_id = ( SELECT public.staff_casino('read'::text) AS staff_casino)));


--
-- Name: casino casino_staff_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY casino_staff_reads ON public.casino FOR SELECT TO loyalty_staff, loyalty_postgrest USING ((id = ( SELECT public.staff_casino('read'::text) AS staff_casino)));


--
-- Name: loyalty_ledger; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.loyalty_ledger ENABLE ROW LEVEL SECURITY;

--
-- Name: loyalty_ledger loyalty_ledger_readonly_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY loyalty_ledger_readonly_reads ON public.loyalty_ledger FOR SELECT TO loyalty_readonly USING (true);


--
-- Name: loyalty_ledger loyalty_ledger_service_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY loyalty_ledger_service_reads ON public.loyalty_ledger FOR SELECT TO loyalty_worker, loyalty_operator USING ((casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])));


--
-- Name: loyalty_ledger loyalty_ledger_staff_posts; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY loyalty_ledger_staff_posts ON public.loyalty_ledger FOR INSERT TO loyalty_staff, loyalty_postgrest WITH CHECK (((casino_id = ( SELECT c.casino_id
   FROM public.staff_context() c(casino_id, actor_id, staff_role))) AND (staff_id = ( SELECT c.actor_id
   FROM public.staff_context() c(casino_id, actor_id, staff_role))) AND (reason = ANY (( SELECT public.postable_reasons() AS postable_reasons)::public.loyalty_reason[]))));


--
-- Name: loyalty_ledger loyalty_ledger_staff_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY loyalty_ledger_staff_reads ON public.loyalty_ledger FOR SELECT TO loyalty_staff, loyalty_postgrest USING ((casino_id = ( SELECT public.staff_casino('read'::text) AS staff_casino)));


--
-- Name: loyalty_ledger loyalty_ledger_worker_posts; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY loyalty_ledger_worker_posts ON public.loyalty_ledger FOR INSERT TO loyalty_worker WITH CHECK (((reason = ANY (ARRAY['base_accrual'::public.loyalty_reason, 'promotion'::public.loyalty_reason])) AND (casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[]))));


--
-- Name: player; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.player ENABLE ROW LEVEL SECURITY;

--
-- Name: player_loyalty; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.player_loyalty ENABLE ROW LEVEL SECURITY;

--
-- Name: player_loyalty player_loyalty_operator_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_loyalty_operator_adds ON public.player_loyalty FOR INSERT TO loyalty_operator WITH CHECK (((current_balance = 0) AND (entry_count = 0) AND (casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[]))));


--
-- Name: player_loyalty player_loyalty_operator_repairs; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_loyalty_operator_repairs ON public.player_loyalty FOR UPDATE TO loyalty_operator USING ((casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[]))) WITH CHECK (((casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])) AND ((current_balance, entry_count) = ( SELECT n.balance_after,
    n.entry_no
   FROM public.newest_entry(player_loyalty.casino_id, player_loyalty.player_id) n(entry_no, balance_after)))));


--
-- Name: player_loyalty player_loyalty_readonly_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_loyalty_readonly_reads ON public.player_loyalty FOR SELECT TO loyalty_readonly USING (true);


--
-- Name: player_loyalty player_loyalty_service_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_loyalty_service_reads ON public.player_loyalty FOR SELECT TO loyalty_worker, loyalty_operator USING ((casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])));


--
-- Name: player_loyalty player_loyalty_staff_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_loyalty_staff_adds ON public.player_loyalty FOR INSERT TO loyalty_staff, loyalty_postgrest WITH CHECK ((casino_id = ( SELECT public.staff_casino('redeem'::text) AS staff_casino)));


--
-- Name: player_loyalty player_loyalty_staff_moves; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_loyalty_staff_moves ON public.player_loyalty FOR UPDATE TO loyalty_staff, loyalty_postgrest USING ((casino_id = ( SELECT public.staff_casino('redeem'::text) AS staff_casino)));


--
-- Name: player_loyalty player_loyalty_staff_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_loyalty_staff_reads ON public.player_loyalty FOR SELECT TO loyalty_staff, loyalty_postgrest USING ((casino_id = ( SELECT public.staff_casino('read'::text) AS staff_casino)));


--
-- Name: player_loyalty player_loyalty_staff_removes_unused; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_loyalty_staff_removes_unused ON public.player_loyalty FOR DELETE TO loyalty_staff, loyalty_postgrest USING (((entry_count = 0) AND (current_balance = 0) AND (tier IS NULL) AND (casino_id = ( SELECT public.staff_casino('redeem'::text) AS staff_casino))));


--
-- Name: player_loyalty player_loyalty_worker_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_loyalty_worker_adds ON public.player_loyalty FOR INSERT TO loyalty_worker WITH CHECK ((casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])));


--
-- Name: player_loyalty player_loyalty_worker_moves; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_loyalty_worker_moves ON public.player_loyalty FOR UPDATE TO loyalty_worker USING ((casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])));


--
-- Name: player_loyalty player_loyalty_worker_removes_unused; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_loyalty_worker_removes_unused ON public.player_loyalty FOR DELETE TO loyalty_worker USING (((entry_count = 0) AND (current_balance = 0) AND (casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[]))));


--
-- Name: player player_readonly_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_readonly_reads ON public.player FOR SELECT TO loyalty_readonly USING (true);


--
-- Name: player player_staff_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_staff_adds ON public.player FOR INSERT TO loyalty_staff, loyalty_postgrest WITH CHECK ((( SELECT public.staff_casino('base_accrual'::text) AS staff_casino) IS NOT NULL));


--
-- Name: player player_worker_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY player_worker_adds ON public.player FOR INSERT TO loyalty_worker WITH CHECK (true);


--
-- Name: rating_slip; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.rating_slip ENABLE ROW LEVEL SECURITY;

--
-- Name: rating_slip rating_slip_readonly_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rating_slip_readonly_reads ON public.rating_slip FOR SELECT TO loyalty_readonly USING (true);


--
-- Name: rating_slip rating_slip_service_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rating_slip_service_reads ON public.rating_slip FOR SELECT TO loyalty_worker, loyalty_operator USING ((casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])));


--
-- Name: rating_slip rating_slip_staff_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rating_slip_staff_adds ON public.rating_slip FOR INSERT TO loyalty_staff, loyalty_postgrest WITH CHECK (((casino_id = ( SELECT public.staff_casino('base_accrual'::text) AS staff_casino)) AND (facts_hash IS NULL)));


--
-- Name: rating_slip rating_slip_staff_closes; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rating_slip_staff_closes ON public.rating_slip FOR UPDATE TO loyalty_staff, loyalty_postgrest USING (((status = 'open'::text) AND (casino_id = ( SELECT public.staff_casino('base_accrual'::text) AS staff_casino)))) WITH CHECK (((status = 'closed'::text) AND (facts_hash IS NULL) AND (casino_id = ( SELECT public.staff_casino('base_accrual'::text) AS staff_casino))));


--
-- Name: rating_slip rating_slip_staff_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rating_slip_staff_reads ON public.rating_slip FOR SELECT TO loyalty_staff, loyalty_postgrest USING ((casino_id = ( SELECT public.staff_casino('read'::text) AS staff_casino)));


--
-- Name: rating_slip rating_slip_worker_adds; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rating_slip_worker_adds ON public.rating_slip FOR INSERT TO loyalty_worker WITH CHECK ((casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])));


--
-- Name: rating_slip rating_slip_worker_closes; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rating_slip_worker_closes ON public.rating_slip FOR UPDATE TO loyalty_worker USING (((status = 'open'::text) AND (casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[])))) WITH CHECK (((status = 'closed'::text) AND (casino_id = ANY (( SELECT public.service_scope() AS service_scope)::uuid[]))));


--
-- Name: staff; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.staff ENABLE ROW LEVEL SECURITY;

--
-- Name: staff staff_readonly_reads; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY staff_readonly_reads ON public.staff FOR SELECT TO loyalty_readonly USING (true);


--
-- Name: staff staff_sees_itself; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY staff_sees_itself ON public.staff FOR SELECT TO loyalty_staff, loyalty_postgrest USING (((casino_id = ( SELECT c.casino_id
   FROM public.claimed_staff() c(casino_id, actor_id, staff_role))) AND (id = ( SELECT c.actor_id
   FROM public.claimed_staff() c(casino_id, actor_id, staff_role)))));


--
-- PostgreSQL database dump complete
--

\unrestrict snapshot

