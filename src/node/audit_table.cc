#include "node/audit_table.h"

#include <algorithm>
#include <span>
#include <unordered_set>

namespace quipu {
namespace {

constexpr std::size_t kPartitionBytes = 2;

/// Partition, namespace, a zero, counter. A namespace holds no zero.
std::string key_of(PartitionId partition, std::string_view space, std::string_view counter) {
  std::string key(kPartitionBytes, '\0');
  key[0] = static_cast<char>(partition.value & 0xff);
  key[1] = static_cast<char>(partition.value >> 8);
  key.append(space).append(1, '\0').append(counter);
  return key;
}

PartitionId partition_of(std::string_view key) {
  return PartitionId{
      static_cast<std::uint16_t>(static_cast<unsigned char>(key[0]) | (static_cast<unsigned char>(key[1]) << 8))};
}

}  // namespace

AuditTable::Audited& AuditTable::at(PartitionId partition, std::string_view space, std::string_view counter) {
  return shards_[key_of(partition, space, counter)];
}

void AuditTable::apply(Audited& audited, const Entry& entry, Offset offset, Offset watermark) const {
  if (offset > std::max(audited.stored.applied, watermark)) {
    ++audited.later_entries;
    return;
  }
  if (!audited.fresh.lacks(offset)) return;
  if (entry.kind == EntryKind::kReset) {
    // One that was passed on may be a repeat, which begins nothing.
    const bool first = entry.epoch == Epoch{};
    audited.whole |= audited.fresh.reset(first ? epoch_of(generation_, offset) : entry.epoch, offset) && first;
  } else {
    audited.fresh.add(entry.delta, entry.events, offset);
  }
}

void AuditTable::compare(const std::vector<Offset>& watermarks, const std::vector<Offset>& newest,
                         AuditReport& report) const {
  std::vector<std::pair<std::string_view, const Audited*>> wrong;
  std::unordered_set<std::string_view, SeededHasher> counters(0, shards_.hash_function());
  for (const auto& [key, audited] : shards_) {
    const Row& log = audited.fresh.row;
    const Row& store = audited.stored;
    report.later_entries += audited.later_entries;
    if (!audited.in_store && log == Row{}) continue;  // All of it is later than what is due.
    counters.insert(std::string_view(key).substr(kPartitionBytes));
    const auto partition = partition_of(key).value;
    const bool claims = partition < newest.size() && store.applied > newest[partition];
    if (!audited.whole && audited.in_store && !claims) {
      ++report.partial_rows;
      continue;
    }
    ++report.rows;
    const bool same = audited.in_store && !claims && log.total == store.total && log.events == store.events &&
                      log.epoch == store.epoch && log.flags == store.flags;
    if (!same) wrong.emplace_back(key, &audited);
  }
  report.counters += counters.size();
  report.differences += wrong.size();
  const auto shown = std::min(wrong.size(), kAuditShown - std::min(kAuditShown, report.first_differences.size()));
  std::ranges::partial_sort(wrong, wrong.begin() + static_cast<std::ptrdiff_t>(shown), {},
                            [](const auto& one) { return one.first; });
  for (const auto& [key, audited] : std::span(wrong).first(shown)) {
    const auto zero = key.find('\0', kPartitionBytes);
    AuditDifference difference;
    difference.partition = partition_of(key);
    difference.space = key.substr(kPartitionBytes, zero - kPartitionBytes);
    difference.counter = key.substr(zero + 1);
    difference.upto = std::max(audited->stored.applied, watermarks[difference.partition.value]);
    difference.in_store = audited->in_store;
    difference.store = audited->stored;
    difference.log = audited->fresh.row;
    report.first_differences.push_back(std::move(difference));
  }
}

void AuditTable::for_each(const std::function<void(PartitionId, Audited&)>& take) {
  for (auto& [key, audited] : shards_) take(partition_of(key), audited);
}

void AuditTable::drop_if(const std::function<bool(const Audited&)>& goes) {
  std::erase_if(shards_, [&](const auto& item) { return goes(item.second); });
}

}  // namespace quipu
