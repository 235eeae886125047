#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "cluster/cluster_identity.h"
#include "sim/distributed/processes.h"
#include "worker/log_adoption.h"

namespace quipu::sim {

/// An operator's process that runs `quipu log adopt`: asks the store which log it counts from, and then does what the
/// product's LogAdoption does, over the topic that is there and a store of its own. It may be gone after any step, and
/// another one begins from the beginning.
class AdoptionProcess {
 public:
  /// An error: the store does not answer, or there were as many logs as can be counted.
  static Result<std::unique_ptr<AdoptionProcess>> start(Surroundings& around, std::uint64_t number, TimeMs wall);
  ~AdoptionProcess();
  AdoptionProcess(const AdoptionProcess&) = delete;
  AdoptionProcess& operator=(const AdoptionProcess&) = delete;

  /// Whether the topic is adopted; an error ends it. kRefused, with `counts_from_it`: one before had it adopted.
  Result<bool> step(TimeMs wall);
  /// What it has asked of others goes on.
  void move(std::size_t store_requests);

  LogAdoption::Stage stage() const { return adoption_->stage(); }
  /// The store counted from the topic when this began.
  bool counts_from_it() const { return counts_from_it_; }

 private:
  AdoptionProcess(Surroundings& around, TimeMs wall) : around_(around), wall_(wall) {}

  Surroundings& around_;
  TimeMs wall_;
  StoreProcess store_;
  bool counts_from_it_ = false;
  std::unique_ptr<SimLogView> view_;
  std::optional<InOrderAppender> appender_;
  std::optional<LogAdoption> adoption_;
};

}  // namespace quipu::sim
