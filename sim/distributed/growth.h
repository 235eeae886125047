#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "sim/distributed/processes.h"
#include "worker/log_growth.h"

namespace quipu::sim {

/// An operator's process that runs `quipu log grow`: asks the store how many partitions take events, gives the topic
/// more, waits until everybody has heard of them, and then does what the product's LogGrowth does, over a log and a
/// store of its own. It may be gone after any step, and another one begins from the beginning.
class GrowthProcess {
 public:
  /// `partitions`: that are to take events; the topic has no more.
  static Result<std::unique_ptr<GrowthProcess>> start(Surroundings& around, std::uint64_t number,
                                                      std::uint16_t partitions, TimeMs wall);
  ~GrowthProcess();
  GrowthProcess(const GrowthProcess&) = delete;
  GrowthProcess& operator=(const GrowthProcess&) = delete;

  /// Whether the partitions are open; an error ends it.
  Result<bool> step(TimeMs wall);
  /// What it has asked of others goes on.
  void move(std::size_t store_requests);

  /// Nobody is waited for any more: from now on what was reset is looked for in the rows.
  bool begun() const { return growth_.has_value(); }

 private:
  GrowthProcess(Surroundings& around, std::uint64_t number, TimeMs wall)
      : around_(around), number_(number), wall_(wall) {}

  Surroundings& around_;
  const std::uint64_t number_;
  TimeMs wall_;
  TimeMs settled_at_ = 0;
  LogGrowthOptions options_;
  LogIdentity log_;
  StoreProcess store_;
  // Made when everybody has heard.
  std::unique_ptr<SimLogView> view_;
  std::optional<InOrderAppender> appender_;
  std::optional<LogGrowth> growth_;
};

}  // namespace quipu::sim
