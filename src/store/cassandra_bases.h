#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "store/cassandra_health.h"
#include "store/cassandra_requests.h"
#include "store/cassandra_rows.h"
#include "store/cassandra_schema.h"
#include "store/cassandra_start.h"
#include "store/counter_store.h"

namespace quipu {

/// The bases of one generation: their windows in chunks, and a list for each partition that names two: the newest, and
/// one before it, which is at or below the durable mark once that is on disk.
///
///   chunks ─► the list ─► the time until both are on disk ─► the chunks of bases that left the list are dropped
///
/// A list is one cell, so it names the old bases or the new ones; of two lists that with the newest base stays. Thread:
/// the owner's.
class CassandraBases {
 public:
  CassandraBases(CassandraRequests& requests, const CassandraStatements& statements, CassandraHealth& health,
                 Generation generation, std::int64_t timestamp_base)
      : requests_(requests),
        statements_(statements),
        health_(health),
        generation_(generation),
        timestamp_base_(timestamp_base) {}

  /// Makes a base and calls `then` when it is durable. kRefused: the partition has a newer one, by another worker that
  /// owns it. `timestamp` gives a number that nobody else gives, and that rises with each call. `sure` is
  /// a durable mark that is on disk: a base is dropped only where the next is at or below it.
  void write(PartitionId partition, Base base, Offset sure, const std::function<std::int64_t()>& timestamp,
             std::function<void(Result<void>)> then);

  // These two wait.
  Result<std::optional<Base>> newest(PartitionId partition, Offset offset);
  Result<CassandraBaseLists> lists();

  /// Those are surely on disk; of partitions about which nothing newer is known.
  void note_durable(const CassandraBaseLists& lists);
  Offset oldest(PartitionId partition) const;

 private:
  struct Writing;
  void put_chunks(const std::shared_ptr<Writing>& writing);
  void put_list(const std::shared_ptr<Writing>& writing);
  void believe(const std::shared_ptr<Writing>& writing);
  void drop_chunks(PartitionId partition, const std::vector<CassandraBase>& dropped);

  CassandraRequests& requests_;
  const CassandraStatements statements_;
  CassandraHealth& health_;
  const Generation generation_;
  const std::int64_t timestamp_base_;
  CassandraBaseLists durable_;
};

}  // namespace quipu
