"""The tables of annotation_limit.py: a queue, a task, a vote."""

SCHEMA = """
CREATE TABLE task (id bigserial PRIMARY KEY, payload jsonb NOT NULL);
CREATE TABLE queue (task_id bigint PRIMARY KEY, done boolean NOT NULL DEFAULT false,
                    locked_by bigint, locked_until timestamptz) WITH (fillfactor = 70);
CREATE INDEX queue_open ON queue (task_id) WHERE NOT done;
CREATE TABLE vote (id bigserial PRIMARY KEY, task_id bigint NOT NULL, who bigint NOT NULL,
                   choice text NOT NULL, at timestamptz NOT NULL DEFAULT now());
"""
FILL = """
INSERT INTO task (payload) SELECT jsonb_build_object('prompt', 'Tell me fact ' || n,
    'a', repeat('An answer. ', 20), 'b', repeat('Another. ', 20)) FROM generate_series(1, {n}) n;
INSERT INTO queue (task_id) SELECT id FROM task;
ANALYZE task, queue;
"""
