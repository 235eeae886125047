#include "worker/partition_bases.h"

#include <span>
#include <utility>

#include "base/planted.h"

namespace quipu {
namespace {

constexpr std::size_t kCopies = 2;  // Kept for another try, and with the store.

}  // namespace

void PartitionBases::restored(std::optional<Offset> base) {
  restored_ = true;
  if (base) kept_.push_back({*base, core_.worker.steady + core_.worker.options.commit_delay_ms});
}

void PartitionBases::flush_begins(Offset offset) {
  const bool one_unsure = !kept_.empty() && kept_.back().offset != trimmed_;
  if (!restored_ || making_ || one_unsure) return;
  if (!kept_.empty() && offset <= kept_.back().offset) return;
  const WorkerOptions& options = core_.worker.options;
  const bool due = core_.worker.steady - last_ >= options.base_interval_ms ||
                   core_.bytes_read - bytes_then_ >= options.base_log_bytes;
  if (!due) return;
  BaseWindows windows(std::span(&core_.aggregator, 1));
  const auto bytes = kCopies * windows.bytes_max();
  std::size_t& held = core_.worker.base_bytes;
  if (held > 0 && held + bytes > options.base_bytes_max) return;
  making_.emplace(offset, std::move(windows), std::make_shared<const HeldBytes>(held, bytes));
  last_ = core_.worker.steady;
  bytes_then_ = core_.bytes_read;
}

void PartitionBases::step(Offset watermark, Offset durable) {
  if (making_ && !making_->copied) {
    making_->copied = making_->windows.copy(kBytesPerStep);
    if (making_->copied) making_->bytes = making_->windows.take();
  }
  if (making_ && making_->copied && !making_->given && making_->offset <= watermark &&
      making_->give_at <= core_.worker.steady) {
    give();
  }
  if (QUIPU_PLANTED("retention-eats-unflushed")) {
    core_.worker.parts.log.allow_partition_trim(core_.shard.partition, Offset{core_.aggregator.read().value + 1});
  }
  if (QUIPU_PLANTED("trimmed-to-watermark")) {
    core_.worker.parts.log.allow_partition_trim(core_.shard.partition, Offset{watermark.value + 1});
  }
  Offset sure{};
  for (const Kept& base : kept_) {
    if (base.sure_at <= core_.worker.steady && base.offset <= durable) sure = base.offset;
  }
  if (sure <= trimmed_) return;
  trimmed_ = sure;
  while (kept_.front().offset < sure) kept_.pop_front();
  core_.worker.parts.partitions.drop_bases(core_.shard.partition, sure);
  core_.worker.parts.log.allow_partition_trim(core_.shard.partition, Offset{sure.value + 1});
}

void PartitionBases::give() {
  making_->given = true;
  core_.worker.calls.write_base(
      core_.owner, core_.shard.partition, Base{making_->offset, making_->bytes}, making_->held,
      [this](const Result<PartitionRestored>& written) {
        if (written) {
          kept_.push_back({making_->offset, core_.worker.steady + core_.worker.options.commit_delay_ms});
          ++core_.worker.stats.bases;
          making_.reset();
        } else if (written.error().code == Code::kRefused) {
          making_.reset();  // The store keeps none; the next is due after another interval.
        } else {
          ++core_.worker.stats.store_failures;
          making_->given = false;
          making_->give_at = core_.worker.steady + core_.worker.options.retry_ms;
        }
      });
}

}  // namespace quipu
