#include "sim/distributed/cassandra_cluster.h"

#include <algorithm>
#include <utility>

#include "base/planted.h"

namespace quipu::sim {
namespace {

constexpr std::size_t kQuorum = SimCassandra::kNodes / 2 + 1;

}  // namespace

void SimCassandra::take(Node& node, const Key& key, const Cell& cell) {
  const auto at = node.rows.find(key);
  if (at != node.rows.end() && cell <= at->second) return;
  node.unsynced.push_back({key, at == node.rows.end() ? std::nullopt : std::optional(at->second)});
  node.rows.insert_or_assign(key, cell);
}

void SimCassandra::tick(TimeMs steady) {
  now_ = steady;
  for (Node& node : nodes_) {
    if (!node.up || now_ - node.synced_at < settings_.sync_ms) continue;
    node.unsynced.clear();
    node.synced_at = now_;
  }
  while (!late_.empty() && random_.one_in(8)) {
    const auto at = late_.begin() + static_cast<std::ptrdiff_t>(random_.below(late_.size()));
    const Late late = std::move(*at);
    late_.erase(at);
    if (nodes_[late.node].up) take(nodes_[late.node], late.key, late.cell);
  }
}

void SimCassandra::arrive_all() {
  for (const Late& late : std::exchange(late_, {})) {
    if (nodes_[late.node].up) take(nodes_[late.node], late.key, late.cell);
  }
}

/// Whether a node has the write in time.
bool SimCassandra::reaches(std::size_t node, const Key& key, const Cell& cell) {
  if (!nodes_[node].up) {
    // Who coordinates may keep it until the node is there again.
    if (faulty && random_.one_in(2)) late_.push_back({node, key, cell});
    return false;
  }
  const auto& rates = settings_.faults;
  if (faulty && random_.one_in(rates.write_missed)) {
    trace_.fault(Fault::kWriteMissed);
    return false;
  }
  if (faulty && random_.one_in(rates.write_late)) {
    trace_.fault(Fault::kWriteLate);
    late_.push_back({node, key, cell});
    return false;
  }
  take(nodes_[node], key, cell);
  if (!faulty || !random_.one_in(rates.write_answer_lost)) return true;
  trace_.fault(Fault::kReplicaAnswerLost);
  return false;
}

SimCassandra::Answer SimCassandra::write(const Key& key, const Cell& cell) {
  if (up() < kQuorum) return Answer::kUnavailable;
  std::size_t acknowledged = 0;
  for (std::size_t node = 0; node < kNodes; ++node) acknowledged += reaches(node, key, cell) ? 1 : 0;
  if (acknowledged >= kQuorum) return Answer::kDone;
  trace_.fault(Fault::kStoreTimesOut, "a write");
  return Answer::kUnknown;
}

void SimCassandra::write_later(const Key& key, const Cell& cell) {
  const auto only = random_.below(2 * kNodes);  // Often it reaches just one.
  for (std::size_t node = 0; node < kNodes; ++node) {
    if (only < kNodes ? node == only : random_.one_in(2)) late_.push_back({node, key, cell});
  }
}

std::vector<std::size_t> SimCassandra::drawn_nodes(std::size_t count) {
  std::vector<std::size_t> drawn;
  for (std::size_t node = 0; node < kNodes; ++node) {
    if (nodes_[node].up) drawn.push_back(node);
  }
  while (drawn.size() > count) drawn.erase(drawn.begin() + static_cast<std::ptrdiff_t>(random_.below(drawn.size())));
  return drawn;
}

SimCassandra::Answer SimCassandra::read(std::string_view prefix, Rows& out, bool all_nodes) {
  const auto least = all_nodes ? kNodes : kQuorum;
  if (up() < least) return Answer::kUnavailable;
  if (faulty && random_.one_in(settings_.faults.read_times_out)) {
    trace_.fault(Fault::kStoreTimesOut, "a read");
    return Answer::kUnknown;
  }
  const auto asked = drawn_nodes(QUIPU_PLANTED("row-loaded-at-one") ? 1 : least);
  Rows found;
  for (const auto number : asked) {
    const Rows& rows = nodes_[number].rows;
    for (auto at = rows.lower_bound(prefix); at != rows.end() && begins(at->first, prefix); ++at) {
      Cell& cell = found.try_emplace(at->first, at->second).first->second;
      cell = std::max(cell, at->second);
    }
  }
  // The answer waits until all who were asked have what it says, so that no later one is older.
  for (const auto number : asked) {
    if (QUIPU_PLANTED("read-not-repaired")) break;
    for (const auto& [key, cell] : found) take(nodes_[number], key, cell);
  }
  for (auto& [key, cell] : found) {
    if (!cell.deleted) out.insert_or_assign(key, std::move(cell));
  }
  return Answer::kDone;
}

SimCassandra::Answer SimCassandra::claim(const Key& key, const Cell& cell) {
  Rows found;
  if (const auto answer = read(key, found); answer != Answer::kDone || found.contains(key)) return answer;
  return write(key, cell);
}

SimCassandra::Answer SimCassandra::remove(std::string_view prefix, std::string_view end, std::int64_t timestamp) {
  if (up() < kQuorum) return Answer::kUnavailable;
  for (Node& node : nodes_) {
    if (!node.up) continue;
    std::vector<Key> gone;
    for (auto at = node.rows.lower_bound(prefix); at != node.rows.end() && begins(at->first, prefix); ++at) {
      if (at->first < end && at->second.timestamp <= timestamp) gone.push_back(at->first);
    }
    for (const Key& key : gone) take(node, key, {timestamp, true, {}});
  }
  return Answer::kDone;
}

void SimCassandra::fail(std::size_t number) {
  Node& node = nodes_[number];
  node.up = false;
  node.failed = true;
  const auto kept = random_.below(node.unsynced.size() + 1);
  if (kept < node.unsynced.size()) {
    forgot_ = true;
    trace_.fault(Fault::kReplicaForgets,
                 "node " + std::to_string(number) + ", " + std::to_string(node.unsynced.size() - kept) + " writes");
  }
  for (; node.unsynced.size() > kept; node.unsynced.pop_back()) {
    auto& [key, before] = node.unsynced.back();
    if (before) {
      node.rows.insert_or_assign(key, *before);
    } else {
      node.rows.erase(key);
    }
  }
  node.unsynced.clear();
}

void SimCassandra::part(std::size_t node) { nodes_[node].up = false; }

void SimCassandra::join(std::size_t number) {
  Node& node = nodes_[number];
  node.up = true;
  if (std::exchange(node.failed, false)) ++node.generation;
}

std::size_t SimCassandra::up() const {
  return static_cast<std::size_t>(std::ranges::count_if(nodes_, [](const Node& node) { return node.up; }));
}

SimCassandra::Rows SimCassandra::all(std::string_view prefix) const {
  Rows found;
  for (const Node& node : nodes_) {
    for (auto at = node.rows.lower_bound(prefix); at != node.rows.end() && begins(at->first, prefix); ++at) {
      Cell& cell = found.try_emplace(at->first, at->second).first->second;
      cell = std::max(cell, at->second);
    }
  }
  std::erase_if(found, [](const auto& row) { return row.second.deleted; });
  return found;
}

}  // namespace quipu::sim
