#include <utility>

#include "resp/planner.h"

namespace quipu {

void RespPlanner::multi(RespTurn& turn) {
  if (transaction_) return refuse(turn, "MULTI calls can not be nested");
  transaction_.emplace();
  ok(turn);
}

void RespPlanner::discard(RespTurn& turn) {
  if (!transaction_) return refuse(turn, "DISCARD without MULTI");
  transaction_.reset();
  ok(turn);
}

void RespPlanner::queue(RespArguments arguments, RespTurn& turn) {
  RespTransaction& queued = *transaction_;
  const NetLimits& limits = context_.limits;
  std::size_t bytes = 0;
  for (const auto argument : arguments) bytes += argument.size();
  // An argument costs its place too, and a command takes no more operations than it has arguments.
  if (queued.ends.size() + arguments.size() > limits.batch_events_max * 3) {
    queued.broken = true;
    return refuse(turn, "more arguments between MULTI and EXEC than three times limits.batch_events");
  }
  if (queued.commands.size() >= limits.batch_events_max) {
    queued.broken = true;
    return refuse(turn, "more commands between MULTI and EXEC than limits.batch_events");
  }
  if (queued.bytes.size() + bytes > limits.input_bytes_max) {
    queued.broken = true;
    return refuse(turn, "more bytes between MULTI and EXEC than limits.input_bytes");
  }
  for (const auto argument : arguments) {
    queued.bytes += argument;
    queued.ends.push_back(queued.bytes.size());
  }
  queued.commands.push_back(arguments.size());
  prepare(turn, [](RespWriter& writer) { writer.simple("QUEUED"); });
}

void RespPlanner::exec(RespTurn& turn, RespErrand& errand) {
  if (!transaction_) return refuse(turn, "EXEC without MULTI");
  const auto queued = std::exchange(transaction_, std::nullopt);
  if (queued->broken) return refuse(turn, "EXECABORT", "Transaction discarded because of previous errors.");

  const std::string_view bytes = turn.kept.emplace_back(queued->bytes);
  turn.kept_text_bytes += bytes.size();
  auto& operations = turn.batch.operations;
  const auto begin = operations.size();
  const auto head = turn.pending.size();
  turn.pending.push_back(
      {RespReplyKind::kTransaction, resp3_, static_cast<std::uint32_t>(queued->commands.size()), begin});
  std::vector<std::string_view> arguments;
  std::size_t argument = 0;
  std::size_t at = 0;
  for (const auto size : queued->commands) {
    arguments.clear();
    for (std::size_t i = 0; i < size; ++i, ++argument) {
      arguments.push_back(bytes.substr(at, queued->ends[argument] - at));
      at = queued->ends[argument];
    }
    run(*find_resp_command(arguments[0]), arguments, turn, errand);
  }
  const auto end = operations.size();
  turn.pending[head].end = end;
  if (begin == end) return;
  // Durable as one; but as in Redis, one that is refused does not hold back the others.
  for (std::size_t i = begin; i < end; ++i) operations[i].together = 1;
  operations[begin].together = static_cast<std::uint32_t>(end - begin);
  operations[begin].each_alone = true;
}

}  // namespace quipu
