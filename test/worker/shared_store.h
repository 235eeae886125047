#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "aggregate/partition_state.h"
#include "store/counter_store.h"
#include "worker/partition_store.h"

namespace quipu::testing_worker {

/// Which row: namespace, counter, shard.
using RowKey = std::tuple<std::string, std::string, ShardId>;

/// A store that outlives the workers, as a cluster does: every cell keeps its versions, the newest wins by generation
/// and offset, and a power cut forgets any of the writes that are not synced yet.
class SharedStore {
 public:
  explicit SharedStore(TimeMs sync_ms) : sync_ms_(sync_ms) {}

  TimeMs now = 0;
  // The checker looks at each write as it arrives.
  std::function<void(const RowKey&, const Row&)> row_written = [](const RowKey&, const Row&) {};
  std::function<void(const Watermark&)> mark_written = [](const Watermark&) {};
  std::function<void(const std::string&, const std::string&)> setting_written = [](const auto&, const auto&) {};

  void write(const StoreWrite& write) {
    for (const auto& item : write.rows.items()) {
      const RowKey key{write.rows.space(item), write.rows.counter(item), item.shard};
      row_written(key, item.row);
      rows_[key].push_back({item.row.applied.value, item.row, now});
    }
    for (const Watermark& mark : write.watermarks) {
      mark_written(mark);
      marks_[mark.partition].push_back({stamp(mark), {mark, write.sources}, now});
    }
    for (const auto& [name, text] : write.settings) {
      setting_written(name, text);
      settings_[name] = text;
    }
  }
  void write_base(PartitionId partition, const Base& base) {
    bases_[partition].push_back({base.offset.value, base, now});
  }
  void drop_bases(PartitionId partition, Offset below) {
    std::erase_if(bases_[partition], [&](const auto& base) { return base.stamp < below.value; });
  }

  std::optional<Row> row(const RowKey& key) const {
    const auto at = rows_.find(key);
    return at == rows_.end() ? std::nullopt : newest(at->second);
  }
  /// The version that no power cut can take back any more.
  std::optional<Row> durable_row(const RowKey& key) const {
    const auto at = rows_.find(key);
    return at == rows_.end() ? std::nullopt : newest(durable(at->second));
  }
  std::map<RowKey, Row> rows() const {
    std::map<RowKey, Row> all;
    for (const auto& [key, versions] : rows_) {
      if (const auto row = newest(versions)) all[key] = *row;
    }
    return all;
  }
  std::optional<Watermark> watermark(PartitionId partition) const {
    const auto at = marks_.find(partition);
    if (at == marks_.end()) return std::nullopt;
    const auto mark = newest(at->second);
    return mark ? std::optional(mark->first) : std::nullopt;
  }
  Offset durable_watermark(PartitionId partition) const {
    const auto at = marks_.find(partition);
    if (at == marks_.end()) return kNoOffset;
    const auto mark = newest(durable(at->second));
    return mark ? mark->first.offset : kNoOffset;
  }
  std::optional<Base> base_at_most(PartitionId partition, Offset offset, bool surely) const {
    const auto at = bases_.find(partition);
    if (at == bases_.end()) return std::nullopt;
    auto versions = surely ? durable(at->second) : at->second;
    std::erase_if(versions, [&](const auto& base) { return base.stamp > offset.value; });
    return newest(versions);
  }
  const std::map<std::string, std::string>& settings() const { return settings_; }

  PartitionRestored restore(PartitionId partition) const {
    PartitionRestored out;
    out.watermark = watermark(partition);
    if (const auto at = marks_.find(partition); at != marks_.end()) {
      // Of each source the row that the newest watermark brought.
      std::map<Hash128, std::pair<std::uint64_t, SourceRow>> newest_rows;
      for (const auto& version : at->second) {
        for (const SourceRow& row : version.value.second) {
          auto& kept = newest_rows[row.source];
          if (version.stamp >= kept.first) kept = {version.stamp, row};
        }
      }
      for (const auto& [source, kept] : newest_rows) {
        if (!kept.second.forgotten) out.sources.push_back(kept.second);
      }
    }
    if (out.watermark) out.base = base_at_most(partition, out.watermark->offset, false);
    return out;
  }

  /// Of what is not synced each write stays or goes as `keeps` says.
  void power_cut(const std::function<bool()>& keeps) {
    const auto cut = [&](auto& cells) {
      for (auto& [key, versions] : cells) {
        std::erase_if(versions, [&](const auto& version) { return now - version.written_at < sync_ms_ && !keeps(); });
      }
    };
    cut(rows_);
    cut(marks_);
    cut(bases_);
  }

 private:
  template <class Value>
  struct Version {
    std::uint64_t stamp = 0;
    Value value;
    TimeMs written_at = 0;
  };
  template <class Value>
  static std::optional<Value> newest(const std::vector<Version<Value>>& versions) {
    const Version<Value>* best = nullptr;
    for (const auto& version : versions) {
      if (best == nullptr || version.stamp >= best->stamp) best = &version;
    }
    return best == nullptr ? std::nullopt : std::optional(best->value);
  }
  template <class Value>
  std::vector<Version<Value>> durable(std::vector<Version<Value>> versions) const {
    std::erase_if(versions, [&](const auto& version) { return now - version.written_at < sync_ms_; });
    return versions;
  }
  static std::uint64_t stamp(const Watermark& mark) {
    return std::uint64_t{generation_of(mark)->value} << kOffsetBits | mark.offset.value;
  }

  TimeMs sync_ms_;
  std::map<RowKey, std::vector<Version<Row>>> rows_;
  std::map<PartitionId, std::vector<Version<std::pair<Watermark, std::vector<SourceRow>>>>> marks_;
  std::map<PartitionId, std::vector<Version<Base>>> bases_;
  std::map<std::string, std::string> settings_;
};

/// One process's way to the shared store: what it asks waits until the test performs it.
class StoreHandle final : public CounterStore, public PartitionStore {
 public:
  enum class Fate : std::uint8_t {
    kDone,
    kDoneUnknown,  ///< Done, but the answer is a time-out.
    kLost,         ///< Not done, and the answer is a time-out.
    kLate,         ///< The answer is a time-out; it is done some time later.
  };
  /// What was sent and arrives later, whatever becomes of the process.
  using Late = std::deque<StoreWrite>;

  StoreHandle(SharedStore& store, Late& late) : store_(store), late_(late) {}

  /// Performs the oldest requests.
  void perform(std::size_t count, const std::function<Fate()>& fate) {
    decltype(waiting_) held;
    for (; count > 0 && !waiting_.empty(); --count) {
      auto request = std::move(waiting_.front());
      waiting_.pop_front();
      if (holds_bases && std::holds_alternative<BaseWrite>(request)) {
        held.push_back(std::move(request));
        continue;
      }
      std::visit([&](auto& what) { perform(what, fate()); }, request);
    }
    std::ranges::move(held, std::front_inserter(waiting_));
  }
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t bases_waiting() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        waiting_, [](const auto& request) { return std::holds_alternative<BaseWrite>(request); }));
  }
  bool loses_writes = false;  ///< Whatever the fates say.
  bool holds_bases = false;   ///< They wait, while all else is done.

  /// The store may have forgotten; this process hears of it `news_ms` later, and of nothing behind it before that.
  void forgot(TimeMs news_ms) {
    StoreCompletion news;
    news.kind = StoreCompletion::Kind::kForgot;
    completions_.push_back({std::move(news), store_.now + news_ms});
  }
  /// A base of another keeper is written.
  void complete_base(std::uint64_t token) {
    StoreCompletion completion;
    completion.kind = StoreCompletion::Kind::kBase;
    completion.token = token;
    completions_.push_back({std::move(completion), 0});
  }
  /// The process dies: of what is on its way some arrives yet.
  void die(const std::function<bool()>& arrives) {
    for (auto& request : waiting_) {
      if (auto* write = std::get_if<StoreWrite>(&request); write != nullptr && arrives()) {
        late_.push_back(std::move(*write));
      }
    }
    waiting_.clear();
  }

  // CounterStore.
  Result<std::vector<Watermark>> watermarks() override {
    std::vector<Watermark> all;
    for (std::uint16_t p = 0; p < 64; ++p) {
      if (auto mark = store_.watermark(PartitionId{p})) all.push_back(*mark);
    }
    return all;
  }
  Result<std::vector<SourceRow>> sources() override {
    std::vector<SourceRow> all;
    for (std::uint16_t p = 0; p < 64; ++p) {
      const auto restored = store_.restore(PartitionId{p});
      all.insert(all.end(), restored.sources.begin(), restored.sources.end());
    }
    return all;
  }
  Result<std::vector<std::pair<std::string, std::string>>> settings() override {
    return std::vector<std::pair<std::string, std::string>>(store_.settings().begin(), store_.settings().end());
  }
  Result<std::optional<Base>> newest_base(Offset) override { return std::optional<Base>(); }
  void write(StoreWrite write) override { waiting_.emplace_back(std::move(write)); }
  void load(StoreLoad load) override { waiting_.emplace_back(std::move(load)); }
  void scan(StoreScan) override {}
  void write_base(Base, std::uint64_t) override {}
  void take_completions(std::vector<StoreCompletion>& out) override {
    while (!completions_.empty() && completions_.front().not_before <= store_.now) {
      out.push_back(std::move(completions_.front().completion));
      completions_.pop_front();
    }
  }
  std::size_t pending() const override { return waiting_.size(); }
  Offset durable_watermark(PartitionId partition) const override { return store_.durable_watermark(partition); }
  Offset oldest_base() const override { return kNoOffset; }

  // PartitionStore.
  void restore(PartitionId partition, std::uint64_t token) override {
    waiting_.emplace_back(Restore{partition, token});
  }
  void write_base(PartitionId partition, Base base, std::uint64_t token) override {
    waiting_.emplace_back(BaseWrite{partition, std::move(base), token});
  }
  void drop_bases(PartitionId partition, Offset below) override { store_.drop_bases(partition, below); }
  void take_answers(std::vector<Answer>& out) override {
    for (auto& answer : std::exchange(answers_, {})) out.push_back(std::move(answer));
  }

 private:
  struct Restore {
    PartitionId partition;
    std::uint64_t token;
  };
  struct BaseWrite {
    PartitionId partition;
    Base base;
    std::uint64_t token;
  };
  struct Held {
    StoreCompletion completion;
    TimeMs not_before = 0;
  };

  static std::unexpected<Error> timeout() { return failure(Code::kUnknown, "the store did not answer in time"); }

  void perform(StoreWrite& write, Fate fate) {
    if (loses_writes) fate = Fate::kLost;
    StoreCompletion completion;
    completion.token = write.token;
    if (fate == Fate::kDone || fate == Fate::kDoneUnknown) store_.write(write);
    if (fate == Fate::kLate) late_.push_back(write);
    if (fate != Fate::kDone) completion.result = timeout();
    completions_.push_back({std::move(completion), 0});
  }
  void perform(const StoreLoad& load, Fate fate) {
    StoreCompletion completion;
    completion.kind = StoreCompletion::Kind::kLoad;
    completion.token = load.token;
    if (fate == Fate::kDone) {
      for (const CounterKey& key : load.keys) {
        for (const auto& [row_key, row] : store_.rows()) {
          if (std::get<0>(row_key) != key.space || std::get<1>(row_key) != key.counter) continue;
          completion.rows.add(key.routing, key.space, key.counter, std::get<2>(row_key), row);
        }
      }
    } else {
      completion.result = timeout();
    }
    completions_.push_back({std::move(completion), 0});
  }
  void perform(const Restore& restore, Fate fate) {
    Answer answer{restore.token, timeout()};
    if (fate == Fate::kDone) answer.restored = store_.restore(restore.partition);
    answers_.push_back(std::move(answer));
  }
  void perform(BaseWrite& write, Fate fate) {
    Answer answer{write.token, timeout()};
    if (fate == Fate::kDone || fate == Fate::kDoneUnknown) store_.write_base(write.partition, write.base);
    if (fate == Fate::kDone) answer.restored = PartitionRestored{};
    answers_.push_back(std::move(answer));
  }

  SharedStore& store_;
  Late& late_;
  std::deque<std::variant<StoreWrite, StoreLoad, Restore, BaseWrite>> waiting_;
  std::deque<Held> completions_;
  std::vector<Answer> answers_;
};

}  // namespace quipu::testing_worker
