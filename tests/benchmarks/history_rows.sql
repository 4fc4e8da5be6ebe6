-- One statement for each table, by name; every one may use :rows, the executions to be.

-- rows
select g, md5(g::text)::uuid::text as id, md5('run' || g / :run_size)::uuid::text as run, now() - (:n - g) * interval '30 days' / :n as at,
    (array['earthgazer.cpu.compute_ndvi', 'earthgazer.cpu.stack_and_crop', 'earthgazer.cpu.generate_rgb',
           'earthgazer.io.backup_capture', 'earthgazer.io.download_bands', 'earthgazer.io.discover_images',
           'earthgazer.default.plan_capture', 'earthgazer.maintenance.reconcile'])[1 + g % 8] as name,
    (array['cpu_queue', 'cpu_queue', 'cpu_queue', 'io_queue', 'io_queue', 'io_queue', 'default',
           'maintenance'])[1 + g % 8] as queue,
    case when g > :n - 500 then (array['PENDING', 'RECEIVED', 'STARTED', 'PROGRESS', 'RETRY'])[1 + g % 5]
         when g % 50 = 7 then 'FAILURE' when g % 200 = 11 then 'REVOKED' else 'SUCCESS' end as state
from generate_series(1, :n) as g

-- executions
insert into earthgazer.task_executions
    (task_id, name, state, state_order, queue, exchange, routing_key, priority, worker, pid, sent_at, received_at,
     started_at, finished_at, runtime_s, retries, attempt, starts, root_id, run_id, args_repr, kwargs_repr,
     result, error_type, error_message, traceback, capture_id, dismissed_at, updated_at)
select id, name, state, 40, queue, 'earthgazer', queue, 5, 'cpu' || g % 6 || '@field', 4000 + g % 48, at,
    at + interval '1 second', at + interval '2 seconds',
    case when state in ('SUCCESS', 'FAILURE', 'REVOKED') then at + (2 + g % 37) * interval '1 second' end,
    case when state = 'SUCCESS' then g % 37 end, 0, 1, 1, md5((g - g % :run_size)::text)::uuid::text,
    run, '(' || g % :captures || ',)', '{''force'': False, ''bands'': [''B04'', ''B08'']}',
    case when state = 'SUCCESS' then '{"artifact_id": 7, "outcome": "ok", "valid_percent": 97.25}'::jsonb end,
    case when state = 'FAILURE' then (array['TimeoutError', 'InvalidInputError', 'OSError'])[1 + g % 3] end,
    case when state = 'FAILURE' then 'no answer of https://example.org/scene-' || g end,
    case when state = 'FAILURE' then 'Traceback (most recent call last):' || E'\n'
        || repeat('  File "earthgazer_core/tasks/transfer.py", line 81, in backup_capture' || E'\n', 12)
        || 'TimeoutError: no answer' end,
    case when g % 8 < 5 then 1 + g % :captures end,
    case when state = 'FAILURE' and g % 100 = 7 then at + interval '1 hour' end,
    at + (2 + g % 37) * interval '1 second'
from (:rows) as made

-- state changes
insert into earthgazer.task_state_changes (task_id, state, at, worker, attempt, detail)
select id, told.state, at + told.rank * interval '1 second', 'cpu' || g % 6 || '@field', 1, null
from (:rows) as made,
    (values (0, 'PENDING'), (1, 'RECEIVED'), (2, 'STARTED'), (3, 'SUCCESS')) as told (rank, state)
where g > :n - :traced

-- messages
insert into earthgazer.task_messages
    (task_id, headers, properties, content_type, content_encoding, body, published_at)
select id, jsonb_build_object('id', id, 'task', name, 'lang', 'py', 'root_id', id, 'retries', 0,
    'argsrepr', '(12,)', 'kwargsrepr', '{}', 'origin', 'gen1@field', 'timelimit', '[null, null]'::jsonb,
    'run_id', run), jsonb_build_object('exchange', 'earthgazer', 'routing_key', queue, 'priority', 5),
    'application/json', 'utf-8', convert_to('[[12], {"force": false, "bands": ["B04", "B08"]}, {"callbacks": null, "errbacks": null, "chain": null,'
    || ' "chord": null, "note": "' || repeat('x', 160) || '"}]', 'UTF8'), at
from (:rows) as made where g > :n - :traced or state = 'FAILURE'

-- counts
insert into earthgazer.execution_counts
select state, bucket, case bucket when 0 then n else 0 end
from generate_series(0, 1023) as bucket, (select state, count(*) as n
    from earthgazer.task_executions group by state) as counted

-- runs
insert into earthgazer.workflow_runs (run_id, name, parameters, created_at)
select md5('run' || run)::uuid::text, 'process_single_capture', '{}', now() - (:n / :run_size - run) * interval '30 days'
    / (:n / :run_size)
from generate_series(0, :n / :run_size) as run

-- steps
insert into earthgazer.workflow_steps (run_id, task_id, name, after, chord_size, ordinal)
select run_id, task_id, name, '[]', null, row_number() over ()
from earthgazer.task_executions where run_id in
    (select run_id from earthgazer.workflow_runs order by created_at desc limit :stepped)

-- captures
insert into earthgazer.captures (mission, product_id, sensing_time, level, reference_level, cloud_cover_percent,
    source, west, south, east, north, mgrs_tile, backed_up_at, downloaded_at)
select 'SENTINEL-2A', 'S2A_MSIL2A_' || n, now() - n * interval '4 minutes', 'L2A', 'BOA', n % 100, 'sandbox',
    -8.0, 41.0, -7.9, 41.1, '29TNF', now(), now()
from generate_series(1, :captures) as n

-- locations
insert into earthgazer.locations (name, west, south, east, north, last_discovered_at)
select 'field ' || n, -8.0, 41.0, -7.9, 41.1, now() from generate_series(1, 50) as n

-- places
insert into earthgazer.capture_locations (capture_id, location_id)
select captures.id, locations.id from earthgazer.captures join earthgazer.locations on captures.id % 50 = locations.id - 1

-- artifacts
insert into earthgazer.artifacts (key, capture_id, kind, outcome, uri, sha256, size_bytes, transform, height, width,
    bands, parameters, algorithm_version, statistics, preview, preview_width, preview_height)
select kind || captures.id, captures.id, kind, 'ok', 'file:///artifacts/' || captures.id || kind, 'ab', 4096,
    '[10, 0, 0, 0, -10, 0]', 256, 256, '["ndvi"]', '{}', '1',
    case when kind = 'ndvi' then jsonb_build_object('valid', 65000, 'total', 65536, 'mean', 0.41, 'std', 0.1,
        'min', -0.2, 'max', 0.9, 'p02', 0.0, 'p50', 0.4, 'p98', 0.8, 'below', 0, 'above', 0,
        'histogram', jsonb_build_object('edges', (select jsonb_agg(k / 100.0) from generate_series(-100, 100) as k),
            'counts', (select jsonb_agg(k) from generate_series(1, 200) as k))) end, null, null, null
from earthgazer.captures, (values ('stacked'), ('ndvi'), ('rgb')) as kinds (kind)
where captures.id <= :with_artifacts

-- actions
insert into earthgazer.operator_actions (at, who, origin, action, target, outcome, detail)
select now() - n * interval '20 seconds', 'operator' || n % 4, 'ssh 10.0.0.9:4242', 'task.retry',
    jsonb_build_object('task_ids', jsonb_build_array(md5(n::text))), 'done', '{}'
from generate_series(1, :actions) as n
