#include "sim/distributed/adoption.h"

#include <string>
#include <utility>

namespace quipu::sim {
namespace {

constexpr TimeMs kRetryMs = 10;
constexpr TimeMs kReadMsMax = 5'000;

}  // namespace

Result<std::unique_ptr<AdoptionProcess>> AdoptionProcess::start(Surroundings& around, std::uint64_t number,
                                                                TimeMs wall) {
  std::unique_ptr<AdoptionProcess> made(new AdoptionProcess(around, wall));
  auto store = StoreProcess::open(around, made->wall_, true);
  if (!store) return std::unexpected(store.error());
  made->store_ = std::move(*store);
  const auto settings = made->store_.store->settings();
  if (!settings) return std::unexpected(settings.error());
  const auto known = cluster_identity_in(*settings);
  if (!known) return std::unexpected(known.error());
  if (!*known) return failure(Code::kNotFound, "nothing was ever started on the store");
  const ClusterIdentity& before = **known;
  made->counts_from_it_ = before.log.random == around.topic.random_bits();
  const auto next = generation_after(before.log.generation);
  if (!next) return std::unexpected(next.error());
  made->view_ = std::make_unique<SimLogView>(around.topic, LogIdentity{around.topic.random_bits(), *next},
                                             around.settings, around.random, around.trace, around.steady);
  LogAdoptionOptions options;
  options.before = before.log;
  options.topic = "events";
  options.setting = kClusterSetting;
  options.text = cluster_text(counting_from(before, made->view_->identity(), made->view_->partitions()));
  options.retry_ms = kRetryMs;
  options.read_ms_max = kReadMsMax;
  made->appender_.emplace(*made->view_, NodeIdentity{kOperatorNodes + number, 1}, options.retry_ms);
  made->adoption_.emplace(
      options, *made->view_,
      [view = made->view_.get()](PartitionId partition, Offset next_offset) { view->seek(partition, next_offset); },
      *made->store_.store, *made->appender_);
  return made;
}

AdoptionProcess::~AdoptionProcess() {
  if (view_) view_->abandon();
}

Result<bool> AdoptionProcess::step(TimeMs wall) {
  wall_ = wall;
  view_->look_when_due();
  return adoption_->step(around_.steady, wall);
}

void AdoptionProcess::move(std::size_t store_requests) {
  store_.driver->perform(store_requests);
  if (view_) view_->move();
}

}  // namespace quipu::sim
