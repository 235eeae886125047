#include "store/memory_store.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "store/row_codec.h"

namespace quipu {
namespace {

void add_row(RowBatch& rows, const std::string& key, const Row& row) {
  const auto parts = read_row_key(key);
  QUIPU_CHECK(parts.has_value());
  rows.add(parts->routing, parts->space, parts->counter, parts->shard, row);
}

}  // namespace

Result<std::vector<Watermark>> MemoryStore::watermarks() {
  std::vector<Watermark> all;
  all.reserve(state_.watermarks.size());
  for (const auto& [partition, mark] : state_.watermarks) all.push_back(mark);
  return all;
}

Result<std::vector<SourceRow>> MemoryStore::sources() {
  std::vector<SourceRow> all;
  all.reserve(state_.sources.size());
  for (const auto& [key, row] : state_.sources) all.push_back(row);
  return all;
}

Result<std::vector<std::pair<std::string, std::string>>> MemoryStore::settings() {
  if (!settings_failures_.empty()) {
    Error error = std::move(settings_failures_.front());
    settings_failures_.pop_front();
    return std::unexpected(std::move(error));
  }
  return std::vector<std::pair<std::string, std::string>>(state_.settings.begin(), state_.settings.end());
}

Result<std::optional<Base>> MemoryStore::newest_base(Offset offset) {
  std::optional<Base> newest;
  for (const Base& base : bases_) {
    if (base.offset <= offset) newest = base;
  }
  return newest;
}

void MemoryStore::write(StoreWrite write) { waiting_.emplace_back(std::move(write)); }
void MemoryStore::load(StoreLoad load) { waiting_.emplace_back(std::move(load)); }
void MemoryStore::scan(StoreScan scan) { waiting_.emplace_back(scan); }
void MemoryStore::write_base(Base base, std::uint64_t token) {
  waiting_.emplace_back(BaseRequest{std::move(base), token});
}

void MemoryStore::take_completions(std::vector<StoreCompletion>& out) {
  if (!held_) perform(waiting_.size());
  std::move(completions_.begin(), completions_.end(), std::back_inserter(out));
  completions_.clear();
}

void MemoryStore::perform(std::size_t count) {
  for (; count > 0 && !waiting_.empty(); --count) {
    Request request = std::move(waiting_.front());
    waiting_.pop_front();
    completions_.push_back(std::visit([this](auto& what) { return perform(what); }, request));
  }
}

StoreCompletion MemoryStore::perform(StoreWrite& write) {
  StoreCompletion completion{StoreCompletion::Kind::kWrite, write.token, {}, {}, {}};
  if (take_failure(completion)) return completion;
  apply(state_, write);
  const bool syncs = write.sync;
  unsynced_.push_back(std::move(write));
  if (syncs) sync();
  return completion;
}

StoreCompletion MemoryStore::perform(const StoreLoad& load) {
  StoreCompletion completion{StoreCompletion::Kind::kLoad, load.token, {}, {}, {}};
  if (take_failure(completion)) return completion;
  for (const CounterKey& key : load.keys) {
    std::string prefix;
    put_counter_prefix(prefix, key.routing, key.space, key.counter);
    for (auto at = state_.rows.lower_bound(prefix); at != state_.rows.end() && at->first.starts_with(prefix); ++at) {
      add_row(completion.rows, at->first, at->second);
    }
  }
  return completion;
}

StoreCompletion MemoryStore::perform(const StoreScan& scan) {
  StoreCompletion completion{StoreCompletion::Kind::kScan, scan.token, {}, {}, {}};
  if (take_failure(completion)) return completion;
  std::string prefix;
  put_row_prefix(prefix, scan.from);
  for (auto at = state_.rows.lower_bound(prefix); at != state_.rows.end(); ++at) {
    const auto routing = read_row_key(at->first)->routing;
    if (completion.rows.size() >= std::max<std::size_t>(scan.rows_max, 1) &&
        routing != completion.rows.items().back().routing) {
      completion.next = routing;
      break;
    }
    add_row(completion.rows, at->first, at->second);
  }
  return completion;
}

StoreCompletion MemoryStore::perform(BaseRequest& request) {
  StoreCompletion completion{StoreCompletion::Kind::kBase, request.token, {}, {}, {}};
  if (take_failure(completion)) return completion;
  sync();
  // Those at or above it are of an older log, whose offsets mean nothing any more.
  std::erase_if(bases_, [&](const Base& base) { return base.offset >= request.base.offset; });
  bases_.push_back(std::move(request.base));
  if (bases_.size() > 2) bases_.erase(bases_.begin(), bases_.end() - 2);
  return completion;
}

bool MemoryStore::take_failure(StoreCompletion& completion) {
  auto& errors = failures_[completion.kind];
  if (errors.empty()) return false;
  completion.result = std::unexpected(std::move(errors.front()));
  errors.pop_front();
  return true;
}

void MemoryStore::apply(State& state, const StoreWrite& write) {
  for (const RowBatch::Item& item : write.rows.items()) {
    std::string key;
    put_row_key(key, item.routing, write.rows.space(item), write.rows.counter(item), item.shard);
    const auto [at, fresh] = state.rows.try_emplace(std::move(key), item.row);
    if (fresh) continue;
    if (item.row.applied < at->second.applied) {
      if (&state == &state_) ++older_rows_;
      continue;
    }
    at->second = item.row;
  }
  for (const SourceRow& row : write.sources) {
    const std::pair key{row.partition, row.source};
    if (row.forgotten) {
      state.sources.erase(key);
    } else {
      state.sources[key] = row;
    }
  }
  for (const auto& [name, text] : write.settings) state.settings[name] = text;
  for (const Watermark& mark : write.watermarks) state.watermarks[mark.partition] = mark;
}

void MemoryStore::sync() {
  for (const StoreWrite& write : unsynced_) apply(durable_, write);
  unsynced_.clear();
}

Offset MemoryStore::durable_watermark(PartitionId partition) const {
  const auto mark = durable_.watermarks.find(partition);
  return mark == durable_.watermarks.end() ? kNoOffset : mark->second.offset;
}

void MemoryStore::crash(std::size_t kept) {
  waiting_.clear();
  completions_.clear();
  unsynced_.resize(std::min(kept, unsynced_.size()));
  sync();
  state_ = durable_;
}

void MemoryStore::restart(std::size_t kept) {
  crash(kept);
  completions_.push_back({StoreCompletion::Kind::kForgot, 0, {}, {}, {}});
}

}  // namespace quipu
