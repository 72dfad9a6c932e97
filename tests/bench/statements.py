"""Three statements on pgbench's tables, for what a statement costs that nobody asked before."""

from __future__ import annotations

SMALL = "SELECT abalance FROM pgbench_accounts WHERE aid = 4711"

MEDIUM = """
SELECT b.bid, count(*) AS accounts, sum(a.abalance) AS balance, max(t.tbalance) AS highest
FROM pgbench_accounts AS a
JOIN pgbench_branches AS b ON b.bid = a.bid
LEFT JOIN pgbench_tellers AS t ON t.bid = b.bid AND t.tbalance > 10
WHERE a.aid BETWEEN 1000 AND 2000 AND (a.abalance <> 0 OR b.bbalance > 5)
GROUP BY b.bid
HAVING count(*) > 1
ORDER BY b.bid
LIMIT 20
"""

LARGE = """
WITH busy AS (
    SELECT a.aid, a.bid, a.abalance FROM pgbench_accounts AS a
    WHERE a.aid < 5000 AND a.bid IN (SELECT bid FROM pgbench_branches WHERE bbalance >= 0)
), moved AS (
    SELECT h.aid, h.tid, sum(h.delta) AS delta, count(*) AS moves FROM pgbench_history AS h
    WHERE h.delta > 0 GROUP BY h.aid, h.tid
), seen AS (
    SELECT r.station, max(r.id) AS newest, min(r.id) AS oldest FROM readings AS r WHERE r.id < 9000 GROUP BY r.station
)
SELECT b.aid, b.abalance, m.delta, m.moves, t.tbalance, s.newest - s.oldest AS distance,
       CASE WHEN b.abalance > 0 THEN 'plus' WHEN b.abalance < 0 THEN 'minus' ELSE 'none' END AS sign,
       coalesce(m.delta, 0) + coalesce(t.tbalance, 0) AS total
FROM busy AS b
LEFT JOIN moved AS m ON m.aid = b.aid
LEFT JOIN pgbench_tellers AS t ON t.tid = m.tid
LEFT JOIN seen AS s ON s.station = b.aid
WHERE EXISTS (SELECT 1 FROM pgbench_branches AS x WHERE x.bid = b.bid AND x.bbalance < 1000)
UNION ALL
SELECT a.aid, a.abalance, 0, 0, 0, 0, 'other', a.abalance FROM pgbench_accounts AS a
WHERE a.aid BETWEEN 20000 AND 20010 AND a.bid NOT IN (SELECT bid FROM pgbench_branches WHERE bbalance > 7)
ORDER BY 1
LIMIT 100
"""

SIZES = {"small": SMALL, "medium": MEDIUM, "large": LARGE}
