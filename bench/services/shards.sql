\set id random(1, :counters)
\set shard random(1, 10)
UPDATE bench_shards SET v = v + 1 WHERE id = :id AND shard = :shard;
