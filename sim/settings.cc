#include "sim/settings.h"

#include <limits>

namespace quipu::sim {
namespace {

/// On in half of the runs, at a rate of one in `low` to one in `high`.
Rate draw_rate(Random& random, std::uint64_t low, std::uint64_t high) {
  const auto rate = random.between(low, high);
  return random.one_in(2) ? rate : 0;
}

FaultRates draw_faults(Random& random) {
  FaultRates rates;
  rates.kill = draw_rate(random, 100, 1'200);
  rates.power_cut = draw_rate(random, 100, 1'200);
  rates.crash_in_call = draw_rate(random, 100, 1'200);
  rates.stop = draw_rate(random, 300, 2'000);
  rates.new_log = draw_rate(random, 1, 4);
  rates.disk_full = draw_rate(random, 200, 2'000);
  rates.disk_stalls = draw_rate(random, 100, 1'000);
  rates.store_stalls = draw_rate(random, 100, 1'000);
  rates.clock_back = draw_rate(random, 50, 1'000);
  rates.clock_forward = draw_rate(random, 50, 1'000);
  rates.write_fails = draw_rate(random, 50, 1'000);
  rates.sync_fails = draw_rate(random, 50, 1'000);
  rates.read_fails = draw_rate(random, 20, 300);
  rates.bit_rot = draw_rate(random, 20, 500);
  rates.short_write = draw_rate(random, 5, 100);
  rates.no_direct_write = draw_rate(random, 5, 200);
  rates.upkeep_fails = draw_rate(random, 5, 100);
  rates.store_write_fails = draw_rate(random, 3, 100);
  rates.store_read_fails = draw_rate(random, 5, 100);
  rates.store_base_fails = draw_rate(random, 2, 10);
  rates.client_gives_up = draw_rate(random, 10, 200);
  rates.client_repeats = draw_rate(random, 2, 20);
  rates.client_mistakes = draw_rate(random, 5, 50);
  // Never none of those that a run lives by.
  if (rates.kill + rates.power_cut + rates.crash_in_call == 0) rates.power_cut = random.between(100, 600);
  return rates;
}

}  // namespace

Settings draw_settings(Random& random) {
  Settings settings;
  auto& log = settings.log;
  log.identity.generation = Generation{static_cast<std::uint32_t>(random.between(1, 3))};
  log.identity.random.fill(static_cast<std::byte>(random.below(256)));
  log.partitions = static_cast<std::uint16_t>(random.between(1, 5));
  log.segment_bytes = random.pick<std::size_t>({kSegmentBytesMin, kSegmentBytesMin, std::size_t{256} << 10});
  log.pending_bytes = random.pick<std::size_t>({6'000, 30'000, std::size_t{64} << 20});
  log.retain_ms = random.pick<std::int64_t>({0, 0, 10'000, 24 * std::int64_t{3'600'000}});
  log.retain_bytes = random.pick<std::uint64_t>({0, 200'000, std::uint64_t{4} << 30});
  log.check_tail_later = random.one_in(2);
  log.tail_bytes = random.pick<std::size_t>({1, 8'000, std::size_t{64} << 10});

  auto& engine = settings.engine;
  engine.secret = {random.next(), random.next()};
  engine.writer.node = random.between(1, 9);
  engine.id_partitions = static_cast<std::uint16_t>(random.between(1, log.partitions));
  engine.ids_max = random.pick<std::size_t>({8, 40, 200, 1'000, 100'000});
  engine.sources_max = random.pick<std::size_t>({16, 100'000});
  engine.open_bytes_max = random.pick<std::size_t>({3'000, 20'000, std::size_t{64} << 20});
  engine.dirty_bytes_max = random.pick<std::size_t>({1'500, 20'000, std::size_t{256} << 20});
  engine.table_bytes_max = random.pick<std::size_t>({300, 700, 2'000, std::size_t{1} << 20});
  engine.flush_interval_ms = random.pick<std::int64_t>({1, 100, 1'000, 5'000});
  engine.sync_interval_ms = random.pick<std::int64_t>({1, 500, 5'000, 60'000});
  engine.base_interval_ms = random.pick<std::int64_t>({1, 500, 10'000, 3'600'000});
  engine.base_log_bytes = random.pick<std::size_t>({20'000, 200'000, std::size_t{4} << 30});

  settings.faults = draw_faults(random);
  settings.steps_min = random.one_in(5) ? random.between(3'000, 6'000) : random.between(1'000, 2'000);
  settings.clients = random.between(2, 6);
  settings.loners = random.between(1, 3);
  settings.counters = random.pick<std::size_t>({4, 12, 40});
  settings.counter_bytes = random.pick<std::size_t>({8, 40, 1'024});
  settings.step_ms = random.pick<std::int64_t>({2, 20, 200, 3'000});
  settings.disk_weight = random.between(3, 25);
  settings.store_weight = random.between(3, 25);
  settings.engine_weight = random.between(10, 30);
  settings.commit_held = random.pick<Rate>({0, 0, 2, 10});
  settings.shuffled_ids = random.one_in(3);
  settings.id_storm = random.one_in(25);
  if (settings.id_storm) {
    settings.steps_min = 8'000;
    engine.ids_max = 200;
    engine.id_partitions = 1;
    settings.faults.kill = settings.faults.power_cut = settings.faults.crash_in_call = 3'000;
  }
  return settings;
}

std::string Settings::text() const {
  std::string out;
  const auto add = [&](const char* name, std::uint64_t value) {
    out.append(out.empty() ? "" : ", ").append(name).append(" ").append(std::to_string(value));
  };
  add("partitions", log.partitions);
  add("id partitions", engine.id_partitions);
  add("segment bytes", log.segment_bytes);
  add("pending bytes", log.pending_bytes);
  add("tail bytes", log.tail_bytes);
  add("check tail later", log.check_tail_later ? 1 : 0);
  add("retain ms", static_cast<std::uint64_t>(log.retain_ms));
  add("retain bytes", log.retain_bytes);
  add("ids", engine.ids_max);
  add("open bytes", engine.open_bytes_max);
  add("dirty bytes", engine.dirty_bytes_max);
  add("table bytes", engine.table_bytes_max);
  add("flush ms", static_cast<std::uint64_t>(engine.flush_interval_ms));
  add("sync ms", static_cast<std::uint64_t>(engine.sync_interval_ms));
  add("base ms", static_cast<std::uint64_t>(engine.base_interval_ms));
  add("base log bytes", engine.base_log_bytes);
  add("clients", clients);
  add("loners", loners);
  add("counters", counters);
  add("step ms", static_cast<std::uint64_t>(step_ms));
  return out;
}

}  // namespace quipu::sim
