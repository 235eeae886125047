#include "store/cassandra_marks.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/planted.h"

namespace quipu {
namespace {

std::int64_t first_version(Offset offset) {
  return std::max(static_cast<std::int64_t>(offset.value << kVersionBits), kNoVersion + 1);
}
std::int64_t offset_of(std::int64_t version) { return version >> kVersionBits; }

}  // namespace

void CassandraMarks::put_bucket(Plan& plan, PartitionId id, Kind kind, std::size_t bucket, std::int64_t version,
                                std::string_view content) const {
  QUIPU_CHECK(version != kNoVersion);
  plan.buckets.begin(7);
  plan.buckets.put_int(static_cast<std::int32_t>(generation_.value));
  plan.buckets.put_int(id.value);
  plan.buckets.put_int(static_cast<std::int32_t>(kind));
  plan.buckets.put_int(static_cast<std::int32_t>(bucket));
  plan.buckets.put_bigint(version);
  plan.buckets.put_bytes(content);
  plan.buckets.put_bigint(timestamp_base_ + offset_of(version));
}

void CassandraMarks::plan_chains(Plan& plan, PartitionId id, const Partition& known, std::int64_t version,
                                 ByteView chains) const {
  Plan::Partition& next = plan.partitions_[id];
  // Pieces are never taken away, so that of two marks with one timestamp the later one has the larger bytes and wins.
  const auto needed = (chains.size() + kChainPieceBytes - 1) / kChainPieceBytes;
  next.chains.resize(std::max(needed, known.chains.size()));
  next.mark.chains.resize(next.chains.size(), kNoVersion);
  for (std::size_t at = 0; at < next.chains.size(); ++at) {
    const auto from = std::min(at * kChainPieceBytes, chains.size());
    next.chains[at] = as_text(chains.subspan(from, std::min(kChainPieceBytes, chains.size() - from)));
    if (at < known.chains.size() && known.chains[at] == next.chains[at]) continue;
    next.mark.chains[at] = version;
    put_bucket(plan, id, Kind::kChains, at, version, next.chains[at]);
  }
}

CassandraMarks::Plan CassandraMarks::plan(const StoreWrite& write) {
  QUIPU_CHECK(!doubted_ || (write.sources.empty() && write.watermarks.empty()));
  Plan plan;
  std::map<PartitionId, const Watermark*> marks;
  for (const Watermark& mark : write.watermarks) marks[mark.partition] = &mark;
  std::map<PartitionId, std::vector<const SourceRow*>> sources;
  for (const SourceRow& row : write.sources) sources[row.partition].push_back(&row);
  for (const auto& [id, rows] : sources) marks.try_emplace(id, nullptr);

  for (const auto& [id, mark] : marks) {
    Partition& known = partitions_[id];
    if (mark && mark->offset < known.mark.offset) continue;
    Plan::Partition& next = plan.partitions_[id];
    next.mark = known.mark;
    if (mark) next.mark.offset = mark->offset;
    // Of its own offset, since two owners may write the same version: what is as of an offset is the same for both. Not
    // given twice at one: what failed may have been written all the same.
    const auto [given, first] = known.given.try_emplace(next.mark.offset, first_version(next.mark.offset));
    const auto version = first ? given->second : ++given->second;
    if (mark) {
      plan_chains(plan, id, known, version, mark->chains);
    } else {
      next.chains = known.chains;
    }
    if (const auto rows = sources.find(id); rows != sources.end()) {
      next.mark.sources.resize(kSourceBuckets, kNoVersion);
      for (const SourceRow* row : rows->second) {
        const auto bucket = source_bucket(row->source);
        const auto [at, made] = next.buckets.try_emplace(bucket);
        if (made && !known.sources.empty()) at->second = known.sources[bucket];
        if (row->forgotten) {
          at->second.erase(row->source);
        } else {
          at->second.insert_or_assign(row->source, *row);
        }
      }
      std::erase_if(next.buckets, [&](const auto& bucket) {
        return known.sources.empty() ? bucket.second.empty() : bucket.second == known.sources[bucket.first];
      });
      for (const auto& [bucket, content] : next.buckets) {
        std::vector<SourceRow> sorted;
        for (const auto& [hash, row] : content) sorted.push_back(row);
        next.mark.sources[bucket] = version;
        put_bucket(plan, id, Kind::kSources, bucket, version, source_bucket_bytes(sorted));
      }
    }
    put_mark_row(plan.marks, id.value, next.mark);
  }
  return plan;
}

void CassandraMarks::put_mark_row(CassandraValues& out, std::int32_t partition, const CassandraMark& mark) const {
  out.begin(4);
  out.put_int(static_cast<std::int32_t>(generation_.value));
  out.put_int(partition);
  put_mark(out, mark);
  out.put_bigint(timestamp_base_ + static_cast<std::int64_t>(mark.offset.value));
}

void CassandraMarks::commit(Plan plan) {
  for (auto& [id, next] : plan.partitions_) {
    Partition& known = partitions_[id];
    if (next.mark.offset < known.mark.offset) continue;
    known.mark = std::move(next.mark);
    known.forget_given();
    known.chains = std::move(next.chains);
    if (!known.mark.sources.empty()) known.sources.resize(kSourceBuckets);
    for (auto& [bucket, content] : next.buckets) known.sources[bucket] = std::move(content);
  }
}

CassandraMarks::Durable CassandraMarks::plan_durable() const {
  Durable durable;
  for (const auto& [id, known] : partitions_) {
    durable.before_[id] = known.durable.offset;
    if (known.mark == known.durable || known.mark.offset < known.durable.offset) continue;
    durable.marks_[id] = known.mark;
    put_mark_row(durable.values, kDurableMarks + id.value, known.mark);
  }
  return durable;
}

void CassandraMarks::commit_durable(const Durable& durable, TimeMs now) {
  for (const auto& [id, offset] : durable.before_) {
    Offset& sure = partitions_[id].sure;
    sure = std::max(sure, offset);
  }
  for (const auto& [id, mark] : durable.marks_) {
    CassandraMark& known = partitions_[id].durable;
    if (mark.offset < known.offset) continue;
    const auto supersede = [&](Kind kind, const std::vector<std::int64_t>& before,
                               const std::vector<std::int64_t>& after) {
      for (std::size_t at = 0; at < before.size() && at < after.size(); ++at) {
        if (before[at] == kNoVersion || before[at] == after[at]) continue;
        superseded_.push_back({now, id, kind, static_cast<std::int32_t>(at), after[at]});
      }
    };
    supersede(Kind::kChains, known.chains, mark.chains);
    supersede(Kind::kSources, known.sources, mark.sources);
    known = mark;
  }
}

Offset CassandraMarks::durable(PartitionId partition) const {
  const auto known = partitions_.find(partition);
  return known == partitions_.end() ? kNoOffset : known->second.durable.offset;
}

Offset CassandraMarks::sure(PartitionId partition) const {
  const auto known = partitions_.find(partition);
  return known == partitions_.end() ? kNoOffset : known->second.sure;
}

void CassandraMarks::load_durable(PartitionId partition, const CassandraMark& mark) {
  CassandraMark& known = partitions_[partition].durable;
  if (mark.offset >= known.offset) known = mark;
}

void CassandraMarks::doubt() {
  if (QUIPU_PLANTED("own-marks-trusted")) return;
  doubted_ = true;
  for (auto& [id, known] : partitions_) {
    // Versions that were given stay given: what was forgotten at a quorum may be at one node still.
    auto given = std::move(known.given);
    known = Partition{};
    known.given = std::move(given);
  }
  // The durable marks that name the successors may be gone.
  superseded_.clear();
}

bool CassandraMarks::is_news(PartitionId partition, const CassandraMark& mark) const {
  const auto known = partitions_.find(partition);
  return known == partitions_.end() || (known->second.mark != mark && known->second.mark.offset <= mark.offset);
}

void CassandraMarks::load(PartitionId partition, const CassandraMark& mark, std::vector<std::string> chains,
                          const std::vector<SourceRow>& sources) {
  Partition& known = partitions_[partition];
  known.mark = mark;
  known.chains = std::move(chains);
  known.sources.assign(mark.sources.empty() ? 0 : kSourceBuckets, {});
  for (const SourceRow& row : sources) known.sources[source_bucket(row.source)].insert_or_assign(row.source, row);
  known.forget_given();
  for (const auto* versions : {&mark.chains, &mark.sources}) {
    for (const auto version : *versions) {
      if (offset_of(version) != static_cast<std::int64_t>(mark.offset.value)) continue;
      auto& given = known.given[mark.offset];
      given = std::max(given, version);
    }
  }
}

CassandraValues CassandraMarks::take_obsolete(TimeMs before, std::size_t max) {
  CassandraValues drops;
  while (!superseded_.empty() && superseded_.front().since < before && drops.executions() < max) {
    const Superseded& old = superseded_.front();
    drops.begin(6);
    drops.put_bigint(timestamp_base_ + offset_of(old.version));
    drops.put_int(static_cast<std::int32_t>(generation_.value));
    drops.put_int(old.partition.value);
    drops.put_int(static_cast<std::int32_t>(old.kind));
    drops.put_int(old.bucket);
    drops.put_bigint(old.version);
    superseded_.pop_front();
  }
  return drops;
}

std::vector<Watermark> CassandraMarks::watermarks() const {
  std::vector<Watermark> all;
  for (const auto& [id, known] : partitions_) {
    if (known.mark.offset == kNoOffset) continue;
    Watermark mark{id, known.mark.offset, {}};
    for (const std::string& piece : known.chains) put(mark.chains, as_bytes(piece));
    all.push_back(std::move(mark));
  }
  return all;
}

std::vector<SourceRow> CassandraMarks::sources() const {
  std::vector<SourceRow> all;
  for (const auto& [id, known] : partitions_) {
    for (const auto& bucket : known.sources) {
      for (const auto& [hash, row] : bucket) all.push_back(row);
    }
  }
  return all;
}

}  // namespace quipu
