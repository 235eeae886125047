#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "resp/commands.h"
#include "resp/context.h"
#include "resp/reply.h"
#include "resp/turn.h"

namespace quipu {

using RespArguments = std::span<const std::string_view>;

/// The commands between MULTI and EXEC, copied, since they may arrive in different turns.
struct RespTransaction {
  std::string bytes;                  // Of all arguments, end to end.
  std::vector<std::size_t> ends;      // Of the arguments.
  std::vector<std::size_t> commands;  // How many arguments each command has.
  bool broken = false;                // A command was refused: EXEC will be too.

  std::size_t kept_bytes() const {
    return bytes.capacity() + (ends.capacity() + commands.capacity()) * sizeof(std::size_t);
  }
};

/// Turns commands into operations of a turn, or into replies where no counter is asked, and keeps what a connection is
/// asked to keep: the protocol's version, its name, an open transaction. Thread: the engine's.
class RespPlanner {
 public:
  explicit RespPlanner(RespContext& context);

  /// Plans one command: appends to `turn`, or fills `errand`, which then stands behind the turn. The arguments must
  /// stay where they are until the turn ends.
  void plan(RespArguments arguments, RespTurn& turn, RespErrand& errand);

  /// The connection is to be closed behind what was planned.
  bool closing() const { return closing_; }

  /// Whether the client has given a key, or needs none.
  bool authenticated() const { return authenticated_; }

  /// The memory that an open transaction takes.
  std::size_t kept_bytes() const { return transaction_ ? transaction_->kept_bytes() : 0; }

 private:
  void run(const RespCommandInfo& info, RespArguments arguments, RespTurn& turn, RespErrand& errand);
  bool run_connection(const RespCommandInfo& info, RespArguments arguments, RespTurn& turn);
  bool run_counter(const RespCommandInfo& info, RespArguments arguments, RespTurn& turn);

  // Counters (resp_plan_counters.cc).
  bool aim(std::string_view key, Operation& operation, RespTurn& turn);
  void one(RespReplyKind reply, const Operation& operation, std::string_view key, RespTurn& turn);
  void many(RespReplyKind reply, const Operation& operation, RespArguments keys, bool together, RespTurn& turn);
  void add(std::string_view key, std::string_view delta, bool negative, RespTurn& turn);
  void add_once(RespArguments arguments, RespTurn& turn);
  void set(RespArguments arguments, RespTurn& turn);
  void scan(RespArguments arguments, RespTurn& turn, RespErrand& errand);

  // The connection and the service (resp_plan_connection.cc).
  void ping(RespArguments arguments, RespTurn& turn);
  void hello(RespArguments arguments, RespTurn& turn);
  void auth(RespArguments arguments, RespTurn& turn);
  void select(RespArguments arguments, RespTurn& turn);
  void client(RespArguments arguments, RespTurn& turn);
  void config(RespArguments arguments, RespTurn& turn);
  void command(RespArguments arguments, RespTurn& turn);
  void time(RespTurn& turn);
  void reset(RespTurn& turn);
  bool credentials(std::string_view user, std::string_view key, RespTurn& turn);
  bool permitted(const RespCommandInfo& info, RespTurn& turn);
  bool refuse_right(std::string_view command, RespTurn& turn);
  bool set_name(std::string_view name, std::string_view what, std::string& out, RespTurn& turn);
  std::string client_line() const;

  // Transactions (resp_plan_transaction.cc).
  void multi(RespTurn& turn);
  void queue(RespArguments arguments, RespTurn& turn);
  void exec(RespTurn& turn, RespErrand& errand);
  void discard(RespTurn& turn);

  // Replies that are known already.
  void refuse(RespTurn& turn, std::string_view text) { refuse(turn, "ERR", text); }
  void refuse(RespTurn& turn, std::string_view prefix, std::string_view text);
  void refuse_arity(RespTurn& turn, std::string_view name);
  void refuse_subcommand(RespTurn& turn, std::string_view name, std::string_view subcommand);
  void ok(RespTurn& turn);
  template <class Write>
  void prepare(RespTurn& turn, Write write) {
    RespPending pending;
    pending.begin = turn.prepared.size();
    RespWriter writer(turn.prepared, resp3_);
    write(writer);
    pending.end = turn.prepared.size();
    turn.pending.push_back(pending);
  }

  RespContext& context_;
  std::optional<NamespaceId> default_space_;
  const RespCommandInfo* last_ = nullptr;  // The command before this one ...
  std::string last_word_;                  // ... as it was written.
  bool resp3_ = false;
  bool closing_ = false;
  bool guarded_;        // There are keys ...
  bool authenticated_;  // ... and the client gave one ...
  Rights rights_;       // ... which allows this.
  std::size_t wrong_keys_ = 0;
  std::uint64_t number_;  // Of the client.
  std::string name_;      // CLIENT SETNAME
  std::string library_;   // CLIENT SETINFO
  std::string library_version_;
  std::optional<RespTransaction> transaction_;
};

/// The settings of Redis that CONFIG GET answers, in the order of their names.
std::vector<std::pair<std::string_view, std::string>> resp_settings(const NetLimits& limits);

/// The answers to COMMAND and its subcommands.
void write_command_list(RespWriter& writer, std::span<const RespCommandInfo* const> commands);
void write_command_docs(RespWriter& writer, std::span<const RespCommandInfo* const> commands);

}  // namespace quipu
