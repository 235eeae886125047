#include "store/cassandra_start.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

#include "base/hash.h"

namespace quipu {
namespace {

constexpr std::size_t kHostIdBytes = 16;
constexpr std::size_t kReadsAtOnce = 16;
constexpr std::uint32_t kSyncPeriodUnknownMs = 10'000;  // Cassandra's default.
constexpr std::uint32_t kSyncMarginMs = 100;
constexpr int kMarkReadsMax = 8;
constexpr std::int64_t kBucketsRetryMs = 1'000;
constexpr std::int64_t kProbeValue = 1;

/// Milliseconds of a duration as Cassandra writes it, such as 10000ms or 10s; nullopt when it is none.
std::optional<std::uint32_t> milliseconds_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty() || unit == "ms") return number;
  if (unit == "s" && number < 100'000) return number * 1'000;
  if (unit == "m" && number < 1'000) return number * 60'000;
  return std::nullopt;
}

/// What each node has for a setting; "" where it does not say.
std::vector<std::string> node_settings(CassandraSession& session, const std::string& name, std::uint32_t limit_ms) {
  const auto answer =
      session.call_nodes("SELECT value FROM system_views.settings WHERE name = '" + name + "'", limit_ms);
  CassandraReader rows(answer.rows());
  std::vector<std::string> values;
  for (std::uint32_t at = 0; at < answer.row_count(); ++at) {
    rows.take_bytes();
    values.emplace_back(rows.take_nullable().value_or(""));
  }
  return values;
}

void put_bucket_key(CassandraValues& out, Generation generation, PartitionId partition, CassandraMarks::Kind kind,
                    std::size_t bucket, std::int64_t version) {
  out.begin(5);
  out.put_int(static_cast<std::int32_t>(generation.value));
  out.put_int(partition.value);
  out.put_int(static_cast<std::int32_t>(kind));
  out.put_int(static_cast<std::int32_t>(bucket));
  out.put_bigint(version);
}

/// The contents of those buckets that were ever written, in order; nullopt when one of them is not there any more.
Result<std::optional<std::vector<std::string>>> read_buckets(CassandraSession& session,
                                                             const CassandraStatements& statements,
                                                             Generation generation, PartitionId partition,
                                                             CassandraMarks::Kind kind,
                                                             const std::vector<std::int64_t>& versions) {
  CassandraValues keys;
  for (std::size_t at = 0; at < versions.size(); ++at) {
    if (versions[at] != kNoVersion) put_bucket_key(keys, generation, partition, kind, at, versions[at]);
  }
  if (keys.executions() == 0) return std::vector<std::string>(0);
  const auto answer = session.call(statements.get_bucket, keys, kReadsAtOnce);
  if (auto result = answer.result(); !result) return std::unexpected(result.error());
  if (answer.row_count() != keys.executions()) return std::nullopt;
  CassandraReader rows(answer.rows());
  std::vector<std::string> contents;
  for (std::uint32_t at = 0; at < answer.row_count(); ++at) contents.emplace_back(rows.take_bytes());
  if (!rows.ok()) return failure(Code::kDamaged, "a bucket that goes with a watermark is empty");
  return contents;
}

/// Whether all buckets of the mark were there.
Result<bool> load_mark(CassandraSession& session, const CassandraStatements& statements, PartitionId partition,
                       const CassandraMark& mark, CassandraMarks& marks) {
  auto chains =
      read_buckets(session, statements, marks.generation(), partition, CassandraMarks::Kind::kChains, mark.chains);
  if (!chains) return std::unexpected(chains.error());
  const auto buckets =
      read_buckets(session, statements, marks.generation(), partition, CassandraMarks::Kind::kSources, mark.sources);
  if (!buckets) return std::unexpected(buckets.error());
  if (!*chains || !*buckets || (**chains).size() != mark.chains.size()) return false;
  std::vector<SourceRow> sources;
  for (const std::string& bucket : **buckets) {
    if (auto read = read_source_bucket(partition, bucket, sources); !read) return std::unexpected(read.error());
  }
  marks.load(partition, mark, std::move(**chains), sources);
  return true;
}

/// The newest mark of a partition names what nodes have forgotten that started again one after another: what is known
/// of it here, or its durable mark, is as right, and older.
Result<void> go_by_durable(CassandraSession& session, const CassandraStatements& statements, PartitionId partition,
                           const CassandraMark& durable, CassandraMarks& marks) {
  if (!marks.is_news(partition, durable)) return {};
  const auto loaded = load_mark(session, statements, partition, durable, marks);
  if (!loaded) return std::unexpected(loaded.error());
  if (*loaded) return {};
  // The nodes that have them may not be up: it may be later.
  return busy("the durable watermark of partition " + std::to_string(partition.value) +
                  " in Cassandra names buckets that no quorum has now",
              kBucketsRetryMs);
}

/// The probe's row.
struct Probe {
  std::int64_t value = 0;
  std::int64_t time = 0;  ///< Its timestamp.
};

/// nullopt where nobody has written it yet, or something has deleted it.
Result<std::optional<Probe>> read_probe(CassandraSession& session, const CassandraStatements& statements) {
  CassandraValues none;
  none.begin(0);
  const auto answer = session.call(statements.get_probe, none);
  if (auto result = answer.result(); !result) return std::unexpected(result.error());
  if (answer.row_count() == 0) return std::nullopt;
  CassandraReader row(answer.rows());
  Probe probe;
  probe.value = row.take_bigint();
  probe.time = row.take_bigint();
  if (!row.ok()) return failure(Code::kDamaged, "the probe's row in Cassandra has no value");
  return probe;
}

std::unexpected<Error> of_another_base(std::int64_t time, std::int64_t timestamp_base) {
  return failure(Code::kRefused, "this keyspace is written with cassandra.timestamp_base = " +
                                     std::to_string(time - static_cast<std::int64_t>(kOffsetMax)) +
                                     ", and the configuration has " + std::to_string(timestamp_base) +
                                     ": what it writes would lose, or hide what is there");
}

}  // namespace

Result<std::vector<CassandraNodeAnswer>> read_node_answers(const CassandraAnswer& answer) {
  if (auto result = answer.result(); !result) return std::unexpected(result.error());
  CassandraReader rows(answer.rows());
  std::vector<CassandraNodeAnswer> answers;
  for (std::uint32_t at = 0; at < answer.row_count(); ++at) {
    CassandraNodeAnswer node;
    node.host = rows.take_bytes();
    const auto generation = rows.take_nullable();
    if (!rows.ok() || node.host.size() != kHostIdBytes) return failure(Code::kDamaged, "a node's answer that is none");
    if (generation) {
      std::int64_t number = 0;
      for (const char byte : *generation) number = number << 8 | static_cast<unsigned char>(byte);
      node.generation = number;
    }
    answers.push_back(std::move(node));
  }
  return answers;
}

CassandraValues probe_values(std::int64_t timestamp_base) {
  CassandraValues values;
  values.begin(2);
  values.put_bigint(kProbeValue);
  values.put_bigint(timestamp_base + static_cast<std::int64_t>(kOffsetMax));
  return values;
}

Result<void> probe_timestamps(CassandraSession& session, const CassandraStatements& statements,
                              std::int64_t timestamp_base) {
  const auto highest = timestamp_base + static_cast<std::int64_t>(kOffsetMax);
  const auto before = read_probe(session, statements);
  if (!before) return std::unexpected(before.error());
  if (*before && (*before)->time != highest) return of_another_base((*before)->time, timestamp_base);
  if (auto put = session.call(statements.put_probe, probe_values(timestamp_base)).result(); !put) {
    if (put.error().code != Code::kRefused) return put;
    return failure(Code::kRefused,
                   "Cassandra refuses the timestamps that keep totals exact, some " + std::to_string(timestamp_base) +
                       " microseconds: lift its guardrail maximum_timestamp_fail_threshold, or give a new keyspace a "
                       "smaller cassandra.timestamp_base (" +
                       put.error().what + ")");
  }
  const auto after = read_probe(session, statements);
  if (!after) return std::unexpected(after.error());
  if (*after && (*after)->time > highest) return of_another_base((*after)->time, timestamp_base);
  if (!*after || (*after)->value != kProbeValue) {
    return failure(Code::kRefused,
                   "Cassandra does not give back the probe's row that it took: something deletes in the "
                   "keyspace with timestamps above " +
                       std::to_string(timestamp_base));
  }
  return {};
}

std::uint32_t sync_wait_of_nodes(CassandraSession& session, std::uint32_t limit_ms) {
  const auto kinds = node_settings(session, "commitlog_sync", limit_ms);
  const auto periods = node_settings(session, "commitlog_sync_period", limit_ms);
  std::uint32_t period = kinds.empty() ? kSyncPeriodUnknownMs : 0;
  for (std::size_t at = 0; at < kinds.size(); ++at) {
    if (kinds[at] == "batch" || kinds[at] == "group") continue;
    const auto said = at < periods.size() ? milliseconds_of(periods[at]) : std::nullopt;
    period = std::max(period, said.value_or(kSyncPeriodUnknownMs));
  }
  // A node that has not synced for 1.5 periods acknowledges nothing, so an acknowledgement after that time says that
  // everything before is on its disk.
  return period == 0 ? 0 : period + period / 2 + kSyncMarginMs;
}

Result<CassandraFoundMarks> read_found_marks(const CassandraAnswer& answer) {
  if (auto result = answer.result(); !result) return std::unexpected(result.error());
  CassandraReader rows(answer.rows());
  CassandraFoundMarks found;
  for (std::uint32_t at = 0; at < answer.row_count(); ++at) {
    const auto number = rows.take_int();
    auto mark = read_mark(rows.take_bytes());
    if (!rows.ok() || number < 0 || number >= 2 * kDurableMarks) {
      return failure(Code::kDamaged, "a row of marks that is none");
    }
    if (!mark) return std::unexpected(mark.error());
    auto& marks = number < kDurableMarks ? found.newest : found.durable;
    marks[PartitionId{static_cast<std::uint16_t>(number % kDurableMarks)}] = *std::move(mark);
  }
  return found;
}

Result<void> refresh_marks(CassandraSession& session, const CassandraStatements& statements, CassandraMarks& marks) {
  CassandraFoundMarks broken;
  for (int attempt = 0; attempt < kMarkReadsMax; ++attempt) {
    auto found = read_found_marks(session.call(statements.all_marks, generation_values(marks.generation())));
    if (!found) return std::unexpected(found.error());
    for (const auto& [partition, mark] : found->durable) marks.load_durable(partition, mark);
    broken = CassandraFoundMarks{};
    for (const auto& [partition, mark] : found->newest) {
      if (!marks.is_news(partition, mark)) continue;
      const auto loaded = load_mark(session, statements, partition, mark, marks);
      if (!loaded) return std::unexpected(loaded.error());
      if (!*loaded) broken.newest[partition] = mark;
    }
    // Where a bucket was gone, its owner may have written a newer mark meanwhile.
    if (broken.newest.empty()) {
      marks.read_all();
      return {};
    }
    broken.durable = std::move(found->durable);
  }
  for (const auto& [partition, mark] : broken.newest) {
    if (auto gone = go_by_durable(session, statements, partition, broken.durable[partition], marks); !gone) return gone;
  }
  marks.read_all();
  return {};
}

Result<std::vector<std::pair<std::string, std::string>>> read_settings(CassandraSession& session,
                                                                       const CassandraStatements& statements) {
  CassandraValues none;
  none.begin(0);
  const auto answer = session.call(statements.all_settings, none);
  if (auto result = answer.result(); !result) return std::unexpected(result.error());
  CassandraReader rows(answer.rows());
  std::vector<std::pair<std::string, std::string>> settings;
  for (std::uint32_t at = 0; at < answer.row_count(); ++at) {
    std::string name(rows.take_bytes());
    settings.emplace_back(std::move(name), rows.take_bytes());
  }
  if (!rows.ok()) return failure(Code::kDamaged, "a setting that is none");
  return settings;
}

CassandraValues generation_values(Generation generation) {
  CassandraValues values;
  values.begin(1);
  values.put_int(static_cast<std::int32_t>(generation.value));
  return values;
}

Result<CassandraBaseLists> read_base_lists(const CassandraAnswer& answer) {
  if (auto result = answer.result(); !result) return std::unexpected(result.error());
  CassandraReader rows(answer.rows());
  CassandraBaseLists lists;
  for (std::uint32_t at = 0; at < answer.row_count(); ++at) {
    const auto partition = rows.take_int();
    auto bases = read_bases(rows.take_bytes());
    if (!rows.ok() || partition < 0 || partition > std::numeric_limits<std::uint16_t>::max()) {
      return failure(Code::kDamaged, "a row of bases that is none");
    }
    if (!bases) return std::unexpected(bases.error());
    lists[PartitionId{static_cast<std::uint16_t>(partition)}] = *std::move(bases);
  }
  return lists;
}

Result<std::optional<Bytes>> read_windows(CassandraSession& session, const CassandraStatements& statements,
                                          Generation generation, PartitionId partition, const CassandraBase& base) {
  CassandraValues keys;
  for (std::int32_t chunk = 0; chunk < base.chunks; ++chunk) {
    keys.begin(4);
    keys.put_int(static_cast<std::int32_t>(generation.value));
    keys.put_int(partition.value);
    keys.put_bigint(base.version);
    keys.put_int(chunk);
  }
  Bytes windows;
  const auto damaged = [&] {
    return failure(Code::kDamaged, "the base of partition " + std::to_string(partition.value) + " at offset " +
                                       std::to_string(base.offset.value) + " is not whole");
  };
  if (base.chunks > 0) {
    const auto answer = session.call(statements.get_chunks, keys, kReadsAtOnce);
    if (auto result = answer.result(); !result) return std::unexpected(result.error());
    if (answer.row_count() != static_cast<std::uint32_t>(base.chunks)) return std::nullopt;
    CassandraReader rows(answer.rows());
    for (std::uint32_t at = 0; at < answer.row_count(); ++at) put(windows, as_bytes(rows.take_bytes()));
    if (!rows.ok()) return damaged();
  }
  if (static_cast<std::int64_t>(hash64(windows, 0)) != base.checksum) return damaged();
  return windows;
}

}  // namespace quipu
