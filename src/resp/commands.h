#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace quipu {

enum class RespCommand : std::uint8_t {
  kAuth,
  kClient,
  kCommand,
  kConfig,
  kDbsize,
  kDecr,
  kDecrby,
  kDel,
  kDiscard,
  kEcho,
  kExec,
  kExists,
  kFlush,
  kGet,
  kGetdel,
  kHello,
  kIncr,
  kIncrby,
  kInfo,
  kMget,
  kMulti,
  kPing,
  kQuit,
  kReset,
  kScan,
  kSelect,
  kSet,
  kStrlen,
  kTime,
  kType,
  kIncrbyId,
};

/// What becomes of a command between MULTI and EXEC.
enum class InTransaction : std::uint8_t { kQueued, kRunAtOnce, kRefused };

/// What the connection's key must allow where there are keys. kKey: any key will do.
enum class RespNeed : std::uint8_t { kUnset, kNothing, kKey, kIngest, kRead, kAdmin };

/// One command of the Redis protocol, as COMMAND shows it.
struct RespCommandInfo {
  std::string_view name;
  RespCommand command;
  int arity;  ///< Words with the name; below zero: at least so many.
  InTransaction in_transaction;
  RespNeed need;
  bool writes;
  bool reads;
  int first_key;  ///< 0: takes no keys.
  int last_key;
  std::string_view group;
  std::string_view since;  ///< Of Redis; of Quipu for its own.
  std::string_view summary;
};

/// All commands, by name.
std::span<const RespCommandInfo> resp_commands();

/// The command of this name in any case of letters, or null.
const RespCommandInfo* find_resp_command(std::string_view name);

}  // namespace quipu
