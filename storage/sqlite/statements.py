"""The SQL of reads and writes. Every read joins the model, so that rows of an older epoch or of a dropped model are never seen.

Composed of these constants only; values are always parameters.
"""

# ruff: noqa: S608

# Point reads. The columns are Entry's fields in their order. An answer longer than the first parameter comes as NULL:
# length() of a blob is known from the row's header, so a long one is not read.
_ENTRY = """
SELECT e.id, e.model_id, e.epoch, e.partition, e.exact_key, e.query,
    CASE WHEN length(e.answer) <= ? THEN e.answer END,
    e.meta, (SELECT nullif(json_group_array(name), '[]') FROM tag WHERE entry_id = e.id), e.context_vector,
    e.created, e.expires, ifnull(c.hits, 0), ifnull(c.last_hit, 0), ifnull(c.good, 0), ifnull(c.bad, 0)
FROM model m CROSS JOIN entry e ON e.model_id = m.id AND e.epoch = m.epoch LEFT JOIN counter c ON c.entry_id = e.id
"""
FIND = _ENTRY + "WHERE m.id = ? AND e.partition = ? AND e.exact_key = ?"
GET = _ENTRY + "WHERE m.id = ? AND e.id = ?"

# Other reads.
_MODEL = "SELECT id, name, epoch, embedder, dimension, settings, created FROM model "
MODELS = _MODEL + "ORDER BY id"
MODEL_BY_ID = _MODEL + "WHERE id = ?"
MODEL_BY_NAME = _MODEL + "WHERE name = ?"
# Triggers count every row. Of those the expired ones are taken off: as many as the next sweep will remove.
USAGE = """
WITH gone AS (
    SELECT e.partition, count(*) AS entries, sum(e.bytes) AS bytes
    FROM entry e INDEXED BY entry_by_expiry CROSS JOIN model m ON m.id = e.model_id AND m.epoch = e.epoch
    WHERE e.expires > 0 AND e.expires <= ?2 AND m.id = ?1 GROUP BY e.partition
)
SELECT ifnull(sum(u.entries - ifnull(g.entries, 0)), 0), ifnull(sum(u.bytes - ifnull(g.bytes, 0)), 0),
    count(*) FILTER (WHERE u.entries > ifnull(g.entries, 0))
FROM model m CROSS JOIN partition_usage u ON u.model_id = m.id AND u.epoch = m.epoch LEFT JOIN gone g ON g.partition = u.partition
WHERE m.id = ?1
"""
# Text and tags only where the caller filters by them.
SCAN = """
SELECT e.id, e.expires, CASE WHEN ? THEN e.query END,
    CASE WHEN ? THEN (SELECT json_group_array(name) FROM tag WHERE entry_id = e.id) END
FROM model m CROSS JOIN entry e INDEXED BY entry_by_id ON e.model_id = m.id AND e.epoch = m.epoch
WHERE m.id = ? AND e.id > ? ORDER BY e.id LIMIT ?
"""
EXPIRED = """
SELECT e.model_id, e.id FROM entry e INDEXED BY entry_by_expiry CROSS JOIN model m ON m.id = e.model_id AND m.epoch = e.epoch
WHERE e.expires > 0 AND e.expires <= ? ORDER BY e.expires LIMIT ?
"""

# META is JSON as the client gave it: what is no number saves nothing.
_TOKENS = "json_type(e.meta, '$.tokens') = 'integer' THEN json_extract(e.meta, '$.tokens')"
_COST = "json_type(e.meta, '$.cost') IN ('integer', 'real') THEN json_extract(e.meta, '$.cost')"
_TOP = f"""
SELECT id, query, hits, last_hit, tokens * hits AS tokens_saved, cost * hits * 1.0 AS cost_saved
FROM (
    SELECT e.id, e.query, c.hits, c.last_hit,
        CASE WHEN e.meta = '' THEN 0 WHEN {_TOKENS} ELSE 0 END AS tokens, CASE WHEN e.meta = '' THEN 0 WHEN {_COST} ELSE 0 END AS cost
    FROM model m CROSS JOIN entry e INDEXED BY entry_by_id ON e.model_id = m.id AND e.epoch = m.epoch
    CROSS JOIN counter c ON c.entry_id = e.id
    WHERE m.id = ?1 AND c.hits > 0 AND NOT e.expires BETWEEN 1 AND ?2
)
ORDER BY
"""
TOP_BY_HITS = _TOP + "hits DESC, tokens_saved DESC, id LIMIT ?3"
TOP_BY_SAVED = _TOP + "tokens_saved DESC, cost_saved DESC, hits DESC, id LIMIT ?3"

# The query log.
_LOOKUP = """
SELECT model_id, time, outcome, reason, query, hit_query, score, entry_id, microseconds, count, id
FROM lookup INDEXED BY lookup_by_model WHERE model_id = (SELECT id FROM model WHERE id = ?1) AND (?2 IS NULL OR outcome = ?2)
"""
NEWEST_LOOKUPS = _LOOKUP + "ORDER BY id DESC LIMIT ?3"
LOOKUPS_AFTER = _LOOKUP + "AND id > ?4 ORDER BY id LIMIT ?3"
ADD_LOOKUP = """
INSERT INTO lookup (model_id, time, outcome, reason, query, hit_query, score, entry_id, microseconds, count)
SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM model WHERE id = ?1
"""
PRUNE_LOOKUPS = """
DELETE FROM lookup WHERE id IN (
    SELECT id FROM (SELECT id, time FROM lookup ORDER BY id LIMIT ?3) WHERE time <= ?1 OR id <= (SELECT max(id) FROM lookup) - ?2
)
"""

# What a vector index reads.
PARTITIONS = """
SELECT u.model_id, u.partition, u.entries FROM model m CROSS JOIN partition_usage u ON u.model_id = m.id AND u.epoch = m.epoch
ORDER BY u.model_id, u.partition
"""
_IN_PARTITION = """
FROM model m CROSS JOIN entry e INDEXED BY entry_by_partition ON e.model_id = m.id AND e.epoch = m.epoch AND e.partition = ?
"""
VERSIONS = "SELECT e.id, e.version " + _IN_PARTITION + "WHERE m.id = ? ORDER BY e.id"
VECTORS = (
    "SELECT e.id, e.version, v.vector "
    + _IN_PARTITION
    + "CROSS JOIN vector v ON v.version = e.version WHERE m.id = ? AND e.id > ? ORDER BY e.id LIMIT ?"
)
VECTORS_OF_IDS = (
    "SELECT e.id, e.version, v.vector "
    + _IN_PARTITION
    + "CROSS JOIN vector v ON v.version = e.version WHERE m.id = ? AND e.id IN (SELECT value FROM json_each(?)) ORDER BY e.id"
)

# Put.
OCCUPANT = """
SELECT m.epoch, m.dimension, e.id, e.expires, e.version
FROM model m LEFT JOIN entry e ON e.model_id = m.id AND e.epoch = m.epoch AND e.partition = ? AND e.exact_key = ?
WHERE m.id = ?
"""
SAME_VECTOR = "SELECT 1 FROM vector WHERE version = ? AND vector = ?"
ADD_VECTOR = "INSERT INTO vector (vector) VALUES (?)"
REMOVE_VECTOR = "DELETE FROM vector WHERE version = ?"
ADD_ENTRY = """
INSERT INTO entry (version, bytes, created, expires, query, meta, context_vector, answer, model_id, epoch, partition, exact_key)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
REPLACE_ENTRY = """
UPDATE entry SET version = ?, bytes = ?, created = ?, expires = ?, query = ?, meta = ?, context_vector = ?, answer = ? WHERE id = ?
"""
ADD_TAG = "INSERT OR IGNORE INTO tag (entry_id, name, model_id) VALUES (?, ?, ?)"
REMOVE_TAGS = "DELETE FROM tag WHERE entry_id = ?"
FORGET_FEEDBACK = "UPDATE counter SET good = 0, bad = 0 WHERE entry_id = ?"

# Removals.
REMOVE_ID = "DELETE FROM entry WHERE id = ?"
_REMOVED = " RETURNING id, partition, exact_key"
_LIVE = "model_id = ?1 AND epoch = (SELECT epoch FROM model WHERE id = ?1)"
DELETE = f"DELETE FROM entry WHERE id = ?2 AND {_LIVE}{_REMOVED}"
DELETE_EXPIRED = f"DELETE FROM entry WHERE id = ?2 AND {_LIVE} AND expires BETWEEN 1 AND ?3{_REMOVED}"
DELETE_EXACT = f"DELETE FROM entry WHERE {_LIVE} AND partition = ?2 AND exact_key = ?3{_REMOVED}"
TRUNCATE_PARTITION = f"DELETE FROM entry WHERE {_LIVE} AND partition = ?2"
# One of the tags that a Truncate names.
TAGGED = "SELECT t.entry_id, e.partition FROM tag t CROSS JOIN entry e ON e.id = t.entry_id WHERE t.model_id = ? AND t.name = ?"

# Models.
ADD_MODEL = "INSERT INTO model (name, epoch, embedder, dimension, settings, created) VALUES (?, 1, ?, ?, ?, ?)"
NEXT_EPOCH = "UPDATE model SET epoch = epoch + 1 WHERE id = ?"
CONFIGURE = "UPDATE model SET settings = ? WHERE id = ?"
DROP_MODEL = "DELETE FROM model WHERE id = ?"
DISCARD = "INSERT INTO garbage (model_id, epoch) VALUES (?, ?)"

# Single entries.
EXPIRE = f"UPDATE entry SET expires = ?3 WHERE id = ?2 AND {_LIVE} AND (expires = 0 OR expires > ?4) AND (?3 OR expires)"
TOUCH = """
INSERT INTO counter (entry_id, hits, last_hit)
SELECT e.id, ?2, ?3 FROM entry e CROSS JOIN model m ON m.id = e.model_id AND m.epoch = e.epoch WHERE e.id = ?1
ON CONFLICT DO UPDATE SET hits = hits + excluded.hits, last_hit = max(last_hit, excluded.last_hit)
"""

# Deleting what older epochs and dropped models left, a bounded number of rows at a time. Epochs begin with 1: 0 stands for the query log.
GARBAGE = "SELECT model_id, epoch FROM garbage LIMIT 1"
GARBAGE_ROWS = "SELECT id, bytes FROM entry INDEXED BY entry_by_id WHERE model_id = ? AND epoch = ? LIMIT ?"
GARBAGE_LOOKUPS = "DELETE FROM lookup WHERE id IN (SELECT id FROM lookup INDEXED BY lookup_by_model WHERE model_id = ? LIMIT ?)"
SWEPT = "DELETE FROM garbage WHERE model_id = ? AND epoch = ?"
