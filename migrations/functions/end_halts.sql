-- Ends all open halts of a topic, audited, and returns them as they are now.
CREATE OR REPLACE FUNCTION end_halts(p_topic text, p_reason text) RETURNS SETOF consumer_halt
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
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

REVOKE ALL ON FUNCTION end_halts(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_halts(text, text) TO loyalty_operator;
