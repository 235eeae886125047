#include "store/rocksdb_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <cstdarg>
#include <memory>

#include "store/row_codec.h"

namespace quipu {
namespace {

constexpr double kFilterBitsPerPrefix = 10;
constexpr std::size_t kBufferSlack = 4;

rocksdb::CompressionType compression() {
  const auto known = rocksdb::GetSupportedCompressions();
  for (const auto wanted : {rocksdb::kLZ4Compression, rocksdb::kSnappyCompression}) {
    if (std::find(known.begin(), known.end(), wanted) != known.end()) return wanted;
  }
  return rocksdb::kNoCompression;
}

/// RocksDB's own recovery would flush what failed to be flushed, and closing it waits for that recovery, which ends
/// only when there is room. The database does this, by opening it anew. A compaction that found no room needs no
/// recovery: RocksDB looks once a second whether it fits by now, and it holds up nothing else.
class NoOwnRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

/// No diary of RocksDB's own: what goes wrong is in the statuses that it returns. Its file would be one more that can
/// fail, and Debian's build, which has assertions on, aborts the process at the next line after a failed one.
class NoDiary final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

}  // namespace

rocksdb::Options rocksdb_options(const RocksdbLimits& limits) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(limits.cache_bytes);
  // Indexes and filters count against the cache, in small pieces, so memory does not grow with the number of counters.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBitsPerPrefix));
  table.whole_key_filtering = false;  // Which shards a counter has is not known when it is looked up.
  table.format_version = 5;

  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(kRowPrefixBytes));
  // RocksDB is to flush nothing by itself: the database flushes when a buffer is full, long before this.
  options.write_buffer_size = kBufferSlack * limits.write_buffer_bytes;
  options.avoid_flush_during_shutdown = true;
  options.memtable_prefix_bloom_size_ratio = 0.1 / kBufferSlack;
  options.compression = compression();
  options.level_compaction_dynamic_level_bytes = true;
  options.max_open_files = limits.open_files_max;
  options.max_background_jobs = 2;
  // RocksDB holds a write back where compaction lags, down to 16 KiB/s, and what is read would stand behind it: for a
  // minute and more where compaction has no room. So it holds none back; where it would stop them, they are refused.
  options.level0_slowdown_writes_trigger = options.level0_stop_writes_trigger;
  options.soft_pending_compaction_bytes_limit = 0;
  options.bytes_per_sync = 1 << 20;
  options.listeners.push_back(std::make_shared<NoOwnRecovery>());
  options.info_log = std::make_shared<NoDiary>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

}  // namespace quipu
