"""Each fault that was found from outside, and the tests that failed until it was mended."""

LEDGER = "tests/benchmarks/chaos/test_every_frame.py"
RECORDER = "tests/services/display/test_file_recorder.py"
WEB = "tests/services/display/web"
PROOFS = {
    "a camera's JPEGs with scans by the thousand stop all cameras": (
        "tests/services/test_preprocess.py::test_jpeg_with_thousands_of_scans_is_refused_before_it_is_decoded",
        "tests/shared/vision/test_jpeg.py::test_check_takes_no_time_whatever_is_in_the_jpeg",
    ),
    "`kill -9` of honcho leaves everything running": (
        "tests/digitcam/test_launcher.py::test_nothing_is_left_when_honcho_dies",
        "tests/digitcam/test_launcher.py::test_everything_ends_when_a_helper_of_honcho_is_killed",
        "tests/digitcam/test_launcher.py::test_line_that_is_stopped_does_not_outlive_honcho",
    ),
    "a second start in the same folder deletes the scrape targets of the first": (
        "tests/digitcam/test_run_lock.py::test_second_line_touches_no_file_of_the_first",
        "tests/shared/service/test_lifecycle.py::test_target_that_another_process_deleted_is_written_again",
    ),
    "a worker that hangs is never replaced": (
        "tests/digitcam/test_supervisor.py::test_worker_that_hangs_is_replaced",
        f"{WEB}/test_server.py::test_blocked_event_loop_is_noticed",
    ),
    "a frame of a file is lost or read twice if a process is killed": (
        "tests/services/capture/test_file_cursor.py::test_new_process_goes_on_after_the_frames_that_are_all_recorded",
        "tests/services/queue/test_broker_files.py::test_frames_that_no_display_has_recorded_are_shown_to_the_next_one",
        f"{RECORDER}::test_second_reading_is_dropped_and_counted_and_the_queue_is_told_again",
        "tests/shared/file_reading/test_frame_records.py::test_frame_is_recorded_once_however_often_it_is_read",
        f"{LEDGER}::test_each_picture_is_read_exactly_once_although_every_process_is_killed",
    ),
    "a damaged events.sqlite keeps the pipeline from starting": (
        "tests/shared/test_state_files.py::test_nothing_in_the_place_of_a_file_or_folder_prevents_its_use",
        "tests/shared/test_state_files.py::test_file_with_another_content_than_was_written_is_set_aside",
        f"{WEB}/test_api.py::test_damaged_event_store_is_set_aside_and_prevents_no_start",
        f"{WEB}/test_api.py::test_event_store_that_is_damaged_while_it_is_used_is_set_aside",
        f"{WEB}/test_corrections.py::test_damaged_table_is_reported_and_set_aside",
        "tests/shared/cameras/test_added_cameras.py::test_damaged_file_is_set_aside_and_prevents_no_start",
        "tests/shared/file_reading/test_progress.py::test_damaged_file_is_set_aside",
    ),
    "on a full disk no worker that dies comes back": (
        "tests/shared/service/test_lifecycle.py::test_target_that_cannot_be_written_is_one_sentence_and_tried_again",
        "tests/digitcam/test_run_lock.py::test_full_disk_prevents_no_start",
    ),
    "half a request holds a connection for ever, and their number has no limit": (
        f"{WEB}/test_connections.py::test_half_request_is_given_up",
        f"{WEB}/test_connections.py::test_bytes_that_drip_do_not_postpone_the_end",
        f"{WEB}/test_connections.py::test_connections_are_limited_by_address_and_in_all",
        f"{WEB}/test_connections.py::test_limit_is_below_that_of_file_descriptors",
    ),
    "each malformed request is a traceback in the log": (
        f"{WEB}/test_connections.py::test_malformed_requests_are_counted_and_logged_once_a_second",
        f"{WEB}/test_browser_cameras.py::test_broken_websocket_frame_is_no_traceback",
        "tests/shared/telemetry/test_status_server.py::test_client_that_gave_up_is_no_traceback",
    ),
    "a message with an absurd time breaks the API for all": (
        "tests/shared/messaging/test_codec.py::test_value_that_nothing_can_bear_is_malformed",
        "tests/services/queue/test_broker.py::test_frame_whose_time_cannot_be_true_is_malformed",
        f"{WEB}/test_tasks.py::test_listener_whose_stream_fails_is_disconnected",
    ),
    "the secret key can be read by others": (
        "tests/shared/messaging/test_keys.py::test_only_the_owner_can_read_the_keys_wherever_they_are_made",
    ),
    "all machines share one pair of keys, and a new key needs a restart": (
        "tests/shared/messaging/test_peer_access.py::test_machine_is_let_in_shut_out_and_let_in_again_without_a_restart",
        "tests/shared/messaging/test_peer_access.py::test_nobody_takes_the_name_of_another_machine",
    ),
    "a token may have one character, be guessed without limit, and is the cookie": (
        "tests/shared/test_settings.py::test_wrong_value_is_named_with_what_it_takes",
        f"{WEB}/test_access.py::test_guesses_are_refused_after_ten_and_sessions_go_on",
        f"{WEB}/test_access.py::test_program_may_send_the_token_in_a_header",
        f"{WEB}/test_access.py::test_cookie_is_not_the_token_and_outlives_a_restart_but_not_the_token",
        f"{WEB}/test_access.py::test_https_is_remembered_and_its_cookies_are_secure",
        f"{WEB}/test_access.py::test_watcher_may_look_and_change_nothing",
    ),
    "a storm of kills delays a worker for longer than the storm": (
        "tests/digitcam/test_supervisor.py::test_crashed_worker_is_restarted_after_a_growing_delay",
    ),
    "`/metrics` and `/trace` answer pages of other hosts": (
        "tests/shared/telemetry/test_status_server.py::test_page_of_another_host_gets_nothing",
        "tests/shared/telemetry/test_status_server.py::test_trace_takes_a_time_that_is_short",
    ),
    "changed weights are used without a word": (
        "tests/shared/networks/test_cards.py::test_each_changed_byte_is_noticed",
    ),
    "a wrong WEBHOOK prints its password": (
        "tests/shared/test_settings.py::test_sentence_about_a_wrong_setting_has_no_password",
    ),
    "the queue leaves its socket file behind": (
        "tests/shared/messaging/test_sockets.py::test_queue_that_ends_leaves_no_socket_file",
    ),
    "what peers send faster than the queue can take makes it grow by 250 MB": (
        "tests/shared/messaging/test_sockets.py::test_peer_that_sends_too_much_keeps_it_itself",
        "tests/shared/service/test_signals.py::test_large_memory_is_returned_as_soon_as_it_is_freed",
    ),
    "other users of the machine can read events and recordings": (
        "tests/digitcam/test_run_lock.py::test_other_users_see_nothing_of_a_new_run_dir_and_an_old_one_stays_as_it_is",
    ),
    "a page over HTTP counts as the server's own behind HTTPS, and cookies are sent over both": (
        f"{WEB}/test_access.py::test_plain_origin_is_not_the_one_behind_https",
        f"{WEB}/test_access.py::test_form_opens_a_session_and_leads_to_the_page",
    ),
    "dependencies are neither pinned nor hashed": (
        "tests/test_constraints.py::test_every_requirement_is_pinned_to_a_version_that_it_allows",
        "tests/test_constraints.py::test_every_package_has_hashes_and_no_index_is_named",
    ),
    "a bench that is told to stop leaves its pipeline running": (
        "tests/benchmarks/test_launcher.py::test_bench_that_is_told_to_stop_takes_its_pipeline_with_it",
    ),
    "a PNG of a hundred bytes takes 4 GB and ten seconds, and a film with too large frames begins again for ever": (
        "tests/services/capture/test_http_camera.py::test_png_whose_content_is_not_there_takes_no_memory",
        "tests/services/capture/test_files.py::test_film_whose_frames_are_too_large_for_a_message_ends_in_a_sentence_or_frame_by_frame",
    ),
    "a page of 400 digits takes 0.2 s of the display for each reading": (
        "tests/shared/vision/test_tracks.py::test_page_of_many_digits_takes_little_time",
    ),
    "a flood of pings on one WebSocket ends the display; what a stranger sends has no end": (
        f"{WEB}/test_connections.py::test_flood_of_pings_closes_its_websocket",
        f"{WEB}/test_connections.py::test_stranger_who_sends_without_end_is_cut_off",
        "tests/shared/telemetry/test_status_server.py::test_request_that_drips_is_given_up",
    ),
    "sends of 256 crowded readings end the queue, and its pictures have no limit": (
        "tests/shared/messaging/test_codec.py::test_headers_of_one_send_are_bounded_as_a_whole",
        "tests/services/queue/test_broker.py::test_sends_that_take_long_are_taken_one_in_a_turn",
        "tests/services/queue/test_scheduler.py::test_pictures_of_all_cameras_take_a_limited_memory",
    ),
    "a camera that is added, removed and added again at once ends the whole pipeline": (
        "tests/digitcam/test_supervisor.py::test_camera_that_is_removed_and_added_again_at_once_does_not_end_the_line",
    ),
    "a signal at a bad moment, or anything else that a line hangs in, keeps honcho from ending for 5 s": (
        "tests/shared/service/test_signals.py::test_signal_that_comes_while_the_main_thread_holds_the_lock_of_the_event_sets_it",
        "tests/digitcam/test_launcher.py::test_line_that_hangs_does_not_outlive_honcho",
    ),
    "the queue and the supervisor of the cameras keep some memory of each camera that left": (
        "tests/services/queue/test_broker.py::test_nothing_is_kept_of_a_camera_that_left_wherever_its_last_frame_was",
        "tests/digitcam/test_forked_worker.py::test_list_of_cameras_that_changes_again_and_again_leaves_nothing_in_the_supervisor",
    ),
    "a camera that floods tiny pictures takes a whole core": (
        "tests/services/capture/test_http_camera.py::test_camera_is_absent_while_it_floods",
    ),
    "a worker that is told to stop loses what it holds": (
        "tests/shared/service/test_stage_loop.py::test_worker_that_is_told_to_stop_answers_all_that_it_holds",
    ),
}
