#include "cluster/epoch_writer.h"

#include "cluster/shared_parts.h"
#include "node/node_clock.h"
#include "worker/epoch_teller.h"
#include "worker/in_order_appender.h"

namespace quipu {
namespace {

constexpr std::int64_t kLookMs = 100;

}  // namespace

Result<std::uint64_t> write_epochs(CounterStore& store, EventLog& log, Doorbell& bell) {
  EpochTellerOptions options;
  options.end = log.partitions();
  InOrderAppender appender(log, new_node(), options.retry_ms);
  EpochTeller teller(options, store, appender);
  while (true) {
    const auto told = teller.step(steady_clock_ms(), wall_clock_ms());
    if (!told) return std::unexpected(told.error());
    if (*told) return teller.counters();
    bell.wait(kLookMs);
  }
}

}  // namespace quipu
