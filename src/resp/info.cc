#include "resp/info.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace quipu {
namespace {

/// The release of Redis whose replies these are; clients ask for it to choose what they send.
constexpr std::string_view kLikeRedis = "7.0.15";

std::string human(std::uint64_t bytes) {
  constexpr std::string_view kUnits = "BKMGT";
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{}B", bytes) : fmt::format("{:.2f}{}", value, kUnits[unit]);
}

}  // namespace

std::string resp_info(const RespContext& context, std::span<const std::string> sections, std::uint64_t counters) {
  const auto asked = [&](std::string_view name) {
    return sections.empty() || std::ranges::any_of(sections, [&](const std::string& section) {
             return section == name || section == "all" || section == "default" || section == "everything";
           });
  };
  const CounterService& service = context.service;
  const auto stats = service.stats();
  std::string out;
  const auto begin = [&](std::string_view name, std::string_view title) {
    if (!asked(name)) return false;
    if (!out.empty()) out += "\r\n";
    out += fmt::format("# {}\r\n", title);
    return true;
  };
  const auto line = [&](std::string_view name, const auto& value) { out += fmt::format("{}:{}\r\n", name, value); };

  if (begin("server", "Server")) {
    const auto uptime = std::max<std::int64_t>(service.now() - context.started_at, 0) / 1'000;
    line("redis_version", kLikeRedis);
    line("quipu_version", context.version);
    line("redis_mode", "standalone");
    line("arch_bits", 64);
    line("uptime_in_seconds", uptime);
    line("uptime_in_days", uptime / 86'400);
  }
  if (begin("clients", "Clients")) {
    line("connected_clients", context.connections());
    line("maxclients", context.limits.connections_max);
    line("blocked_clients", stats.parked_batches);
  }
  if (begin("memory", "Memory")) {
    line("used_memory", stats.table_bytes);
    line("used_memory_human", human(stats.table_bytes));
  }
  if (begin("persistence", "Persistence")) {
    line("loading", service.state() == EngineState::kRecovering ? 1 : 0);
    line("async_loading", 0);
    line("aof_enabled", 1);
    line("aof_last_write_status", service.state() == EngineState::kFailed ? "err" : "ok");
    line("rdb_bgsave_in_progress", 0);
    line("aof_rewrite_in_progress", 0);
  }
  if (begin("stats", "Stats")) {
    line("total_connections_received", context.clients);
    line("total_commands_processed", context.commands);
    line("events_accepted", stats.events_accepted);
    line("events_duplicate", stats.events_duplicate);
    line("operations_refused", stats.operations_refused);
    line("operations_busy", stats.operations_busy);
  }
  if (begin("replication", "Replication")) {
    line("role", "master");
    line("connected_slaves", 0);
  }
  if (begin("cluster", "Cluster")) line("cluster_enabled", 0);
  if (begin("log", "Log")) {
    line("durable_offset", stats.durable.value);
    line("newest_offset", stats.newest.value);
    line("frames_written", stats.frames_written);
    line("commits", stats.commits);
  }
  if (begin("keyspace", "Keyspace") && counters > 0) {
    line("db0", fmt::format("keys={},expires=0,avg_ttl=0", counters));
  }
  return out;
}

}  // namespace quipu
