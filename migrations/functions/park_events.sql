-- Keeps events that wait, byte for byte. One that waits already stays as it is; one that was settled
-- and is parked anew (redelivered to a restored ledger, or redriven) waits again.
CREATE OR REPLACE FUNCTION park_events(
    p_consumer_group text,
    p_topic text,
    p_partition integer,
    p_kind text[],
    p_cause text[],
    p_offset bigint[],
    p_broker_timestamp timestamptz[],
    p_record_hash bytea[],
    p_key bytea[],
    p_value bytea[],
    p_headers jsonb[],
    p_event_source text[],
    p_event_id text[],
    p_casino_id uuid[],
    p_rating_slip_id uuid[],
    p_campaign_id text[],
    p_promo_multiplier numeric[],
    p_bonus_points bigint[],
    p_idempotency_key uuid[],
    p_occurred_at timestamptz[]
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
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

REVOKE ALL ON FUNCTION park_events(
    text, text, integer, text[], text[], bigint[], timestamptz[], bytea[], bytea[], bytea[],
    jsonb[], text[], text[], uuid[], uuid[], text[], numeric[], bigint[], uuid[], timestamptz[]
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION park_events(
    text, text, integer, text[], text[], bigint[], timestamptz[], bytea[], bytea[], bytea[],
    jsonb[], text[], text[], uuid[], uuid[], text[], numeric[], bigint[], uuid[], timestamptz[]
) TO loyalty_worker;
