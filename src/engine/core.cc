#include "engine/core.h"

#include <span>
#include <utility>

#include "base/check.h"

namespace quipu {
namespace {

/// Of the table's bound, what clean counters that are awake may take: 130,000 at 1 GiB, and little
/// beside those that are at rest.
constexpr std::size_t kAwakeShare = 128;

}  // namespace

Core::Core(const EngineOptions& engine_options, EventLog& event_log, CounterStore& counter_store)
    : options(engine_options),
      log(event_log),
      store(counter_store),
      spaces(options.namespaces_max, options.namespaces_auto_create, options.table_hash_seed),
      totals(options.table_hash_seed, options.secret, log.identity().generation, log.partitions()),
      frames(log.identity(), options.writer, log.partitions(), options.table_hash_seed) {
  totals.set_awake_max(options.table_bytes_max / kAwakeShare / sizeof(Counter));
  const AggregatorOptions aggregator{options.ids_max, options.sources_max};
  for (std::uint16_t p = 0; p < log.partitions(); ++p) {
    partitions.emplace_back(ShardId{log.identity().generation, PartitionId{p}}, aggregator);
  }
}

std::size_t Core::dirty_bytes() const {
  std::size_t sources = 0;
  for (const Aggregator& partition : partitions) sources += partition.sources().changes();
  return totals.dirty_shards() * kDirtyShardBytes + sources * kDirtySourceBytes;
}

std::uint64_t Core::expect(StoreDone done) {
  const auto token = next_token_++;
  waiting_.emplace(token, std::move(done));
  return token;
}

bool Core::table_overfull() const {
  const auto most = options.table_bytes_max + options.table_bytes_max / 8 + kTableSlackBytes;
  return totals.table().live_bytes() > most || totals.table().full();
}

void Core::write(StoreWrite request, StoreDone done) {
  request.token = expect(std::move(done));
  store.write(std::move(request));
}

void Core::load(StoreLoad request, StoreDone done) {
  request.token = expect(std::move(done));
  store.load(std::move(request));
}

void Core::scan(StoreScan request, StoreDone done) {
  request.token = expect(std::move(done));
  store.scan(request);
}

void Core::write_base(Base base, StoreDone done) {
  const auto token = expect(std::move(done));
  store.write_base(std::move(base), token);
}

void Core::take_store_completions() {
  completions_.clear();
  store.take_completions(completions_);
  for (StoreCompletion& completion : completions_) {
    const auto waiting = waiting_.find(completion.token);
    if (waiting == waiting_.end()) continue;  // "May have forgotten" has no token; an embedded store never says so.
    const auto done = std::move(waiting->second);
    waiting_.erase(waiting);
    done(completion);
  }
}

void Core::abandon_store(const Error& error) {
  for (const auto& [token, done] : std::exchange(waiting_, {})) {
    StoreCompletion completion;
    completion.token = token;
    completion.result = std::unexpected(error);
    done(completion);
  }
}

void Core::load_rows(const RowBatch& rows) {
  for_each_counter(rows, [&](std::string_view space, std::string_view, std::span<const RowBatch::Item> items) {
    totals.load(spaces.restore(space), rows, items);
  });
  stats.rows_loaded += rows.size();
}

void for_each_counter(
    const RowBatch& rows,
    const std::function<void(std::string_view, std::string_view, std::span<const RowBatch::Item>)>& each) {
  const std::span<const RowBatch::Item> items(rows.items());
  for (std::size_t begin = 0; begin < items.size();) {
    const auto space = rows.space(items[begin]);
    const auto counter = rows.counter(items[begin]);
    auto end = begin + 1;
    while (end < items.size() && rows.counter(items[end]) == counter && rows.space(items[end]) == space) ++end;
    each(space, counter, items.subspan(begin, end - begin));
    begin = end;
  }
}

}  // namespace quipu
