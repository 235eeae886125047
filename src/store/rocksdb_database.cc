#include "store/rocksdb_database.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "store/rocksdb_options.h"
#include "store/row_codec.h"

namespace quipu {
namespace {

constexpr std::int64_t kRetryMs = 1'000;
/// A flush leaves at least this much free: the log and RocksDB's small files need some, too.
constexpr std::uint64_t kFreeBytesMin = std::uint64_t{4} << 20;

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

/// Damage stays; everything else may pass.
Error error_of(const std::string& what, const rocksdb::Status& status) {
  const auto text = what + ": " + status.ToString();
  if (status.IsCorruption()) return Error{Code::kDamaged, text, 0};
  return Error{Code::kBusy, text, kRetryMs};
}

/// The rows about as their keys are ordered: RocksDB looks for the place of a key from that of the key before.
std::vector<const RowBatch::Item*> in_order(const RowBatch& rows) {
  std::vector<const RowBatch::Item*> items;
  items.reserve(rows.size());
  for (const RowBatch::Item& item : rows.items()) items.push_back(&item);
  std::stable_sort(items.begin(), items.end(), [](const auto* a, const auto* b) { return a->routing < b->routing; });
  return items;
}

}  // namespace

class RocksdbDatabase::State {
 public:
  State(std::string directory_path, const RocksdbLimits& database_limits)
      : directory(std::move(directory_path)), limits(database_limits) {
    unlogged.disableWAL = true;
  }

  Result<void> open() {
    rocksdb::DB* opened = nullptr;
    const auto status = rocksdb::DB::Open(rocksdb_options(limits), directory, &opened);
    db.reset(opened);
    if (status.ok()) return {};
    auto error = error_of(directory + ": cannot open the store", status);
    if (status.IsIOError() && error.what.find("lock") != std::string::npos) {
      return failure(Code::kRefused, directory + ": another process has the store open (" + status.ToString() + ")");
    }
    return std::unexpected(std::move(error));
  }

  Result<void> open_to_read() {
    only_read = true;
    auto options = rocksdb_options(limits);
    options.create_if_missing = false;
    rocksdb::DB* opened = nullptr;
    const auto status = rocksdb::DB::OpenForReadOnly(options, directory, &opened);
    db.reset(opened);
    if (status.ok()) return {};
    return failure(Code::kDamaged, directory + ": cannot open the store: " + status.ToString());
  }

  Result<void> write(rocksdb::WriteBatch batch) {
    if (auto written = checked("write", db->Write(unlogged, &batch)); !written) return written;
    unflushed_bytes += batch.GetDataSize();
    unflushed.push_back(std::move(batch));
    return {};
  }

  Result<void> flush() {
    if (auto fits = room(); !fits) return fits;
    if (auto healed = heal(); !healed) return healed;
    rocksdb::FlushOptions options;
    options.allow_write_stall = true;  // Nobody else writes.
    if (auto flushed = checked("flush", db->Flush(options)); !flushed) return flushed;
    unflushed.clear();
    unflushed_bytes = 0;
    return {};
  }

  /// After a failure RocksDB refuses every write. Its own way on (DB::Resume) may wait for ever where another flush
  /// fails meanwhile (7.8, seen with a disk that was filled and emptied again and again). So it is opened anew, and
  /// what it had not flushed is written again.
  Result<void> heal() {
    if (!ailing) return {};
    db.reset();
    if (auto opened = open(); !opened) return opened;
    for (rocksdb::WriteBatch& batch : unflushed) {
      if (auto written = checked("write again", db->Write(unlogged, &batch)); !written) return written;
    }
    ailing = false;
    return {};
  }

  Result<void> usable() const {
    if (db) return {};
    return busy(directory + ": the store could not be opened again after an error", kRetryMs);
  }

  std::uint64_t property(const std::string& name) const {
    std::uint64_t value = 0;
    return db->GetIntProperty(name, &value) ? value : 0;
  }

  /// Calls `take(key, value)` for all keys of a kind, in their order.
  template <class Take>
  Result<void> for_each(KeyKind kind, Take take) const {
    if (auto open = usable(); !open) return open;
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
  const RocksdbLimits limits;
  std::unique_ptr<rocksdb::DB> db;  // None while it could not be opened again.
  rocksdb::WriteOptions unlogged;
  std::vector<rocksdb::WriteBatch> unflushed;  // In the order in which they were written.
  std::size_t unflushed_bytes = 0;
  bool ailing = false;
  bool only_read = false;

 private:
  Result<void> checked(const char* what, const rocksdb::Status& status) {
    if (status.ok()) return {};
    ailing = true;
    return std::unexpected(error_of(directory + ": cannot " + what, status));
  }

  /// Whether a flush fits on the disk. Asked first: that costs less than a flush that fails.
  Result<void> room() const {
    std::error_code error;
    const auto space = std::filesystem::space(directory, error);
    const auto needed = unflushed_bytes + kFreeBytesMin;
    if (error || space.available >= needed) return {};
    return busy(directory + ": the disk is full: " + std::to_string(space.available) +
                    " bytes are free, a flush needs " + std::to_string(needed),
                kRetryMs);
  }
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
  if (only_read) return damaged(format_key(), "the store does not say of which format it is");
  const std::unique_ptr<rocksdb::Iterator> any(db->NewIterator({}));
  any->SeekToFirst();
  if (any->Valid()) return damaged(view(any->key()), "there are keys, but none that names the format's version");
  if (auto finish = finished(*any); !finish) return finish;
  rocksdb::WriteBatch batch;
  const auto added = batch.Put(slice(format_key()), slice(format_value(kStoreFormatVersion)));
  if (!added.ok()) return std::unexpected(error_of(directory + ": cannot write", added));
  if (auto written = write(std::move(batch)); !written) return written;
  return flush();
}

RocksdbDatabase::RocksdbDatabase(std::unique_ptr<State> state) : state_(std::move(state)) {}

RocksdbDatabase::~RocksdbDatabase() {
  // What cannot be flushed is in the log, and is read again from there.
  if (state_->only_read) return;
  if (auto flushed = state_->flush(); !flushed) return;
  state_->db->Close().PermitUncheckedError();
}

Result<std::unique_ptr<RocksdbDatabase>> RocksdbDatabase::open(const std::string& directory,
                                                               const RocksdbLimits& limits) {
  auto state = std::make_unique<State>(directory, limits);
  if (auto opened = state->open(); !opened) return std::unexpected(opened.error());
  if (auto checked = state->check_format(); !checked) return std::unexpected(checked.error());
  return std::unique_ptr<RocksdbDatabase>(new RocksdbDatabase(std::move(state)));
}

Result<std::unique_ptr<RocksdbDatabase>> RocksdbDatabase::open_to_read(const std::string& directory,
                                                                       const RocksdbLimits& limits) {
  auto state = std::make_unique<State>(directory, limits);
  if (auto opened = state->open_to_read(); !opened) return std::unexpected(opened.error());
  if (auto checked = state->check_format(); !checked) return std::unexpected(checked.error());
  return std::unique_ptr<RocksdbDatabase>(new RocksdbDatabase(std::move(state)));
}

Result<void> RocksdbDatabase::write(const StoreWrite& write) {
  // Buffers are flushed here and nowhere else, one at a time.
  if (state_->ailing || state_->unflushed_bytes >= state_->limits.write_buffer_bytes) {
    if (auto flushed = state_->flush(); !flushed) return flushed;
  }
  if (state_->property(rocksdb::DB::Properties::kIsWriteStopped) != 0) {
    return busy(state_->directory + ": RocksDB takes no writes until its compaction catches up", kRetryMs);
  }
  rocksdb::WriteBatch batch(write.rows.bytes() + write.rows.size() * 32);
  rocksdb::Status status;  // Adding to a batch fails only beyond 4 GiB.
  const auto put = [&](std::string_view key, std::string_view value) {
    if (status.ok()) status = batch.Put(slice(key), slice(value));
  };
  std::string key;
  std::string value;
  for (const RowBatch::Item* item : in_order(write.rows)) {
    key.clear();
    value.clear();
    put_row_key(key, item->routing, write.rows.space(*item), write.rows.counter(*item), item->shard);
    put_row_value(value, item->row);
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
  if (!status.ok()) return std::unexpected(error_of(state_->directory + ": cannot write", status));
  return state_->write(std::move(batch));
}

Result<void> RocksdbDatabase::flush() { return state_->flush(); }

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
  if (auto open = state_->usable(); !open) return open;
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
  if (auto open = state_->usable(); !open) return std::unexpected(open.error());
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
