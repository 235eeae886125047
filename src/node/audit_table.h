#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aggregate/shard.h"
#include "base/hash.h"
#include "base/identifiers.h"
#include "event/entry.h"
#include "node/audit.h"
#include "store/counter_store.h"

namespace quipu {

/// The shards that an audit looks at, each as the log makes it beside what the store has. A plain table that shares
/// nothing with the service's. Thread: one.
class AuditTable {
 public:
  struct Audited {
    Shard fresh;  ///< As the log makes it.
    Row stored;
    bool in_store = false;
    /// Whether `fresh` is all of it: false where the log does not keep the shard's beginning.
    bool whole = true;
    std::uint64_t routing = 0;  ///< Set by those who need it.
    std::uint64_t later_entries = 0;
  };

  /// `hash_seed`: not known to users, for names come from them.
  AuditTable(Generation generation, std::uint64_t hash_seed)
      : generation_(generation), shards_(0, SeededHasher{hash_seed}) {}

  /// Makes it where it is not there. Stays where it is until it is dropped.
  Audited& at(PartitionId partition, std::string_view space, std::string_view counter);

  /// Counts an entry of the log that no chain, window of ids or source takes out, or notes that it is not due in the
  /// store: it is above both what the row includes and `watermark`.
  void apply(Audited& audited, const Entry& entry, Offset offset, Offset watermark) const;

  /// Adds to `report` what was compared and how it differs. `watermarks` by partition; rows above `newest` of their
  /// partition (where it is given) claim what the log never had.
  void compare(const std::vector<Offset>& watermarks, const std::vector<Offset>& newest, AuditReport& report) const;

  std::size_t size() const { return shards_.size(); }
  void clear() { shards_.clear(); }
  /// Calls `take` with each.
  void for_each(const std::function<void(PartitionId, Audited&)>& take);
  void drop_if(const std::function<bool(const Audited&)>& goes);

 private:
  Generation generation_;
  std::unordered_map<std::string, Audited, SeededHasher> shards_;  // By partition, namespace, a zero, counter.
};

}  // namespace quipu
