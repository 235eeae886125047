#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "log/event_log.h"
#include "sim/random.h"
#include "sim/trace.h"

namespace quipu::sim {

/// What the brokers keep of the log: a topic with partitions of records. Each partition has offsets of its own, without
/// gaps. Everyone sees the same, until an unclean election or a topic made anew takes that away.
class SimTopic {
 public:
  using RandomBits = decltype(LogIdentity::random);

  /// `bits`: of the first topic; a later one has others.
  SimTopic(std::uint16_t partitions, const RandomBits& bits, Random& random, Trace& trace)
      : random_(random), trace_(trace), bits_(bits), partitions_(partitions) {}

  /// Fetches are late, and partitions away, only while this is set.
  bool faulty = false;
  TimeMs now = 0;

  /// Is told of each record as it gets its offset.
  std::function<void(PartitionId, Offset, ByteView)> appended = [](PartitionId, Offset, ByteView) {};

  std::uint16_t partitions() const { return static_cast<std::uint16_t>(partitions_.size()); }
  void add_partition() { partitions_.emplace_back(); }
  /// It takes no records for so long: it has no leader. What is there can be read.
  void go_away(PartitionId partition, TimeMs ms);
  bool takes(PartitionId partition) const { return !faulty || partitions_.at(partition.value).away_until <= now; }
  /// Another one each time that the topic is made.
  std::uint64_t id() const { return id_; }
  /// The same, as a log's identity has it.
  const RandomBits& random_bits() const { return bits_; }

  Offset append(PartitionId partition, ByteView record);
  LogBounds bounds(PartitionId partition) const;
  const Bytes& record(PartitionId partition, Offset offset) const;
  /// Someone has read up to `next`.
  void note_read(PartitionId partition, Offset next);
  /// Where those records begin that nobody has read.
  Offset read_below(PartitionId partition) const { return partitions_.at(partition.value).read_below; }
  void trim(PartitionId partition, Offset below);
  /// The same, by the brokers themselves.
  void remove(PartitionId partition, Offset below);

  /// A producer was left behind with records of one partition on their way: some of the first of them arrive yet, in
  /// their order, some time later.
  void leave_behind(PartitionId partition, std::deque<Bytes> records);
  /// Some of what was left behind arrives; or all of it. What is older than all boots of its node that are told apart
  /// does not: of ids that the window has forgotten by then it would be counted again (docs/formats/checkpoint.md).
  void arrive();
  void arrive_all();

  /// An unclean election: the newest `count` records of a partition are gone.
  void cut(PartitionId partition, std::uint64_t count);
  /// Who asks until then is told that it ends there, where it ends before.
  void tell_end(PartitionId partition, Offset end, TimeMs until);
  /// Where it begins and ends, as who asks is told.
  LogBounds told_bounds(PartitionId partition) const;
  /// The topic was deleted and made anew: it is empty, and what was left behind does not know it.
  void make_anew(std::uint16_t partitions);

 private:
  struct Kept {
    Offset begin{1};
    std::deque<Bytes> records;
    TimeMs away_until = 0;
    Offset read_below{1};
    Offset told_end{};
    TimeMs told_until = 0;
    Offset end() const { return Offset(begin.value + records.size()); }
  };
  bool too_late(PartitionId partition, ByteView record) const;

  struct Late {
    PartitionId partition{};
    std::deque<Bytes> records;
  };

  Random& random_;
  Trace& trace_;
  RandomBits bits_;
  std::vector<Kept> partitions_;
  std::vector<Late> late_;
  std::map<std::pair<PartitionId, std::uint64_t>, std::set<std::uint32_t>> boots_;  // Of a node, by its records there.
  std::uint64_t id_ = 1;
};

}  // namespace quipu::sim
