#include <algorithm>

#include "resp/planner.h"

namespace quipu {
namespace {

void write_command(RespWriter& writer, const RespCommandInfo& info) {
  writer.array(10);
  writer.bulk(info.name);
  writer.integer(info.arity);
  writer.set(static_cast<std::size_t>(info.writes) + static_cast<std::size_t>(info.reads) + 1U);
  if (info.writes) writer.simple("write");
  if (info.reads) writer.simple("readonly");
  writer.simple("fast");
  writer.integer(info.first_key);
  writer.integer(info.last_key);
  writer.integer(info.first_key == 0 ? 0 : 1);
  // Categories of access lists, hints, key specifications, subcommands: none.
  writer.set(0);
  writer.array(0);
  writer.array(0);
  writer.array(0);
}

}  // namespace

void write_command_list(RespWriter& writer, std::span<const RespCommandInfo* const> commands) {
  writer.array(commands.size());
  for (const auto* info : commands) {
    if (info == nullptr) {
      writer.null();
    } else {
      write_command(writer, *info);
    }
  }
}

void write_command_docs(RespWriter& writer, std::span<const RespCommandInfo* const> commands) {
  writer.map(commands.size());
  for (const auto* info : commands) {
    writer.bulk(info->name);
    writer.map(3);
    writer.bulk("summary");
    writer.bulk(info->summary);
    writer.bulk("since");
    writer.bulk(info->since);
    writer.bulk("group");
    writer.bulk(info->group);
  }
}

std::vector<std::pair<std::string_view, std::string>> resp_settings(const NetLimits& limits) {
  return {{"appendfsync", "always"},
          {"appendonly", "yes"},
          {"databases", "1"},
          {"maxclients", std::to_string(limits.connections_max)},
          {"maxmemory", "0"},
          {"maxmemory-policy", "noeviction"},
          {"proto-max-bulk-len", std::to_string(limits.resp_argument_bytes_max)},
          {"save", ""},
          {"timeout", std::to_string(limits.idle_ms / 1'000)}};
}

}  // namespace quipu
