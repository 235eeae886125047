#include "store/rocksdb_database.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstdarg>
#include <functional>

#include "base/check.h"
#include "store/row_codec.h"

namespace quipu {
namespace {

constexpr std::int64_t kRetryMs = 1'000;
constexpr double kFilterBitsPerPrefix = 10;

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

rocksdb::CompressionType compression() {
  const auto known = rocksdb::GetSupportedCompressions();
  for (const auto wanted : {rocksdb::kLZ4Compression, rocksdb::kSnappyCompression}) {
    if (std::find(known.begin(), known.end(), wanted) != known.end()) return wanted;
  }
  return rocksdb::kNoCompression;
}

/// RocksDB's own recovery looks for room every few seconds, and refuses ours meanwhile. We go on at the next request.
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

rocksdb::Options options_of(const RocksdbLimits& limits) {
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
  options.memtable_prefix_bloom_size_ratio = 0.1;
  options.compression = compression();
  options.level_compaction_dynamic_level_bytes = true;
  options.write_buffer_size = limits.write_buffer_bytes;
  options.max_write_buffer_number = 3;
  options.max_open_files = limits.open_files_max;
  options.max_background_jobs = 2;
  options.bytes_per_sync = 1 << 20;
  options.avoid_flush_during_shutdown = false;
  options.listeners.push_back(std::make_shared<NoOwnRecovery>());
  options.info_log = std::make_shared<NoDiary>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

Error error_of(const std::string& what, const rocksdb::Status& status) {
  const auto text = what + ": " + status.ToString();
  const bool passes = status.IsNoSpace() || status.IsBusy() || status.IsIncomplete() || status.IsTryAgain() ||
                      (!status.IsCorruption() && (status.severity() == rocksdb::Status::kSoftError ||
                                                  status.severity() == rocksdb::Status::kHardError));
  if (passes) return Error{Code::kBusy, text, kRetryMs};
  return Error{Code::kDamaged, text, 0};
}

}  // namespace

class RocksdbDatabase::State {
 public:
  State(std::string directory_path, std::unique_ptr<rocksdb::DB> database)
      : directory(std::move(directory_path)), db(std::move(database)) {
    unlogged.disableWAL = true;
  }

  Result<void> checked(const char* what, const rocksdb::Status& status) {
    if (status.ok()) return {};
    ailing = true;
    return std::unexpected(error_of(directory + ": cannot " + what, status));
  }

  /// After a failure RocksDB refuses every write until it is told to go on, which works when there is room again.
  Result<void> resume() {
    if (!ailing) return {};
    const auto status = db->Resume();
    if (!status.ok()) return std::unexpected(error_of(directory + ": cannot go on after an error", status));
    ailing = false;
    return {};
  }

  /// Calls `take(key, value)` for all keys of a kind, in their order.
  template <class Take>
  Result<void> for_each(KeyKind kind, Take take) const {
    rocksdb::ReadOptions read;
    read.total_order_seek = true;
    const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(read));
    const std::string prefix(1, static_cast<char>(kind));
    for (at->Seek(slice(prefix)); at->Valid() && at->key().starts_with(slice(prefix)); at->Next()) {
      if (auto taken = take(view(at->key()), view(at->value())); !taken) {
        return damaged(view(at->key()), taken.error().what);
      }
    }
    return finished(*at);
  }

  Result<void> finished(const rocksdb::Iterator& at) const {
    if (at.status().ok()) return {};
    return std::unexpected(error_of(directory + ": cannot read", at.status()));
  }

  std::unexpected<Error> damaged(std::string_view key, const std::string& what) const {
    return failure(Code::kDamaged, directory + ": " + key_text(key) + ": " + what);
  }

  Result<void> add_row(std::string_view key, std::string_view value, RowBatch& rows) const {
    const auto parts = read_row_key(key);
    if (!parts) return damaged(key, "a row's key that is none");
    const auto row = read_row_value(value);
    if (!row) return damaged(key, row.error().what);
    rows.add(parts->routing, parts->space, parts->counter, parts->shard, *row);
    return {};
  }

  Result<void> check_format();

  const std::string directory;
  const std::unique_ptr<rocksdb::DB> db;
  rocksdb::WriteOptions unlogged;
  bool ailing = false;
};

Result<void> RocksdbDatabase::State::check_format() {
  std::string value;
  const auto status = db->Get({}, slice(format_key()), &value);
  if (status.ok()) {
    const auto version = read_format_value(value);
    if (!version) return damaged(format_key(), version.error().what);
    if (*version != kStoreFormatVersion) {
      return failure(Code::kRefused, directory + " was written with version " + std::to_string(*version) +
                                         " of the store's format, this program reads version " +
                                         std::to_string(kStoreFormatVersion) + ": use the program that wrote it");
    }
    return {};
  }
  if (!status.IsNotFound()) return std::unexpected(error_of(directory + ": cannot read", status));
  const std::unique_ptr<rocksdb::Iterator> any(db->NewIterator({}));
  any->SeekToFirst();
  if (any->Valid()) return damaged(view(any->key()), "there are keys, but none that names the format's version");
  if (auto finish = finished(*any); !finish) return finish;
  if (auto put = checked("write", db->Put(unlogged, slice(format_key()), slice(format_value(kStoreFormatVersion))));
      !put) {
    return put;
  }
  return checked("flush", db->Flush({}));
}

RocksdbDatabase::RocksdbDatabase(std::unique_ptr<State> state) : state_(std::move(state)) {}

RocksdbDatabase::~RocksdbDatabase() {
  // What Close would say is lost on nobody: unflushed rows are in the log, and are read again from there.
  if (!state_->resume()) return;
  state_->db->Close().PermitUncheckedError();
}

Result<std::unique_ptr<RocksdbDatabase>> RocksdbDatabase::open(const std::string& directory,
                                                               const RocksdbLimits& limits) {
  rocksdb::DB* opened = nullptr;
  const auto status = rocksdb::DB::Open(options_of(limits), directory, &opened);
  std::unique_ptr<rocksdb::DB> db(opened);
  if (!status.ok()) {
    auto error = error_of(directory + ": cannot open the store", status);
    if (status.IsIOError() && error.what.find("lock") != std::string::npos) {
      error = Error{Code::kRefused, directory + ": another process has the store open (" + status.ToString() + ")", 0};
    }
    return std::unexpected(std::move(error));
  }
  auto state = std::make_unique<State>(directory, std::move(db));
  if (auto checked = state->check_format(); !checked) return std::unexpected(checked.error());
  return std::unique_ptr<RocksdbDatabase>(new RocksdbDatabase(std::move(state)));
}

Result<void> RocksdbDatabase::write(const StoreWrite& write) {
  if (auto resumed = state_->resume(); !resumed) return resumed;
  rocksdb::WriteBatch batch(write.rows.bytes() + write.rows.size() * 32);
  rocksdb::Status status;  // Adding to a batch fails only beyond 4 GiB.
  const auto put = [&](std::string_view key, std::string_view value) {
    if (status.ok()) status = batch.Put(slice(key), slice(value));
  };
  std::string key;
  std::string value;
  for (const RowBatch::Item& item : write.rows.items()) {
    key.clear();
    value.clear();
    put_row_key(key, item.routing, write.rows.space(item), write.rows.counter(item), item.shard);
    put_row_value(value, item.row);
    put(key, value);
  }
  for (const SourceRow& row : write.sources) {
    if (!row.forgotten) {
      put(source_key(row.partition, row.source), source_value(row));
    } else if (status.ok()) {
      status = batch.Delete(slice(source_key(row.partition, row.source)));
    }
  }
  for (const auto& [name, text] : write.settings) put(setting_key(name), setting_value(text));
  for (const Watermark& mark : write.watermarks) put(watermark_key(mark.partition), watermark_value(mark));
  if (status.ok()) status = state_->db->Write(state_->unlogged, &batch);
  return state_->checked("write", status);
}

Result<void> RocksdbDatabase::flush() {
  if (auto resumed = state_->resume(); !resumed) return resumed;
  return state_->checked("flush", state_->db->Flush({}));
}

Result<void> RocksdbDatabase::checkpoint(const std::string& path) {
  if (auto flushed = flush(); !flushed) return flushed;
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(state_->db.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(path);
  // A failed copy does not make the database itself refuse writes.
  if (!status.ok()) return std::unexpected(error_of(path + ": cannot make a checkpoint", status));
  return {};
}

Result<void> RocksdbDatabase::load(const std::vector<CounterKey>& keys, RowBatch& rows) const {
  rocksdb::ReadOptions read;
  read.prefix_same_as_start = true;
  const std::unique_ptr<rocksdb::Iterator> at(state_->db->NewIterator(read));
  std::string prefix;
  for (const CounterKey& key : keys) {
    prefix.clear();
    put_counter_prefix(prefix, key.routing, key.space, key.counter);
    for (at->Seek(slice(prefix)); at->Valid() && at->key().starts_with(slice(prefix)); at->Next()) {
      if (auto added = state_->add_row(view(at->key()), view(at->value()), rows); !added) return added;
    }
    if (auto finished = state_->finished(*at); !finished) return finished;
  }
  return {};
}

Result<std::optional<std::uint64_t>> RocksdbDatabase::scan(const StoreScan& scan, RowBatch& rows) const {
  rocksdb::ReadOptions read;
  read.total_order_seek = true;
  read.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> at(state_->db->NewIterator(read));
  std::string prefix;
  put_row_prefix(prefix, scan.from);
  for (at->Seek(slice(prefix)); at->Valid() && view(at->key())[0] == static_cast<char>(KeyKind::kRow); at->Next()) {
    if (rows.size() >= std::max<std::size_t>(scan.rows_max, 1)) {
      const auto key = read_row_key(view(at->key()));
      if (key && key->routing != rows.items().back().routing) return std::optional(key->routing);
    }
    if (auto added = state_->add_row(view(at->key()), view(at->value()), rows); !added) {
      return std::unexpected(added.error());
    }
  }
  if (auto finished = state_->finished(*at); !finished) return std::unexpected(finished.error());
  return std::optional<std::uint64_t>();
}

Result<std::vector<Watermark>> RocksdbDatabase::watermarks() const {
  std::vector<Watermark> all;
  auto read = state_->for_each(KeyKind::kWatermark, [&](auto key, auto value) -> Result<void> {
    auto mark = read_watermark(key, value);
    if (!mark) return std::unexpected(mark.error());
    all.push_back(std::move(*mark));
    return {};
  });
  if (!read) return std::unexpected(read.error());
  return all;
}

Result<std::vector<SourceRow>> RocksdbDatabase::sources() const {
  std::vector<SourceRow> all;
  auto read = state_->for_each(KeyKind::kSource, [&](auto key, auto value) -> Result<void> {
    const auto row = read_source(key, value);
    if (!row) return std::unexpected(row.error());
    all.push_back(*row);
    return {};
  });
  if (!read) return std::unexpected(read.error());
  return all;
}

Result<std::vector<std::pair<std::string, std::string>>> RocksdbDatabase::settings() const {
  std::vector<std::pair<std::string, std::string>> all;
  auto read = state_->for_each(KeyKind::kSetting, [&](auto key, auto value) -> Result<void> {
    auto text = read_setting_value(value);
    if (!text) return std::unexpected(text.error());
    all.emplace_back(key.substr(1), std::move(*text));
    return {};
  });
  if (!read) return std::unexpected(read.error());
  return all;
}

}  // namespace quipu
