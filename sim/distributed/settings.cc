#include "sim/distributed/settings.h"

#include <algorithm>

namespace quipu::sim {
namespace {

constexpr std::size_t kIdsMany = 1'000;
constexpr std::int64_t kGiveUpMsMin = 3'000;

/// On in half of the runs, at a rate of one in `low` to one in `high`.
Rate draw_rate(Random& random, std::uint64_t low, std::uint64_t high) {
  const auto rate = random.between(low, high);
  return random.one_in(2) ? rate : 0;
}

DistributedRates draw_faults(Random& random) {
  DistributedRates rates;
  rates.node_crash = draw_rate(random, 200, 2'000);
  rates.worker_crash = draw_rate(random, 100, 1'500);
  rates.process_stalls = draw_rate(random, 100, 1'500);
  rates.rebalance = draw_rate(random, 30, 500);
  rates.lost = draw_rate(random, 30, 300);
  rates.producer_rebuilt = draw_rate(random, 20, 400);
  rates.partition_added = draw_rate(random, 500, 3'000);
  rates.partition_away = draw_rate(random, 800, 4'000);
  rates.log_grown = draw_rate(random, 100, 800);
  rates.growth_ends = draw_rate(random, 20, 400);
  rates.replica_fails = draw_rate(random, 100, 1'500);
  rates.replica_parts = draw_rate(random, 100, 1'500);
  rates.cache_lost = draw_rate(random, 200, 2'000);
  rates.cache_stalls = draw_rate(random, 200, 2'000);
  rates.clock_back = draw_rate(random, 200, 2'000);
  rates.clock_forward = draw_rate(random, 200, 2'000);
  rates.log_damaged = random.one_in(8) ? random.between(200, 1'000) : 0;
  rates.fetch_late = draw_rate(random, 2, 20);
  rates.write_missed = draw_rate(random, 5, 60);
  rates.write_late = draw_rate(random, 5, 60);
  rates.write_answer_lost = draw_rate(random, 5, 60);
  rates.read_times_out = draw_rate(random, 5, 60);
  rates.cache_drops_command = draw_rate(random, 5, 60);
  rates.cache_drops_reply = draw_rate(random, 5, 60);
  rates.cache_evicts = draw_rate(random, 5, 100);
  rates.client_gives_up = draw_rate(random, 10, 200);
  rates.client_repeats = draw_rate(random, 2, 20);
  rates.client_moves = draw_rate(random, 2, 40);
  rates.client_mistakes = draw_rate(random, 2, 20);
  // Never none of those that a run lives by.
  if (rates.worker_crash + rates.rebalance == 0) rates.rebalance = random.between(30, 300);
  return rates;
}

void draw_node(Random& random, ApiNodeOptions& node) {
  node.frame_bytes = random.pick<std::size_t>({1, 200, 2'000, std::size_t{64} << 10});
  node.linger_ms = random.pick<std::int64_t>({0, 5, 50});
  node.producer.pending_bytes_max = random.pick<std::size_t>({6'000, 40'000, std::size_t{64} << 20});
  node.producer.frames_in_flight_max = random.pick<std::size_t>({1, 2, 4});
  node.producer.give_up_ms = random.pick<std::int64_t>({kGiveUpMsMin, 30'000});
  node.producer.resend_ms = 5;
  node.producer.resend_ms_max = 100;
  node.producer.silence_ms = random.pick<std::int64_t>({500, 600'000});
  node.producer.boots = 1'000;
  node.hot.events_per_second = random.pick<std::uint64_t>({1, 20'000});
  node.hot.partitions = static_cast<std::uint16_t>(random.between(1, 4));
  node.known.counters_max = random.pick<std::size_t>({2, 100'000});
  node.known.adds_per_counter_max = random.pick<std::size_t>({2, 16'384});
  node.known.rebase_ms = random.pick<std::int64_t>({20, 5'000});
  node.reader.local_counters_max = random.pick<std::size_t>({1, 100'000});
  node.reader.local_ms = random.pick<std::int64_t>({0, 20, 500});
  node.reader.absent_ms = node.reader.local_ms / 2;
  node.reader.keys_per_request = random.pick<std::size_t>({1, 256});
  node.reader.retry_ms = 10;
  node.store_news_ms = 200;
  node.source_settle_ms = random.pick<std::int64_t>({500, 10'000});
  node.base_wait_ms = random.pick<std::int64_t>({20, 500});
  node.settings_ms = random.pick<std::int64_t>({20, 1'000});
  node.settings_wait_ms = 10;
}

void draw_worker(Random& random, WorkerOptions& worker) {
  worker.ids_max = random.pick<std::size_t>({6, 30, 100'000, 100'000});
  worker.table_bytes_max = random.pick<std::size_t>({300, 1'000, std::size_t{1} << 20});
  worker.dirty_bytes_max = random.pick<std::size_t>({300, 3'000, std::size_t{1} << 20});
  worker.read_bytes = random.pick<std::size_t>({1, 500, std::size_t{1} << 20});
  worker.load_keys_max = random.pick<std::size_t>({1, 2, 100});
  worker.resets_owed_max = random.pick<std::size_t>({1, 1'000});
  worker.read_back_frames = random.pick<std::uint64_t>({1, 5, 1'000});
  worker.flush_interval_ms = random.pick<std::int64_t>({1, 30, 200});
  worker.retry_ms = 5;
  worker.release_ms_max = random.pick<std::int64_t>({20, 500});
  worker.log_grace_ms = 100;
  worker.base_interval_ms = random.pick<std::int64_t>({50, 500, 1'000'000});
  worker.base_log_bytes = random.pick<std::size_t>({500, std::size_t{1} << 30});
}

/// Nodes of the store that lose their power together, and sync rarely, while some lack what others have: what was
/// acknowledged is then nowhere, but where a node has synced it.
void draw_power_losses(Random& random, DistributedSettings& settings) {
  settings.sync_ms = random.pick<std::int64_t>({200, 500});
  settings.worker.flush_interval_ms = random.pick<std::int64_t>({1, 30});
  settings.faults.replica_fails = random.between(30, 200);
  settings.faults.power_shared = random.between(1, 3);
  // Back before anybody has asked how they are.
  settings.faults.replica_back = random.pick<Rate>({3, 60});
  if (random.one_in(2)) settings.worker.table_bytes_max = 300;
  settings.faults.write_missed = random.between(3, 10);
}

}  // namespace

DistributedSettings draw_distributed_settings(Random& random) {
  DistributedSettings settings;
  settings.identity.generation = Generation{1};
  settings.identity.random.fill(static_cast<std::byte>(random.below(256)));
  settings.partitions = static_cast<std::uint16_t>(random.between(1, 4));
  settings.nodes = random.between(1, 3);
  settings.workers = random.between(1, 5);
  settings.clients = random.between(4, 10);
  settings.counters = random.pick<std::size_t>({20, 26, 40});
  settings.step_ms = random.pick<std::int64_t>({2, 4, 10});
  settings.sync_ms = random.pick<std::int64_t>({10, 60, 200});
  settings.node_check_ms = random.pick<std::uint32_t>({10, 50});
  settings.cache = !random.one_in(4);
  settings.steps_min = random.one_in(5) ? random.between(4'000, 7'000) : random.between(1'500, 3'000);
  draw_node(random, settings.node);
  draw_worker(random, settings.worker);
  settings.node.secret = settings.worker.secret = settings.node.reader.secret = {random.next(), random.next()};
  settings.node.id_partitions = static_cast<std::uint16_t>(random.between(1, settings.partitions));
  settings.faults = draw_faults(random);
  // Copies of frames then come so late that a node has begun many boots since: what is in them is told by ids alone,
  // and so few would not be known any more.
  if (settings.worker.ids_max < kIdsMany) settings.faults.partition_away = 0;
  // What is away for long enough is given up, with a batch of a source in several frames, of which some were sent.
  if (settings.faults.partition_away > 0 && random.one_in(2)) {
    settings.faults.partition_away = random.between(300, 1'500);
    settings.node.frame_bytes = 1;
    settings.node.producer.give_up_ms = kGiveUpMsMin;
    settings.node.producer.frames_in_flight_max = random.pick<std::size_t>({1, 2, 3});
    settings.source_batches = 2;
  }
  settings.clock_ms = random.pick<std::uint64_t>({3'000, 3'600'000, 31'536'000'000});
  settings.faults.adoption_ends = draw_rate(random, 5, 60);
  if (random.one_in(8)) {
    settings.faults.topic_anew = random.between(200, 1'500);
    settings.faults.log_damaged = 0;
  }
  if (random.one_in(4)) draw_power_losses(random, settings);
  settings.worker.commit_delay_ms = settings.sync_ms + 2 * settings.step_ms;
  return settings;
}

std::string DistributedSettings::text() const {
  std::string out = "distributed";
  const auto add = [&](const char* name, auto value) {
    out.append(", ").append(name).append(" ").append(std::to_string(value));
  };
  add("partitions", partitions);
  add("id partitions", node.id_partitions);
  add("nodes", nodes);
  add("workers", workers);
  add("clients", clients);
  add("counters", counters);
  add("frame bytes", node.frame_bytes);
  add("in flight", node.producer.frames_in_flight_max);
  add("give up ms", node.producer.give_up_ms);
  add("ids", worker.ids_max);
  add("table bytes", worker.table_bytes_max);
  add("dirty bytes", worker.dirty_bytes_max);
  add("flush ms", worker.flush_interval_ms);
  add("commit delay ms", worker.commit_delay_ms);
  add("sync ms", sync_ms);
  add("base ms", worker.base_interval_ms);
  add("local ms", node.reader.local_ms);
  add("cache", cache ? 1 : 0);
  add("step ms", step_ms);
  add("clocks ms", clock_ms);
  return out;
}

}  // namespace quipu::sim
