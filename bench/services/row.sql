\set id random(1, :counters)
UPDATE bench_row SET v = v + 1 WHERE id = :id;
