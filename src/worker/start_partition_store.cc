#include "worker/start_partition_store.h"

#include <iterator>
#include <string>
#include <utility>

namespace quipu {

void StartPartitionStore::restore(PartitionId partition, std::uint64_t token) {
  if (!bases_.answers) return answers_.push_back({token, restored(partition)});
  bases_.answers([this, partition, token](Result<void> there) {
    if (there) {
      ready_.emplace_back(partition, token);
    } else {
      answers_.push_back({token, std::unexpected(std::move(there.error()))});
    }
  });
}

Result<PartitionRestored> StartPartitionStore::restored(PartitionId partition) {
  PartitionRestored out;
  auto watermarks = store_.watermarks();
  if (!watermarks) return std::unexpected(watermarks.error());
  for (Watermark& mark : *watermarks) {
    if (mark.partition == partition) out.watermark = std::move(mark);
  }
  auto sources = store_.sources();
  if (!sources) return std::unexpected(sources.error());
  for (const SourceRow& row : *sources) {
    if (row.partition == partition) out.sources.push_back(row);
  }
  if (bases_.newest && out.watermark) {
    auto base = bases_.newest(partition, out.watermark->offset);
    if (!base) return std::unexpected(base.error());
    out.base = std::move(*base);
    out.base_sure = !out.base || !bases_.sure_watermark || bases_.sure_watermark(partition) >= out.base->offset;
  }
  return out;
}

void StartPartitionStore::write_base(PartitionId partition, Base base, std::uint64_t token) {
  if (bases_.write) return bases_.write(partition, std::move(base), token);
  answers_.push_back(
      {token, failure(Code::kRefused, "this store keeps no base of partition " + std::to_string(partition.value) +
                                          ": its log is not trimmed")});
}

void StartPartitionStore::take_answers(std::vector<Answer>& out) {
  for (const auto& [partition, token] : std::exchange(ready_, {})) out.push_back({token, restored(partition)});
  out.insert(out.end(), std::make_move_iterator(answers_.begin()), std::make_move_iterator(answers_.end()));
  answers_.clear();
}

}  // namespace quipu
