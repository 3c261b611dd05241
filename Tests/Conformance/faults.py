"""The faults of the reference agent, each with the tests that have to see it."""

FAULTS: dict[str, list[str]] = {
    # connecting
    "no-subprotocol": ["test_01_connecting.test_upgrade"],
    "nameless": ["test_01_connecting.test_upgrade"],
    "late-hello": ["test_01_connecting.test_hello_first"],
    "talks-first": ["test_01_connecting.test_hello_first"],
    "no-resume": [
        "test_01_connecting.test_resume_at_first", "test_01_connecting.test_resume_from_hello",
        "test_01_connecting.test_resume_newest", "test_01_connecting.test_recovered", "test_08_restart.test_offsets"],
    "ignores-hello-offsets": ["test_01_connecting.test_resume_from_hello"],
    "stale-resume": ["test_08_restart.test_offsets"],
    "resume-ahead": ["test_01_connecting.test_resume_is_not_ahead"],
    "silent-hole": ["test_01_connecting.test_missed"],
    "forgets-offsets": ["test_01_connecting.test_missed_without_an_offset"],
    "one-hello": ["test_01_connecting.test_missed_while_connected"],
    "always-missed": ["test_01_connecting.test_recovered"],
    # pushes
    "disorder": ["test_02_pushes.test_order", "test_02_pushes.test_cumulative"],
    "text-only": ["test_02_pushes.test_payloads"],
    "early-ack": ["test_02_pushes.test_ack_after_handling", "test_02_pushes.test_cumulative"],
    "no-acks": ["test_02_pushes.test_ack_after_handling", "test_02_pushes.test_acks_never_fall"],
    "falling-acks": ["test_02_pushes.test_cumulative", "test_02_pushes.test_acks_never_fall"],
    "no-id-acks": ["test_02_pushes.test_ack_by_id"],
    "acks-history": ["test_02_pushes.test_not_acked"],
    "acks-transient": ["test_02_pushes.test_not_acked"],
    "handles-repeats": [
        "test_02_pushes.test_repeated", "test_02_pushes.test_repeated_waited", "test_08_restart.test_push",
        "test_02_pushes.test_only_repeated", "test_08_restart.test_waited_push", "test_08_restart.test_many_kills"],
    "silent-repeats": [
        "test_02_pushes.test_only_repeated", "test_02_pushes.test_repeated_waited", "test_02_pushes.test_repeated"],
    "forgets-ids": ["test_02_pushes.test_thousand"],
    "double-booked": ["test_02_pushes.test_broken_while_handling"],
    "blocking-handler": ["test_05_heartbeat.test_pong_beside_handler"],
    # commands
    "unknown-500": ["test_03_commands.test_unknown"],
    "vague-errors": ["test_03_commands.test_fail"],
    "handler-kills": ["test_03_commands.test_fail"],
    "answers-twice": ["test_03_commands.test_echo", "test_03_commands.test_output"],
    "output-disorder": ["test_03_commands.test_output", "test_03_commands.test_runs_on"],
    "serial-commands": ["test_03_commands.test_at_once"],
    "starts-twice": ["test_03_commands.test_repeated_while_running"],
    "runs-again": [
        "test_03_commands.test_repeated_later", "test_03_commands.test_storm", "test_03_commands.test_thousand",
        "test_08_restart.test_command"],
    "forgets-results": ["test_03_commands.test_thousand"],
    "result-once": ["test_03_commands.test_resent", "test_08_restart.test_result"],
    "resends-for-ever": ["test_03_commands.test_resent"],
    "result-lost-with-link": ["test_03_commands.test_ends_without_link"],
    "no-cancel": ["test_03_commands.test_cancel"],
    "cancel-succeeds": ["test_03_commands.test_cancel"],
    "cancel-of-nothing": ["test_03_commands.test_cancel_of_nothing"],
    # robustness
    "strict-types": ["test_04_robustness.test_unknown_types", "test_05_heartbeat.test_traffic?kind=noise"],
    "strict-members": ["test_04_robustness.test_unknown_members"],
    "error-ends": ["test_04_robustness.test_error_frame"],
    "small": ["test_04_robustness.test_large"],
    "dies-of-nonsense": ["test_04_robustness.test_nonsense?text=nonsense", "test_04_robustness.test_incomplete"],
    "ack-of-nothing-ends": ["test_04_robustness.test_unknown_ack"],
    "one-frame": ["test_04_robustness.test_fragments"],
    "no-websocket-pong": ["test_04_robustness.test_websocket_ping"],
    "waits-for-ever": ["test_04_robustness.test_no_hello"],
    # heartbeat
    "no-pong": ["test_05_heartbeat.test_pong", "test_05_heartbeat.test_pong_beside_handler"],
    "deaf": [
        "test_05_heartbeat.test_dead", "test_05_heartbeat.test_own_traffic", "test_05_heartbeat.test_half_open"],
    "own-traffic-counts": ["test_05_heartbeat.test_own_traffic"],
    "impatient": ["test_05_heartbeat.test_dead"],
    "fixed-heartbeat": ["test_05_heartbeat.test_dead"],
    # back-off
    "no-jitter": ["test_06_backoff.test_full_jitter", "test_06_backoff.test_first_loss"],
    "two-values": ["test_06_backoff.test_full_jitter"],
    "no-growth": ["test_06_backoff.test_full_jitter"],
    "no-cap": ["test_06_backoff.test_full_jitter"],
    "slow-start": ["test_06_backoff.test_defaults"],
    "fixed-backoff": ["test_06_backoff.test_full_jitter"],
    "loss-at-once": ["test_06_backoff.test_first_loss"],
    "hasty": ["test_06_backoff.test_retry_after", "test_06_backoff.test_after_again"],
    "asked-without-jitter": ["test_06_backoff.test_retry_after"],
    "ignores-delays": [
        "test_06_backoff.test_retry_after", "test_06_backoff.test_after_again", "test_07_endings.test_cool_down"],
    "ignores-goaway": ["test_06_backoff.test_goaway"],
    "late-4200": ["test_06_backoff.test_at_once"],
    "leaves-when-it-likes": ["test_06_backoff.test_after", "test_06_backoff.test_goaway_then_close"],
    "two-at-a-time": ["test_06_backoff.test_one_at_a_time"],
    # endings
    "stubborn": [
        "test_07_endings.test_refused?status=401", "test_07_endings.test_refused?status=403",
        "test_07_endings.test_refused_later", "test_07_endings.test_stop?code=4003"],
    "knows-no-range": ["test_07_endings.test_stop?code=4042", "test_07_endings.test_stop?code=4000"],
    "exits-0": ["test_07_endings.test_stop?code=4001"],
    "stops-silently": ["test_07_endings.test_stop?code=4001", "test_07_endings.test_stop_by_hand"],
    "dies-with-link": ["test_07_endings.test_cut"],
    "gives-up": [
        "test_07_endings.test_back_off?code=4150", "test_07_endings.test_come_back?code=4250",
        "test_07_endings.test_standard?code=1011", "test_07_endings.test_other_refusals?status=503"],
    # restart
    "no-state": [
        "test_08_restart.test_push", "test_08_restart.test_waited_push", "test_08_restart.test_offsets",
        "test_08_restart.test_command", "test_08_restart.test_result", "test_08_restart.test_torn",
        "test_08_restart.test_many_kills"],
    "state-lags": ["test_08_restart.test_push", "test_08_restart.test_command"],
    "torn-line-crashes": ["test_08_restart.test_torn"],
    "reruns-interrupted": ["test_08_restart.test_command_in_the_middle"],
    "marks-before-handling": ["test_08_restart.test_push_in_the_middle"],
    "offset-on-arrival": ["test_08_restart.test_offset_of_handled"],
    # upstream
    "sent-at-once": ["test_09_upstream.test_message"],
    "message-once": ["test_09_upstream.test_message_resent", "test_09_upstream.test_message_waits"],
    "silent-refusal": ["test_09_upstream.test_message_refused"],
    "forgets-groups": ["test_09_upstream.test_groups"],
}
