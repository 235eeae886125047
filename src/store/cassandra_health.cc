#include "store/cassandra_health.h"

#include <chrono>
#include <thread>
#include <utility>

#include "store/cassandra_start.h"

namespace quipu {
namespace {

constexpr std::int64_t kRetryMs = 1'000;

}  // namespace

Error forgotten() {
  return {Code::kBusy, "a node of Cassandra went down or started again: it may have forgotten what this covers",
          kRetryMs};
}

Result<void> CassandraHealth::start() {
  const auto nodes = read_node_answers(requests_.session().call_nodes(kNodeGenerationCql, options_.limit_ms));
  if (!nodes) return std::unexpected(nodes.error());
  nodes_.observe(*nodes);
  watch();
  return {};
}

void CassandraHealth::watch() {
  requests_.after(options_.check_ms, [this](const CassandraAnswer&) {
    options_.on_check();
    check([this](bool) { watch(); });
  });
}

void CassandraHealth::check(std::function<void(bool)> then) {
  waiting_.push_back(std::move(then));
  if (asking_.empty()) ask();
}

void CassandraHealth::ask() {
  asking_ = std::exchange(waiting_, {});
  requests_.ask_nodes(kNodeGenerationCql, options_.limit_ms, [this](const CassandraAnswer& answer) {
    const auto answers = read_node_answers(answer);
    if (!answers) return asked(false);
    if (!nodes_.misses_one(*answers)) return observe(*answers);
    requests_.ask_nodes(kNodeGenerationCql, options_.limit_ms, [this](const CassandraAnswer& second) {
      const auto again = read_node_answers(second);
      if (!again) return asked(false);
      observe(*again);
    });
  });
}

void CassandraHealth::asked(bool sound) {
  for (const auto& then : std::exchange(asking_, {})) then(sound);
  if (!waiting_.empty() && asking_.empty()) ask();
}

void CassandraHealth::observe(const std::vector<CassandraNodeAnswer>& answers) {
  const bool forgot = nodes_.observe(answers);
  if (forgot) {
    ++forgot_;
    options_.on_forgot();
  }
  asked(!forgot);
}

void CassandraHealth::settle(std::function<void(Result<void>)> then) {
  // Another check may have been told of what happens meanwhile.
  requests_.after(options_.sync_wait_ms, [this, forgot = forgot_, then = std::move(then)](const CassandraAnswer&) {
    requests_.submit(statements_.put_probe, probe_values(options_.timestamp_base), 1,
                     [this, forgot, then](const CassandraAnswer& answer) {
                       if (auto result = answer.result(); !result) return then(std::move(result));
                       check([this, forgot, then](bool sound) {
                         if (sound && forgot_ == forgot) return then({});
                         then(std::unexpected(forgotten()));
                       });
                     });
  });
}

Result<void> CassandraHealth::settle_now() {
  std::this_thread::sleep_for(std::chrono::milliseconds(options_.sync_wait_ms));
  return requests_.session().call(statements_.put_probe, probe_values(options_.timestamp_base)).result();
}

}  // namespace quipu
