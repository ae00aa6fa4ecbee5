"""How far the people of a snapshot agree: Krippendorff's alpha over pairs that several judged."""

from django.db import connection

from annotation.domain.agreement import Coefficient, Level, krippendorff_alpha

MOST = 50_000  # pairs; more do not change the second digit
RESAMPLES = 200
# Each pair of answers is one item; the older answer is "a". A person's last word on it counts.
_VOTES = """
WITH vote AS (
    SELECT least(left_id, right_id) AS a, greatest(left_id, right_id) AS b, id,
        coalesce(annotator_id::text, 'label ' || label) AS who,
        CASE WHEN choice IN ('tie', 'both_bad') THEN 'tie'
             WHEN (choice = 'left') = (left_id < right_id) THEN 'a' ELSE 'b' END AS outcome
    FROM export_ballot
    WHERE kind = 'comparison' AND source = 'human' AND (annotator_id IS NOT NULL OR label <> '')
    UNION ALL
    SELECT x.completion_id, y.completion_id, ballot.id,
        coalesce(ballot.annotator_id::text, 'label ' || ballot.label),
        CASE WHEN x.tier = y.tier THEN 'tie' WHEN x.tier < y.tier THEN 'a' ELSE 'b' END
    FROM export_ballot ballot
    JOIN annotation_rankingentry x ON x.ranking_id = ballot.id AND x.tier IS NOT NULL
    JOIN annotation_rankingentry y ON y.ranking_id = ballot.id AND y.tier IS NOT NULL
        AND x.completion_id < y.completion_id
    WHERE ballot.kind = 'ranking' AND ballot.source = 'human'
        AND NOT (ballot.choice = 'best_worst' AND x.tier = y.tier)
        AND (ballot.annotator_id IS NOT NULL OR ballot.label <> '')
)
SELECT array_agg(outcome ORDER BY who)
FROM (SELECT DISTINCT ON (a, b, who) a, b, who, outcome FROM vote ORDER BY a, b, who, id DESC) last
GROUP BY a, b HAVING count(*) > 1 ORDER BY a, b LIMIT %s
"""


def agreement_of_pick() -> Coefficient:
    """Over the laid-out pick of this transaction (annotation.exports.picking)."""
    with connection.cursor() as cursor:
        cursor.execute(_VOTES, [MOST])
        units = [row[0] for row in cursor.fetchall()]
    resamples = RESAMPLES if len(units) <= 2000 else 0
    return krippendorff_alpha(units, Level.NOMINAL, resamples=resamples)
