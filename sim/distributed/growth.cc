#include "sim/distributed/growth.h"

#include <utility>

#include "store/open_partitions.h"

namespace quipu::sim {
namespace {

constexpr TimeMs kLookMs = 20;
constexpr TimeMs kRetryMs = 10;

}  // namespace

Result<std::unique_ptr<GrowthProcess>> GrowthProcess::start(Surroundings& around, std::uint64_t number,
                                                            std::uint16_t partitions, TimeMs wall) {
  std::unique_ptr<GrowthProcess> made(new GrowthProcess(around, number, wall));
  auto begun = BegunProcess::begin(around, made->wall_);
  if (!begun) return std::unexpected(begun.error());
  made->store_ = std::move(begun->store);
  made->log_ = begun->identity.log;
  const auto settings = made->store_.store->settings();
  if (!settings) return std::unexpected(settings.error());
  const auto first = begun->identity.id_partitions;
  const auto open = open_partitions_in(*settings, made->log_.generation, first);
  if (!open) return std::unexpected(open.error());
  auto& options = made->options_;
  options.first = first;
  options.before = *open;
  options.partitions = partitions;
  options.look_ms = kLookMs;
  options.retry_ms = kRetryMs;
  made->settled_at_ = around.steady + SimLogView::kLookMsMax;
  return made;
}

GrowthProcess::~GrowthProcess() {
  if (view_) view_->abandon();
}

Result<bool> GrowthProcess::step(TimeMs wall) {
  wall_ = wall;
  if (options_.before >= options_.partitions) return true;  // Another one had written it, which is seen now.
  if (!growth_) {
    if (around_.steady <= settled_at_) return false;
    view_ = std::make_unique<SimLogView>(around_.topic, log_, around_.settings, around_.random, around_.trace,
                                         around_.steady);
    appender_.emplace(*view_, NodeIdentity{kOperatorNodes + number_, 1}, options_.retry_ms);
    growth_.emplace(options_, *view_, *store_.store, *appender_);
    return false;
  }
  view_->look_when_due();
  return growth_->step(around_.steady, wall);
}

void GrowthProcess::move(std::size_t store_requests) {
  store_.driver->perform(store_requests);
  if (view_) view_->move();
}

}  // namespace quipu::sim
