"""The rows of a file as SQL: one JSON text each, in an order that follows from contents alone.

PostgreSQL walks the prompts in the order of their hashes and asks for each what was said about it,
so that neither side ever holds more than one prompt's rows. No id, time or order of insertion
reaches a line: the same contents give the same bytes on every machine.

Names in braces are filled with constants of this module; values are parameters.
"""

from typing import Any

from annotation.domain.preferences import MARGINS, MarginTable
from annotation.domain.prompt_hash import split_threshold
from annotation.exports.picking import Pick
from annotation.exports.plan import ExportPlan, Kind, Shape, Ties

_PROMPTS = """
SELECT prompt.id, prompt.text_hash, encode(prompt.text_hash, 'hex') AS hexadecimal,
    {prompt} AS prompt, side.split,
    ', "use_case": ' || to_json(prompt.use_case)::text
    || ', "language": ' || to_json(prompt.language)::text
    || ', "source": ' || to_json(prompt.source)::text
    || ', "licence": ' || to_json(prompt.licence)::text
    || ', "split": "' || side.split || '"}}' AS tail,
    concat_ws(E'\\x1f', prompt.use_case, prompt.language, prompt.source, prompt.licence) AS facts,
    CASE WHEN kept.reason IS NOT NULL THEN kept.reason
         WHEN prompt.retired_at IS NOT NULL THEN 'retired'
         WHEN prompt.messages = '[]' THEN 'no_prompt_text'
         WHEN jsonb_exists(prompt.metadata, 'follow_ups') {several} THEN 'several_turns'
    END AS reason
FROM annotation_prompt prompt
LEFT JOIN export_kept_out kept ON kept.prompt_id = prompt.id
CROSS JOIN LATERAL (
    SELECT CASE WHEN prompt.split = 'validation' OR substring(sha256(convert_to(
        %(salt)s || ':' || {parted_by}, 'UTF8')) for 8) < %(threshold)s
        THEN 'validation' ELSE 'train' END AS split
) side
WHERE prompt.workspace_id = %(workspace)s
    AND EXISTS (SELECT FROM export_ballot ballot WHERE ballot.prompt_id = prompt.id)
ORDER BY prompt.text_hash OFFSET 0
"""
_BY_PROMPT = "encode(prompt.text_hash, 'hex')"
_BY_TASK = "coalesce(nullif(prompt.metadata->>'task', ''), nullif(prompt.source, ''), "
_BY_TASK += f"{_BY_PROMPT})"
_CHAT = "prompt.messages::text"
_PLAIN = "to_json(prompt.messages->0->>'content')::text"
_NOT_SINGLE = "OR jsonb_array_length(prompt.messages) > 1"

_FROM = """
FROM ({prompts}) p
CROSS JOIN LATERAL (
    SELECT u.*, dense_rank() OVER (PARTITION BY u.digest ORDER BY u.id) AS again
    FROM ({said}) u
) s
"""
# A vote without a group is known by its digest; imported again it has that as its group, and stays
# where it was.
_ORDER = """
ORDER BY p.text_hash, (CASE WHEN s.grp = '' THEN s.digest ELSE s.grp END) COLLATE "C",
    s.digest COLLATE "C", s.again, s.place, s.first_key COLLATE "C",
    s.second_key COLLATE "C"
"""
# What is alike in all judgements. A ballot's digest is its content: who said what of which answers.
_BALLOT = """'{kind}' AS kind, b.id, b.source, coalesce({person}, b.label) AS person,
    b.suggestion"""
_OF_KIND = """
FROM export_ballot b LEFT JOIN export_person who ON who.id = b.annotator_id {joins}
WHERE b.prompt_id = p.id AND b.kind = '{kind}'
"""
_DIGEST = (
    "encode(substring(sha256(convert_to(concat_ws(E'\\x1e', p.hexadecimal, '{kind}', b.source, "
    "coalesce({person}, b.label), b.grp, {of}), 'UTF8')) for 10), 'hex')"
)
_BAD_PAIR = """
CASE WHEN NOT (c.has_text AND r.has_text) THEN 'no_text'
     WHEN c.retired_at IS NOT NULL OR r.retired_at IS NOT NULL THEN 'retired_answer'
     WHEN c.text_hash = r.text_hash THEN 'same_text' {ties} END
"""
_BAD_ANSWER = """
CASE WHEN NOT c.has_text THEN 'no_text'
     WHEN c.retired_at IS NOT NULL THEN 'retired_answer' {more} END
"""

_COMPARISON = """
SELECT {ballot}, b.strength, b.choice IN ('tie', 'both_bad') AS tie,
    b.choice = 'both_bad' AS both_bad,
    1.0::float8 / coalesce({pairs}, 1) AS weight, coalesce(b.margin, {margin}) AS margin,
    CASE WHEN g.several THEN b.grp || '/' || p.hexadecimal ELSE b.grp END AS grp,
    c.text AS chosen, r.text AS rejected, c.generator AS chosen_model,
    r.generator AS rejected_model,
    CASE WHEN NOT b.order_known THEN -1 WHEN b.choice = 'right' THEN 1 ELSE 0 END AS chosen_at,
    CASE WHEN NOT b.order_known THEN -1 WHEN b.choice = 'right' THEN 0 ELSE 1 END AS rejected_at,
    {digest} AS digest, 0 AS place, '' AS first_key, '' AS second_key, {bad} AS reason
"""
_COMPARED = """
JOIN annotation_completion c
    ON c.id = CASE WHEN b.choice = 'right' THEN b.right_id ELSE b.left_id END
JOIN annotation_completion r
    ON r.id = CASE WHEN b.choice = 'right' THEN b.left_id ELSE b.right_id END
LEFT JOIN export_group g ON g.prompt_id = b.prompt_id AND g.grp = b.grp AND g.source = b.source
    AND g.label = b.label AND g.annotator_id IS NOT DISTINCT FROM b.annotator_id
"""
_RANKING = """
SELECT {ballot}, '' AS strength, x.tier = y.tier AS tie, false AS both_bad,
    1.0::float8 / {pairs} AS weight, {margin} AS margin, '' AS grp,
    c.text AS chosen, r.text AS rejected, c.generator AS chosen_model,
    r.generator AS rejected_model, x.position - 1 AS chosen_at, y.position - 1 AS rejected_at,
    n.digest, CASE WHEN x.tier = y.tier THEN 1000000 ELSE 0 END + x.tier * 1000 + y.tier AS place,
    k.first_key, k.second_key, {bad} AS reason
"""
# The difference of the two answers' scores, by their places; 0 where the import gave none.
_SCORE = "CASE WHEN jsonb_typeof(b.scores->({entry}.position - 1)) = 'number' "
_SCORE += "THEN (b.scores->>({entry}.position - 1))::float8 END"
_SCORES = f"coalesce({_SCORE.format(entry='x')} - ({_SCORE.format(entry='y')}), 0.0)"
_RANKED = """
CROSS JOIN LATERAL (
    SELECT count(entry.tier) AS answers, min(entry.tier) AS best, max(entry.tier) AS worst,
        (SELECT count(*) FROM annotation_rankingentry above
         JOIN annotation_rankingentry below ON below.ranking_id = b.id AND above.tier < below.tier
         WHERE above.ranking_id = b.id) AS strict,
        {digest} AS digest
    FROM annotation_rankingentry entry
    JOIN annotation_completion answer ON answer.id = entry.completion_id
    WHERE entry.ranking_id = b.id
) n
"""
_ENTRIES = (
    "b.choice || (SELECT string_agg("
    "concat_ws(E'\\x1f', coalesce(e.tier, 0), e.position, {key}), E'\\x1e' "
    'ORDER BY {key} COLLATE "C") FROM annotation_rankingentry e '
    "JOIN annotation_completion a ON a.id = e.completion_id WHERE e.ranking_id = b.id)"
)
# C(K, 2), or the 2K - 3 that the best and the worst of K say (annotation.domain.preferences).
_PAIRS = "(CASE b.choice WHEN '' THEN n.answers * (n.answers - 1) / 2 ELSE n.strict END)"
_TWO_RANKED = """
JOIN annotation_rankingentry x ON x.ranking_id = b.id
JOIN annotation_rankingentry y ON y.ranking_id = b.id AND x.id <> y.id
    AND (x.tier < y.tier OR x.tier = y.tier AND b.choice = '')  -- a best and a worst tie nothing
JOIN annotation_completion c ON c.id = x.completion_id
JOIN annotation_completion r ON r.id = y.completion_id
CROSS JOIN LATERAL (SELECT {first} AS first_key, {second} AS second_key) k
"""
_ONE_WAY = """AND (x.tier < y.tier OR k.first_key COLLATE "C" < k.second_key COLLATE "C")"""

_PAIR_LINE = """
concat('{{"prompt": ', p.prompt, ', "chosen": ', {chosen}, ', "rejected": ', {rejected},
    ', "weight": ', {weight}, ', "margin": ', {margin}, ', "tie": ', {tie},
    ', "both_bad": ', s.both_bad::text, ', "strength": "', s.strength,
    '", "annotator": ', to_json(s.person), ', "group": ', to_json({group}),
    ', "chosen_position": ', {chosen_at}, ', "rejected_position": ', {rejected_at},
    ', "chosen_model": ', to_json({chosen_model}),
    ', "rejected_model": ', to_json({rejected_model}),
    ', "judged_by": "', s.source, '", "suggestion": "', s.suggestion, '"', p.tail)
"""
_ANSWER_LINE = """
concat('{{"prompt": ', p.prompt, ', "completion": ', {completion}, {label},
    ', "weight": 1.0, "annotator": ', to_json(s.person), ', "group": ', to_json({group}),
    ', "model": ', to_json(s.model), ', "judged_by": "', s.source,
    '", "suggestion": "', s.suggestion, '"', p.tail)
"""
_PROMPT_LINE = "concat('{{\"prompt\": ', p.prompt, p.tail)"
# Which side won and whether the longer answer did: what a model may learn instead of quality.
_PAIR_FACTS = """
CASE WHEN s.tie OR s.chosen_at < 0 THEN '' WHEN s.chosen_at < s.rejected_at THEN 'first'
     ELSE 'later' END,
CASE WHEN s.tie OR octet_length(s.chosen) = octet_length(s.rejected) THEN ''
     WHEN octet_length(s.chosen) > octet_length(s.rejected) THEN 'longer' ELSE 'shorter' END
"""
# The order of the facts that go by beside each line, for whoever counts them.
FACTS = (
    "split",
    "kind",
    "judged_by",
    "suggestion",
    "tie",
    "strength",
    "side",
    "length",
    "reasoned",
    "annotator",
    "use_case",
    "language",
    "source",
    "licence",
)
_LABEL = "', \"label\": ', s.liked::text"
_GROUP = "CASE WHEN s.grp <> '' THEN s.grp WHEN s.again > 1 THEN s.digest || '-' || s.again"
_GROUP += " ELSE s.digest END"

_WRITTEN = """
SELECT {ballot}, {text} AS text, '' AS model, true AS liked, b.grp AS grp, false AS tie,
    '' AS strength, {digest} AS digest, 0 AS place, '' AS first_key, '' AS second_key,
    jsonb_exists(d.metadata, 'rationale') AS reasoned, NULL AS reason
"""
# Null without a rationale, and concat() passes over it.
_REASONED = "concat(d.metadata->>'rationale' || E'\\n\\n', d.text)"
_JUDGED = """
SELECT {ballot}, c.text, c.generator AS model, {liked} AS liked, '' AS grp, false AS tie,
    b.strength, {digest} AS digest, {place} AS place, {key} AS first_key, '' AS second_key,
    false AS reasoned, {bad} AS reason
"""
_PLAIN_PROMPT = """
SELECT 'prompt' AS kind, b.id, '' AS source, '' AS person, '' AS suggestion, '' AS digest,
    false AS tie, '' AS strength, '' AS grp, 0 AS place, '' AS first_key, '' AS second_key,
    NULL AS reason
FROM export_ballot b WHERE b.prompt_id = p.id
"""


def lines_query(pick: Pick, only: str = "") -> tuple[str, dict[str, Any]]:
    """What passed the filter, after pick.lay_out(): columns line, ballot (kind and id), facts
    (those of FACTS, parted by U+001F), reason and prompt.

    reason: why the row is not in the file, and then line is null; otherwise reason is null.
    only: a split, or empty for all rows.
    """
    source, values = _source(pick)
    line, turns = _line(pick.plan)
    kind = pick.plan.kind
    of_pair = _PAIR_FACTS if kind is Kind.PREFERENCE else "'', ''"
    reasoned = "s.reasoned::text" if kind in (Kind.PROMPT_COMPLETION, Kind.UNPAIRED) else "''"
    facts = (
        f"concat_ws(E'\\x1f', p.split, s.kind, s.source, s.suggestion, s.tie::text, s.strength, "
        f"{of_pair}, {reasoned}, s.person, p.facts)"
    )
    reason = "coalesce(p.reason, s.reason)"
    query = (
        f"SELECT CASE WHEN {reason} IS NULL THEN {line} END AS line, "
        f"s.kind || ' ' || s.id AS ballot, CASE WHEN {reason} IS NULL THEN {facts} END "
        f"AS facts, {reason} AS reason, p.id AS prompt "
        f"{source} {turns} WHERE %(only)s IN ('', p.split) {_ORDER}"
    )
    return query + (", turn.way" if turns else ""), values | {"only": only}


def left_out_query(pick: Pick) -> tuple[str, dict[str, Any]]:
    """Columns reason, rows, prompts: what passed the filter and cannot go out, and why."""
    source, values = _source(pick)
    reason = "coalesce(p.reason, s.reason)"
    return (
        f"SELECT {reason} AS reason, count(*), count(DISTINCT p.id) {source} "
        f"WHERE {reason} IS NOT NULL GROUP BY 1 ORDER BY 1"
    ), values


def count_query(pick: Pick) -> tuple[str, dict[str, Any]]:
    """Columns split, rows, prompts, ties: what would go out."""
    source, values = _source(pick)
    turns = "sum(CASE WHEN s.tie THEN 2 ELSE 1 END)" if pick.plan.ties is Ties.HALF else "count(*)"
    return (
        f"SELECT p.split, {turns}, count(DISTINCT p.id), count(*) FILTER (WHERE s.tie) {source} "
        "WHERE p.reason IS NULL AND s.reason IS NULL GROUP BY 1 ORDER BY 1"
    ), values


def _source(pick: Pick) -> tuple[str, dict[str, Any]]:
    plan = pick.plan
    plain = plan.shape is Shape.PLAIN
    prompts = _PROMPTS.format(
        prompt=_PLAIN if plain else _CHAT,
        several=_NOT_SINGLE if plain else "",
        parted_by=_BY_TASK if plan.by_task else _BY_PROMPT,
    )
    parts = {
        Kind.PROMPT_ONLY: lambda: [_PLAIN_PROMPT],
        Kind.PROMPT_COMPLETION: lambda: [_demonstrations(plan)],
        Kind.PREFERENCE: lambda: [_comparisons(plan), _rankings(plan)],
        Kind.UNPAIRED: lambda: [
            _demonstrations(plan),
            _compared_answers(plan),
            _ranked_answers(plan),
            _rated_answers(plan),
        ],
    }[plan.kind]()
    values = {
        "workspace": pick.workspace.pk,
        "salt": plan.salt,
        "threshold": split_threshold(plan.validation_share),
    }
    return _FROM.format(prompts=prompts, said=" UNION ALL ".join(parts)), values


def _line(plan: ExportPlan) -> tuple[str, str]:
    """A row's JSON, and what turns one row into two where a tie counts half each way."""
    if plan.kind is Kind.PROMPT_ONLY:
        return _PROMPT_LINE.format(), ""
    if plan.kind is not Kind.PREFERENCE:
        label = _LABEL if plan.kind is Kind.UNPAIRED else "''"
        return _ANSWER_LINE.format(completion=_text(plan, "s.text"), label=label, group=_GROUP), ""
    half = plan.ties is Ties.HALF
    sides = {
        name: f"CASE WHEN turn.way = 2 THEN s.{other} ELSE s.{name} END" if half else f"s.{name}"
        for side, opposite in (("chosen", "rejected"), ("rejected", "chosen"))
        for name, other in ((side + end, opposite + end) for end in ("", "_model", "_at"))
    }
    weight = "s.weight / CASE WHEN s.tie THEN 2 ELSE 1 END" if half else "s.weight"
    line = _PAIR_LINE.format(
        chosen=_text(plan, sides["chosen"]),
        rejected=_text(plan, sides["rejected"]),
        chosen_model=sides["chosen_model"],
        rejected_model=sides["rejected_model"],
        chosen_at=sides["chosen_at"],
        rejected_at=sides["rejected_at"],
        weight=_decimal(weight),
        margin=_decimal("s.margin"),
        tie="'false'" if half else "s.tie::text",
        group=_GROUP,
    )
    both_ways = "JOIN (VALUES (1), (2)) turn (way) ON turn.way = 1 OR (s.tie AND s.reason IS NULL)"
    return line, both_ways if half else ""


def _comparisons(plan: ExportPlan) -> str:
    strengths = MARGINS[plan.margins].items()
    cases = " ".join(f"WHEN '{name.value}' THEN {value!r}::float8" for name, value in strengths)
    said = f"b.choice, b.strength, b.order_known::text, b.margin::text, {_key('c')}, {_key('r')}"
    select = _COMPARISON.format(
        ballot=_ballot(plan, "comparison"),
        pairs="nullif(g.strict, 0)" if plan.ties is Ties.RENORMALISE else "g.pairs",
        margin=f"CASE b.strength {cases} ELSE 0.0 END",
        digest=_digest(plan, "comparison", said),
        bad=_BAD_PAIR.format(ties=_ties(plan, "b.choice = 'tie'", "b.choice = 'both_bad'")),
    )
    return select + _OF_KIND.format(joins=_COMPARED, kind="comparison")


def _rankings(plan: ExportPlan) -> str:
    renormalise = plan.ties is Ties.RENORMALISE
    select = _RANKING.format(
        ballot=_ballot(plan, "ranking"),
        pairs="nullif(n.strict, 0)" if renormalise else _PAIRS,
        margin=_SCORES if plan.margins is MarginTable.SCORES else "0.0::float8",
        bad=_BAD_PAIR.format(ties=_ties(plan, "x.tier = y.tier", "false")),
    )
    joins = _ranked(plan) + _TWO_RANKED.format(first=_key("c"), second=_key("r"))
    return select + _OF_KIND.format(joins=joins, kind="ranking") + _ONE_WAY


def _demonstrations(plan: ExportPlan) -> str:
    # The reasoning parts two answers of one text, written or not: the order is the same then.
    written = f"encode(sha256(convert_to({_REASONED}, 'UTF8')), 'hex')"
    select = _WRITTEN.format(
        ballot=_ballot(plan, "demonstration"),
        digest=_digest(plan, "demonstration", written),
        text=_REASONED if plan.rationales else "d.text",
    )
    joins = "JOIN annotation_demonstration d ON d.id = b.id"
    return select + _OF_KIND.format(joins=joins, kind="demonstration")


def _compared_answers(plan: ExportPlan) -> str:
    """The better answer is liked, the worse is not; of "both bad" neither; a tie says nothing."""
    joins = (
        "JOIN annotation_completion c ON c.id IN (b.left_id, b.right_id) "
        "JOIN annotation_completion r ON r.id IN (b.left_id, b.right_id) AND r.id <> c.id"
    )
    liked = "(b.choice <> 'both_bad' AND (b.choice = 'left') = (c.id = b.left_id))"
    said = (
        "b.choice, b.strength, b.order_known::text, "
        f"CASE WHEN c.id = b.left_id THEN {_key('c')} ELSE {_key('r')} END, "
        f"CASE WHEN c.id = b.left_id THEN {_key('r')} ELSE {_key('c')} END"
    )
    select = _JUDGED.format(
        ballot=_ballot(plan, "comparison"),
        liked=liked,
        digest=_digest(plan, "comparison", said),
        place="CASE WHEN c.id = b.left_id THEN 0 ELSE 1 END",
        key="''",
        bad=_BAD_PAIR.format(ties="WHEN b.choice = 'tie' THEN 'tie'"),
    )
    return select + _OF_KIND.format(joins=joins, kind="comparison")


def _ranked_answers(plan: ExportPlan) -> str:
    """The best tier is liked and the worst is not; what lies between says nothing."""
    joins = _ranked(plan) + (
        "JOIN annotation_rankingentry x ON x.ranking_id = b.id AND x.tier IS NOT NULL "
        "JOIN annotation_completion c ON c.id = x.completion_id"
    )
    select = _JUDGED.format(
        ballot=_ballot(plan, "ranking"),
        liked="x.tier = n.best",
        digest="n.digest",
        place="x.tier::int",
        key=_key("c"),
        bad=_BAD_ANSWER.format(
            more="WHEN n.best = n.worst THEN 'tie' "
            "WHEN x.tier NOT IN (n.best, n.worst) THEN 'middle'"
        ),
    )
    return select + _OF_KIND.format(joins=joins, kind="ranking")


def _rated_answers(plan: ExportPlan) -> str:
    """Above the middle of the scale is liked, below is not; the middle says nothing."""
    joins = (
        "JOIN annotation_rating rated ON rated.id = b.id "
        "JOIN annotation_completion c ON c.id = b.left_id"
    )
    middle = "(rated.lowest + rated.highest) / 2"
    said = f"rated.aspect, rated.score::text, rated.lowest::text, rated.highest::text, {_key('c')}"
    select = _JUDGED.format(
        ballot=_ballot(plan, "rating"),
        liked=f"rated.score > {middle}",
        digest=_digest(plan, "rating", said),
        place="0",
        key="''",
        bad=_BAD_ANSWER.format(more=f"WHEN rated.score = {middle} THEN 'middle'"),
    )
    return select + _OF_KIND.format(joins=joins, kind="rating")


def _ranked(plan: ExportPlan) -> str:
    return _RANKED.format(digest=_digest(plan, "ranking", _ENTRIES.format(key=_key("a"))))


def _ties(plan: ExportPlan, tie: str, both_bad: str) -> str:
    """Which ties get no row, by the plan's policy."""
    if plan.ties is Ties.KEEP:
        return ""
    bad = f"WHEN {both_bad} THEN 'both_bad'"
    return bad if plan.ties is Ties.HALF else f"{bad} WHEN {tie} THEN 'tie'"


def _key(answer: str) -> str:
    """What a completion is known by within its prompt: a constraint of the table."""
    return (
        f"({answer}.generator || E'\\x1f' || encode({answer}.text_hash, 'hex') || E'\\x1f' || "
        f"{answer}.source_id)"
    )


def _person(plan: ExportPlan) -> str:
    return "who.name" if plan.people else "''"


def _ballot(plan: ExportPlan, kind: str) -> str:
    return _BALLOT.format(kind=kind, person=_person(plan))


def _digest(plan: ExportPlan, kind: str, said: str) -> str:
    return _DIGEST.format(kind=kind, person=_person(plan), of=said)


def _text(plan: ExportPlan, text: str) -> str:
    if plan.shape is Shape.PLAIN:
        return f"to_json({text})"
    return f'\'[{{"role": "assistant", "content": \', to_json({text}), \'}}]\''


def _decimal(number: str) -> str:
    """A number that every reader takes for one with a fraction: 1.0, never 1."""
    return (
        f"CASE WHEN ({number}) = trunc({number}) THEN concat({number}, '.0') "
        f"ELSE ({number})::text END"
    )
