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
///   chunks ─► until they are on disk ─► the durable marks ─► the list ─► until both are on disk
///                                                              ─► the chunks of bases that left the list are dropped
///
/// A list is one cell, so it names the old bases or the new ones; of two lists that with the newest base stays. What a
/// list names is on disk, whatever nodes forget, and it stays until the next one named can take its place. Thread: the
/// owner's.
class CassandraBases {
 public:
  using PutMarks = std::function<void(std::function<void(Result<Offset>)>)>;

  CassandraBases(CassandraRequests& requests, const CassandraStatements& statements, CassandraHealth& health,
                 Generation generation, std::int64_t timestamp_base)
      : requests_(requests),
        statements_(statements),
        health_(health),
        generation_(generation),
        timestamp_base_(timestamp_base) {}

  /// Makes a base and calls `then` when it is durable. kRefused: the partition has a newer one, by another worker that
  /// owns it. `timestamp` gives a number that nobody else gives, and that rises with each call. `put_marks` is called
  /// when what was acknowledged before this call is on disk: it puts the durable marks that are to be on disk when the
  /// base is, and answers which one of the partition is there now. A base is dropped only where the next is at or below
  /// that.
  void write(PartitionId partition, Base base, const std::function<std::int64_t()>& timestamp, PutMarks put_marks,
             std::function<void(Result<void>)> then);

  // These two wait.
  Result<std::optional<Base>> newest(PartitionId partition, Offset offset);
  Result<CassandraBaseLists> lists();

  /// Those are surely on disk; of partitions about which nothing newer is known.
  void note_durable(const CassandraBaseLists& lists);
  Offset oldest(PartitionId partition) const;

 private:
  struct Writing;
  /// Reads the list, finds the new base's place in it, and goes on.
  void place(const std::shared_ptr<Writing>& writing, const std::function<void()>& then);
  void put_chunks(const std::shared_ptr<Writing>& writing);
  void fail(const std::shared_ptr<Writing>& writing, Error error);
  void settle_chunks(const std::shared_ptr<Writing>& writing);
  void put_list(const std::shared_ptr<Writing>& writing, Offset sure);
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
