#include "resp/commands.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "resp/text.h"

namespace quipu {
namespace {

using enum RespCommand;
using enum InTransaction;

// name, command, arity, in a transaction, right, writes, reads, first key, last key, group, since, summary
constexpr std::array kCommands{
    RespCommandInfo{"auth", kAuth, -2, kRefused, RespNeed::kNothing, false, false, 0, 0, "connection", "1.0.0",
                    "Authenticates the connection."},
    RespCommandInfo{"client", kClient, -2, kQueued, RespNeed::kKey, false, false, 0, 0, "connection", "2.4.0",
                    "Names the connection, or tells about it."},
    RespCommandInfo{"command", kCommand, -1, kQueued, RespNeed::kKey, false, false, 0, 0, "server", "2.8.13",
                    "Tells which commands there are."},
    RespCommandInfo{"config", kConfig, -2, kQueued, RespNeed::kKey, false, false, 0, 0, "server", "2.0.0",
                    "Tells settings that Redis has too."},
    RespCommandInfo{"dbsize", kDbsize, 1, kRefused, RespNeed::kRead, false, true, 0, 0, "server", "1.0.0",
                    "Returns the exact number of counters."},
    RespCommandInfo{"decr", kDecr, 2, kQueued, RespNeed::kAdmin, true, false, 1, 1, "string", "1.0.0",
                    "Takes one from a counter."},
    RespCommandInfo{"decrby", kDecrby, 3, kQueued, RespNeed::kAdmin, true, false, 1, 1, "string", "1.0.0",
                    "Takes a number from a counter."},
    RespCommandInfo{"del", kDel, -2, kQueued, RespNeed::kAdmin, true, false, 1, -1, "generic", "1.0.0",
                    "Resets counters."},
    RespCommandInfo{"discard", kDiscard, 1, kRunAtOnce, RespNeed::kKey, false, false, 0, 0, "transactions", "2.0.0",
                    "Drops a transaction."},
    RespCommandInfo{"echo", kEcho, 2, kQueued, RespNeed::kKey, false, false, 0, 0, "connection", "1.0.0",
                    "Returns its argument."},
    RespCommandInfo{"exec", kExec, 1, kRunAtOnce, RespNeed::kKey, false, false, 0, 0, "transactions", "1.2.0",
                    "Runs the commands of a transaction as one."},
    RespCommandInfo{"exists", kExists, -2, kQueued, RespNeed::kRead, false, true, 1, -1, "generic", "1.0.0",
                    "Counts which of the counters exist."},
    RespCommandInfo{"flushall", kFlush, -1, kRefused, RespNeed::kAdmin, true, false, 0, 0, "server", "1.0.0",
                    "Resets every counter that keys can name."},
    RespCommandInfo{"flushdb", kFlush, -1, kRefused, RespNeed::kAdmin, true, false, 0, 0, "server", "1.0.0",
                    "Resets every counter that keys can name."},
    RespCommandInfo{"get", kGet, 2, kQueued, RespNeed::kRead, false, true, 1, 1, "string", "1.0.0",
                    "Returns a counter's total."},
    RespCommandInfo{"getdel", kGetdel, 2, kQueued, RespNeed::kAdmin, true, false, 1, 1, "string", "6.2.0",
                    "Resets a counter and returns what it was."},
    RespCommandInfo{"hello", kHello, -1, kRefused, RespNeed::kNothing, false, false, 0, 0, "connection", "6.0.0",
                    "Chooses the protocol's version."},
    RespCommandInfo{"incr", kIncr, 2, kQueued, RespNeed::kIngest, true, false, 1, 1, "string", "1.0.0",
                    "Adds one to a counter."},
    RespCommandInfo{"incrby", kIncrby, 3, kQueued, RespNeed::kIngest, true, false, 1, 1, "string", "1.0.0",
                    "Adds a number to a counter."},
    RespCommandInfo{"info", kInfo, -1, kRefused, RespNeed::kRead, false, true, 0, 0, "server", "1.0.0",
                    "Tells about the service."},
    RespCommandInfo{"mget", kMget, -2, kQueued, RespNeed::kRead, false, true, 1, -1, "string", "1.0.0",
                    "Returns totals of counters."},
    RespCommandInfo{"multi", kMulti, 1, kRunAtOnce, RespNeed::kKey, false, false, 0, 0, "transactions", "1.2.0",
                    "Begins a transaction."},
    RespCommandInfo{"ping", kPing, -1, kQueued, RespNeed::kKey, false, false, 0, 0, "connection", "1.0.0",
                    "Returns PONG."},
    RespCommandInfo{"q.incrby", kIncrbyId, 5, kQueued, RespNeed::kIngest, true, false, 1, 1, "string", "0.1.0",
                    "Adds a number to a counter, once for each token."},
    RespCommandInfo{"quit", kQuit, -1, kRunAtOnce, RespNeed::kNothing, false, false, 0, 0, "connection", "1.0.0",
                    "Closes the connection."},
    RespCommandInfo{"reset", kReset, 1, kRunAtOnce, RespNeed::kNothing, false, false, 0, 0, "connection", "6.2.0",
                    "Makes the connection as it was at first."},
    RespCommandInfo{"scan", kScan, -2, kRefused, RespNeed::kRead, false, true, 0, 0, "generic", "2.8.0",
                    "Walks the counters."},
    RespCommandInfo{"select", kSelect, 2, kQueued, RespNeed::kKey, false, false, 0, 0, "connection", "1.0.0",
                    "Chooses database 0, the only one."},
    RespCommandInfo{"set", kSet, -3, kQueued, RespNeed::kAdmin, true, false, 1, 1, "string", "1.0.0",
                    "Sets a counter to a number."},
    RespCommandInfo{"strlen", kStrlen, 2, kQueued, RespNeed::kRead, false, true, 1, 1, "string", "2.2.0",
                    "Returns how many digits a total has."},
    RespCommandInfo{"time", kTime, 1, kQueued, RespNeed::kKey, false, false, 0, 0, "server", "2.6.0",
                    "Returns the service's time."},
    RespCommandInfo{"type", kType, 2, kQueued, RespNeed::kRead, false, true, 1, 1, "generic", "1.0.0",
                    "Returns string or none."},
    RespCommandInfo{"unlink", kDel, -2, kQueued, RespNeed::kAdmin, true, false, 1, -1, "generic", "4.0.0",
                    "Resets counters."},
};

constexpr std::size_t kSlots = 128;
constexpr std::size_t kNameBytesMax = 8;

/// Up to eight letters as one number, in lower case: `| 0x20` leaves digits and the dot as they are.
constexpr std::uint64_t packed(std::string_view name) {
  std::uint64_t word = 0;
  for (const char c : name) word = word << 8 | static_cast<std::uint8_t>(c | 0x20);
  return word;
}

constexpr std::size_t slot_of(std::uint64_t word) { return (word * 0x9e3779b97f4a7c15ULL) >> (64 - 7); }

constexpr auto kTable = [] {
  std::array<std::uint8_t, kSlots> table{};  // The command's place + 1.
  for (std::size_t i = 0; i < kCommands.size(); ++i) {
    auto slot = slot_of(packed(kCommands[i].name));
    while (table[slot] != 0) slot = (slot + 1) % kSlots;
    table[slot] = static_cast<std::uint8_t>(i + 1);
  }
  return table;
}();

static_assert(std::ranges::is_sorted(kCommands, {}, &RespCommandInfo::name));
static_assert(std::ranges::all_of(kCommands, [](const auto& info) { return info.name.size() <= kNameBytesMax; }));

}  // namespace

std::span<const RespCommandInfo> resp_commands() { return kCommands; }

const RespCommandInfo* find_resp_command(std::string_view name) {
  if (name.size() > kNameBytesMax) return nullptr;
  for (auto slot = slot_of(packed(name)); kTable[slot] != 0; slot = (slot + 1) % kSlots) {
    const RespCommandInfo& info = kCommands[kTable[slot] - 1U];
    if (same_word(info.name, name)) return &info;
  }
  return nullptr;
}

}  // namespace quipu
