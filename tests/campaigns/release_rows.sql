-- Rows of every table as releases wrote them; those whose table a revision hasn't got are left out there.
-- :n is the number of executions; each uses only columns that came with its table.

-- locations
insert into earthgazer.locations (name, west, south, east, north, from_date, to_date, active, last_discovered_at)
values ('Łódź, field 1', -8.0, 41.0, -7.9, 41.1, '2020-01-01', null, true, now()),
       ('closed', 10.0, 50.0, 10.1, 50.1, '2019-01-01', '2020-12-31', false, null)

-- captures
insert into earthgazer.captures (mission, product_id, sensing_time, level, reference_level, processing_baseline,
    cloud_cover_percent, west, south, east, north, mgrs_tile, source, collection, offset_already_applied,
    is_simulated, metadata, backed_up_at, downloaded_at)
select 'SENTINEL-2A', 'S2A_MSIL2A_' || g, '2026-10-25 00:30+00'::timestamptz + g * interval '1 hour', 'L2A', 'BOA',
    '05.11', g % 101, -8.0, 41.0, -7.9, 41.1, '29TNF', 'sandbox', null, g % 2 = 0, g % 3 = 0,
    jsonb_build_object('note', '✓ ' || g, 'nested', jsonb_build_array(g, null)), now(), null
from generate_series(1, 20) as g

-- capture_locations
insert into earthgazer.capture_locations select c.id, l.id from earthgazer.captures c, earthgazer.locations l
where l.active

-- assets
insert into earthgazer.assets (capture_id, band, href, scale, "offset", nodata, sha256, size_bytes, backup_uri)
select c.id, band, 'file:///scene/' || c.id || '/' || band || '.tif', 0.0001, -0.1, 0, md5(band), 4096,
    'file:///backup/' || c.id || band
from earthgazer.captures c, unnest(array['B02', 'B03', 'B04', 'B08', 'SCL']) as band

-- artifacts
insert into earthgazer.artifacts (key, capture_id, kind, outcome, uri, sha256, size_bytes, crs, transform, height,
    width, bands, parameters, algorithm_version, statistics, preview, preview_width, preview_height, task_id)
select kind || c.id, c.id, kind, case when c.id % 7 = 0 then 'no_clear_pixels' else 'ok' end,
    'file:///artifacts/' || c.id || kind, md5(kind || c.id), 4096, 'EPSG:32629', '[10, 0, 0, 0, -10, 0]', 256, 256,
    jsonb_build_array(kind), '{"mask": "auto"}', '1', case when kind = 'ndvi' then jsonb_build_object('valid', 65000,
        'total', 65536, 'mean', 0.41, 'std', 0.1, 'min', -0.2, 'max', 0.9, 'p02', 0.0, 'p50', 0.4, 'p98', 0.8,
        'below', 0, 'above', 0, 'histogram', jsonb_build_object('edges', (select jsonb_agg(k / 100.0)
        from generate_series(-100, 100) as k), 'counts', (select jsonb_agg(k) from generate_series(1, 200) as k))) end,
    null, null, null, 'task-' || c.id
from earthgazer.captures c, unnest(array['stacked', 'ndvi', 'rgb']) as kind

-- time_series
insert into earthgazer.time_series (key, location_id, "index", points, trend, algorithm_version)
select 'series' || l.id, l.id, 'ndvi', jsonb_build_array(jsonb_build_object('capture_id', 1, 'sensing_time',
    '2026-10-25T00:30:00Z', 'mean', 0.4, 'std', 0.1, 'valid_percent', 97.5, 'gap', null)), null, '1'
from earthgazer.locations l

-- workflow_runs
insert into earthgazer.workflow_runs (run_id, name, parameters, created_at, cancelled_at)
select 'run-' || g, 'process_single_capture', jsonb_build_object('capture_id', g), now() - g * interval '1 minute',
    case when g % 9 = 0 then now() end
from generate_series(0, :n / 10) as g

-- task_executions
insert into earthgazer.task_executions
    (task_id, name, state, state_order, queue, exchange, routing_key, priority, worker, pid, sent_at, received_at,
     started_at, finished_at, runtime_s, eta, expires, retries, attempt, starts, copy_of, parent_id, root_id, group_id,
     group_index, run_id, args_repr, kwargs_repr, is_redacted, result, error_type, error_message, traceback,
     capture_id, percent, stage, blocked_by, dismissed_at, updated_at)
select 'task-' || g, 'earthgazer.cpu.compute_ndvi', state, 10000040 + g % 7, 'cpu_queue', 'earthgazer', 'cpu_queue', g % 10,
    'cpu' || g % 3 || '@field', 4000, at, at + interval '1 second', case when g % 11 > 0 then at + interval '2 seconds' end,
    case when state in ('SUCCESS', 'FAILURE', 'REVOKED') then at + interval '9 seconds' end,
    case when state = 'SUCCESS' then 7.25 end, null, null, g % 3, 1 + g % 2, 1 + g % 2,
    case when g % 40 = 39 then 'task-' || (g - 1) end, case when g % 10 > 0 then 'task-' || (g - 1) end,
    'task-' || (g - g % 10), case when g % 10 in (3, 4) then 'group-' || g / 10 end, g % 10, 'run-' || g / 10,
    '(12,)', '{''force'': False}', g % 13 = 0, case when state = 'SUCCESS' then '{"artifact_id": 7}'::jsonb end,
    case when state = 'FAILURE' then case when g % 60 = 7 then 'DeadLetterError' else 'TimeoutError' end end,
    case when state = 'FAILURE' then 'no answer of ☃ ' || g end, case when state = 'FAILURE' then 'Traceback …' end,
    1 + g % 20, case when state = 'PROGRESS' then 42.5 end, case when state = 'PROGRESS' then 'warping' end,
    case when g % 60 = 17 then 'task-' || (g - 1) end, case when g % 100 = 7 then at + interval '1 hour' end,
    case g when 1 then '1970-01-01 00:00:01+00' when 2 then '2100-01-01 00:00+00' else at + interval '9 seconds' end
from (select g, now() - (:n - g) * interval '20 seconds' as at, case when g > :n - 10 then
    (array['PENDING', 'RECEIVED', 'STARTED', 'PROGRESS', 'RETRY', 'REJECTED', 'REPLACED', 'IGNORED'])[1 + g % 8]
    when g % 10 = 7 then 'FAILURE' when g % 50 = 11 then 'REVOKED' else 'SUCCESS' end as state
    from generate_series(1, :n) as g) as made

-- task_state_changes
insert into earthgazer.task_state_changes (task_id, state, at, worker, attempt, detail)
select task_id, told.state, sent_at + told.rank * interval '1 second', worker, 1, null
from earthgazer.task_executions, (values (0, 'PENDING'), (1, 'RECEIVED'), (2, 'STARTED')) as told (rank, state)

-- task_messages
insert into earthgazer.task_messages
    (task_id, headers, properties, content_type, content_encoding, body, is_sealed, published_at)
select task_id, jsonb_build_object('id', task_id, 'task', name, 'lang', 'py', 'root_id', root_id, 'retries', 0,
    'argsrepr', '(12,)', 'kwargsrepr', '{}', 'origin', 'gen1@field', 'run_id', run_id),
    jsonb_build_object('exchange', 'earthgazer', 'routing_key', queue, 'priority', 5), 'application/json', 'utf-8',
    case when is_redacted then ''::bytea else convert_to('[[12], {"force": false}, {"callbacks": null, "errbacks": null,'
    || ' "chain": null, "chord": null}]', 'UTF8') end, is_redacted, sent_at
from earthgazer.task_executions

-- workflow_steps
insert into earthgazer.workflow_steps (run_id, task_id, name, after, group_id, group_index, chord_size, ordinal)
select run_id, task_id, name, case when parent_id is null then '[]' else jsonb_build_array(parent_id) end, group_id,
    group_index, null, substr(task_id, 6)::bigint
from earthgazer.task_executions

-- operator_actions
insert into earthgazer.operator_actions (at, who, origin, context, action, target, outcome, detail)
select now() - g * interval '20 seconds', 'operator' || g % 4, 'ssh 10.0.0.9', null, 'task.retry',
    jsonb_build_object('task_id', 'task-' || g), 'done', '{"mode": "in place"}'
from generate_series(1, 30) as g

-- schedule_entries
insert into earthgazer.schedule_entries (name, task, args, kwargs, options, interval_s, crontab, own_interval_s,
    enabled, next_due_at, last_due_at, last_sent_at, last_task_id, total_runs, publish_error, retired_at)
values ('prune', 'earthgazer.maintenance.prune_history', '[]', '{}', '{"queue": "maintenance"}', 3600, null, null, true,
        now() + interval '1 hour', now(), now(), 'task-1', 12, null, null),
       ('nightly', 'earthgazer.io.discover_images', '[]', '{}', '{}', null, '30 2 * * *', 900, false,
        '2026-10-25 02:30+00', null, null, null, 0, 'ValueError: no', null)

-- scheduled_runs
insert into earthgazer.scheduled_runs (name, due_at, task_id) values ('prune', now(), 'due-1')

-- chords
insert into earthgazer.chords (group_id, size, layout, is_ordered)
select 'group-' || g, 2, case when g % 2 = 0 then '\x00ff'::bytea end, g % 3 > 0 from generate_series(1, 9) as g

-- chord_parts
insert into earthgazer.chord_parts (group_id, task_id, place, part, is_sealed, at)
select 'group-' || g, 'task-' || g * 10 + 3, '0', '\x5b312c5d'::bytea, false, now() from generate_series(1, 9) as g
