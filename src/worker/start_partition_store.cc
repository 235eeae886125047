#include "worker/start_partition_store.h"

#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "worker/passing_error.h"

namespace quipu {

void StartPartitionStore::restore(PartitionId partition, std::uint64_t token) {
  if (!bases_.answers) return answers_.push_back({token, restored(partition)});
  for (Asked& before : waiting_) {
    if (before.partition != partition) continue;
    answers_.push_back({before.token, failure(Code::kBusy, "the partition's place was asked for again")});
    before.token = token;
    return;
  }
  waiting_.push_back({partition, token});
  ask();
}

void StartPartitionStore::ask() {
  if (asking_ || ready_) return;
  asking_ = true;
  bases_.answers([this](Result<void> there) {
    asking_ = false;
    ready_ = there.has_value();
    if (there) return;
    for (const Asked& asked : std::exchange(waiting_, {})) {
      answers_.push_back({asked.token, std::unexpected(there.error())});
    }
  });
}

/// What fails is handed out with the next take: whoever asks again counts the pause from then, and not from before this
/// wait.
void StartPartitionStore::restore_ready(std::vector<Answer>& out) {
  if (!std::exchange(ready_, false)) return;
  std::optional<Error> away;
  for (const Asked& asked : std::exchange(waiting_, {})) {
    auto place = away ? Result<PartitionRestored>(std::unexpected(*away)) : restored(asked.partition);
    if (!place && passes(place.error().code)) away = place.error();
    auto& answers = place ? out : answers_;
    answers.push_back({asked.token, std::move(place)});
  }
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
  out.insert(out.end(), std::make_move_iterator(answers_.begin()), std::make_move_iterator(answers_.end()));
  answers_.clear();
  restore_ready(out);
}

}  // namespace quipu
