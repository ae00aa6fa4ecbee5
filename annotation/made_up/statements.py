"""Judgements of nobody, written by the database itself: a million in minutes, none in memory here.

Everything follows from the numbers of the rows and the seed, so that the same command makes the
same texts and votes. %(...)s are parameters of generate.py.
"""

# n -> a share in [0, 1) that looks drawn; every use names a salt of its own.
_SHARE = "((hashint8extended({n}, %(seed)s + {salt}) & 1048575) / 1048576.0)"


def share(number: str, salt: int) -> str:
    return _SHARE.format(n=number, salt=salt)


PEOPLE = """
INSERT INTO accounts_user (email, name, password, is_active, is_site_admin, may_create_workspaces,
    time_zone, sessions_epoch, created_at)
SELECT 'made-up-' || %(workspace)s || '-' || n || '@localhost.invalid', 'Made-up annotator ' || n,
    '!', true, false, false, 'UTC', 0, now()
FROM generate_series(1, %(people)s) n
"""

MEMBERS = """
INSERT INTO workspaces_membership (workspace_id, user_id, role, created_at)
SELECT %(workspace)s, id, 'annotator', now() FROM accounts_user
WHERE email LIKE 'made-up-' || %(workspace)s || '-%%@localhost.invalid'
"""

# Canonical messages as annotation.domain.prompt_hash writes them: [["user","..."]].
PROMPTS = """
INSERT INTO annotation_prompt (workspace_id, messages, text, text_hash, split, language, use_case,
    tags, flags, source, source_id, licence, metadata, created_at)
SELECT %(workspace)s, jsonb_build_array(jsonb_build_object('role', 'user', 'content', text)), text,
    sha256(convert_to('[["user","' || text || '"]]', 'UTF8')),
    CASE WHEN n %% 10 = 0 THEN 'held_out' ELSE 'train' END, 'en',
    (ARRAY['brainstorming', 'generation', 'open_qa', 'rewrite', 'summarization'])[1 + n %% 5],
    ARRAY['made up'], '{}', 'made up', n::text, 'CC0-1.0', '{}', now() - interval '120 days'
FROM (
    SELECT n,
        (ARRAY['Explain', 'Describe', 'Summarise', 'List three facts about',
            'Write a short letter about', 'Compare with something else:'])[1 + n %% 6]
        || ' ' ||
        (ARRAY['tides', 'bread', 'bicycles', 'volcanoes', 'libraries', 'bees', 'clouds',
            'bridges', 'chess', 'gardens', 'trains'])[1 + n %% 11]
        || ' for ' ||
        (ARRAY['a child', 'a neighbour', 'a teacher', 'a newcomer', 'an expert',
            'a busy reader', 'a sceptic'])[1 + n %% 7]
        || ', variant ' || n || '.' AS text
    FROM generate_series(1, %(prompts)s) n
) written
"""

ANSWERS = """
INSERT INTO annotation_completion (prompt_id, text, has_text, text_hash, generator, settings, flags,
    source_id, metadata, created_at)
SELECT prompt_id, text, true, sha256(convert_to(text, 'UTF8')), 'made-up-' || m,
    '{"temperature": 1.0}', '{}', '', '{}', now() - interval '110 days'
FROM (
    SELECT prompt.id AS prompt_id, m, 'Answer ' || m || ' to “' || prompt.text || '” '
        || repeat('It is made up and says nothing. ', 1 + (prompt.id * m %% 5)::int) AS text
    FROM annotation_prompt prompt, generate_series(1, %(models)s) m
    WHERE prompt.workspace_id = %(workspace)s
    ORDER BY prompt.id, m
) written
"""

# As many items as the campaign needs, one prompt after the other and from the beginning again.
ITEMS = """
INSERT INTO annotation_item (campaign_id, prompt_id)
SELECT %(campaign)s, prompt.id
FROM generate_series(0, (%(items)s - 1) / %(prompts)s) AS again
CROSS JOIN (
    SELECT id, row_number() OVER (ORDER BY id) AS place FROM annotation_prompt
    WHERE workspace_id = %(workspace)s
) prompt
WHERE again * %(prompts)s + prompt.place <= %(items)s
ORDER BY again, prompt.id
"""

SHOWN = f"""
INSERT INTO annotation_itemcompletion (item_id, completion_id)
SELECT item_id, completion_id FROM (
    SELECT item.id AS item_id, answer.id AS completion_id, row_number() OVER (
        PARTITION BY item.id ORDER BY {share("item.id * 64 + answer.id %% 64", 1)}, answer.id
    ) AS place
    FROM annotation_item item
    JOIN annotation_completion answer ON answer.prompt_id = item.prompt_id
    WHERE item.campaign_id = %(campaign)s
) drawn WHERE place <= %(shown)s
"""

# The people of an item follow one another in their list, so that nobody has it twice.
ASSIGNMENTS = f"""
WITH people AS (
    SELECT array_agg(id ORDER BY id) AS ids FROM accounts_user
    WHERE email LIKE 'made-up-' || %(workspace)s || '-%%@localhost.invalid'
), shown AS (
    SELECT item.id AS item_id,
        array_agg(shown.completion_id ORDER BY {share("item.id * 64 + shown.id %% 64", 2)})
            FILTER (WHERE shown.id IS NOT NULL) AS answers
    FROM annotation_item item
    LEFT JOIN annotation_itemcompletion shown ON shown.item_id = item.id
    WHERE item.campaign_id = %(campaign)s GROUP BY item.id
)
INSERT INTO annotation_assignment (campaign_id, item_id, state, annotator_id, purpose, attempt,
    shown_order, claimed_at, submitted_at)
SELECT %(campaign)s, item_id, 'submitted',
    ids[1 + (floor({share("item_id", 3)} * cardinality(ids))::int + slot) %% cardinality(ids)],
    'work', 1, coalesce(answers, '{{}}'), at - interval '40 seconds', at
FROM (
    SELECT item_id, answers, slot,
        now() - interval '90 days' * {share("item_id * 4 + slot", 4)} AS at
    FROM shown, generate_series(0, %(overlap)s - 1) slot
) placed, people
ORDER BY at
"""

_JUDGED = """prompt_id, source, annotator_id, annotator_label, assignment_id, idempotency_key,
    comment, seconds, "group", source_id, metadata, created_at"""
_OF_ASSIGNMENT = f"""item.prompt_id, 'simulated', slot.annotator_id, '', slot.id, gen_random_uuid(),
    '', 10 + 50 * {share("slot.id", 5)}, '', '', '{{}}', slot.submitted_at"""

# Bradley and Terry's model: the models' strengths are 0.4 apart; 12 % ties, 5 % both bad.
COMPARISONS = f"""
INSERT INTO annotation_comparison ({_JUDGED}, left_id, right_id, order_known, choice, strength)
SELECT {_OF_ASSIGNMENT}, slot.shown_order[1], slot.shown_order[2], true, judged.choice,
    CASE WHEN judged.choice IN ('left', 'right') THEN (ARRAY['significantly_better', 'better',
        'slightly_better', 'negligibly_better'])[1 + floor(4 * {share("slot.id", 8)})::int]
        ELSE '' END
FROM annotation_assignment slot
JOIN annotation_item item ON item.id = slot.item_id
JOIN annotation_completion one ON one.id = slot.shown_order[1]
JOIN annotation_completion two ON two.id = slot.shown_order[2]
CROSS JOIN LATERAL (SELECT CASE
    WHEN {share("slot.id", 6)} < 0.12 THEN 'tie'
    WHEN {share("slot.id", 6)} < 0.17 THEN 'both_bad'
    WHEN {share("slot.id", 7)} < 1 / (1 + exp(0.4 * (right(two.generator, 1)::int
        - right(one.generator, 1)::int))) THEN 'left'
    ELSE 'right' END AS choice) judged
WHERE slot.campaign_id = %(campaign)s
ORDER BY slot.id
"""

RANKINGS = f"""
INSERT INTO annotation_ranking ({_JUDGED})
SELECT {_OF_ASSIGNMENT}
FROM annotation_assignment slot JOIN annotation_item item ON item.id = slot.item_id
WHERE slot.campaign_id = %(campaign)s
ORDER BY slot.id
"""

ENTRIES = f"""
INSERT INTO annotation_rankingentry (ranking_id, completion_id, position, tier)
SELECT ranking.id, answer.id, place, dense_rank() OVER (
    PARTITION BY ranking.id
    ORDER BY round(1.5 * {share("ranking.id * 8 + place", 9)} + 0.4 * (
        %(models)s - right(answer.generator, 1)::int)))
FROM annotation_ranking ranking
JOIN annotation_assignment slot ON slot.id = ranking.assignment_id
CROSS JOIN LATERAL unnest(slot.shown_order) WITH ORDINALITY AS shown(completion, place)
JOIN annotation_completion answer ON answer.id = shown.completion
WHERE slot.campaign_id = %(campaign)s
"""

DEMONSTRATIONS = f"""
INSERT INTO annotation_demonstration ({_JUDGED}, text)
SELECT {_OF_ASSIGNMENT}, 'A made-up example answer to: ' || prompt.text
FROM annotation_assignment slot
JOIN annotation_item item ON item.id = slot.item_id
JOIN annotation_prompt prompt ON prompt.id = item.prompt_id
WHERE slot.campaign_id = %(campaign)s
ORDER BY slot.id
"""
