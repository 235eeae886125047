#include "resp/planner.h"

#include <algorithm>

#include "resp/text.h"

namespace quipu {
namespace {

/// How much of a command that is not known is shown, as Redis bounds it.
constexpr std::size_t kShownBytes = 128;

std::string unknown_command(RespArguments arguments) {
  std::string text =
      "unknown command '" + std::string(arguments[0].substr(0, kShownBytes)) + "', with args beginning with: ";
  std::string shown;
  for (const auto argument : arguments.subspan(1)) {
    if (shown.size() >= kShownBytes) break;
    const auto room = kShownBytes - shown.size();
    shown += '\'';
    shown += argument.substr(0, room);
    shown += "' ";
  }
  return text + shown;
}

/// What a browser or another HTTP client sends first: Redis closes such a connection too, since a page can make a
/// browser send a body of its choice to any port.
bool speaks_http(std::string_view word) { return same_word(word, "post") || same_word(word, "host:"); }

}  // namespace

RespPlanner::RespPlanner(RespContext& context)
    : context_(context),
      guarded_(context.keys != nullptr && !context.keys->empty()),
      authenticated_(!guarded_),
      rights_(guarded_ ? Rights() : Rights::all()),
      number_(++context.clients) {}

void RespPlanner::plan(RespArguments arguments, RespTurn& turn, RespErrand& errand) {
  // Clients ask the same again and again.
  const bool as_before = last_ != nullptr && arguments[0] == last_word_;
  if (!as_before && speaks_http(arguments[0])) {
    closing_ = true;
    return;
  }
  ++turn.requests;
  ++context_.commands;
  const auto* info = as_before ? last_ : find_resp_command(arguments[0]);
  const auto size = static_cast<int>(arguments.size());
  if (!as_before && info != nullptr) {
    last_ = info;
    last_word_ = arguments[0];
  }
  if (info == nullptr) {
    if (transaction_) transaction_->broken = true;
    return refuse(turn, unknown_command(arguments));
  }
  if (info->arity >= 0 ? size != info->arity : size < -info->arity) {
    if (info->command == RespCommand::kExec) {
      transaction_.reset();
      return refuse(turn, "EXECABORT",
                    "Transaction discarded because of: wrong number of arguments for 'exec' command");
    }
    if (transaction_) transaction_->broken = true;
    return refuse_arity(turn, info->name);
  }
  if (guarded_ && !permitted(*info, turn)) {
    if (transaction_) transaction_->broken = true;
    return;
  }
  if (!transaction_ || info->in_transaction == InTransaction::kRunAtOnce) return run(*info, arguments, turn, errand);
  if (info->in_transaction == InTransaction::kRefused) {
    transaction_->broken = true;
    return refuse(turn, "Command not allowed inside a transaction");
  }
  queue(arguments, turn);
}

void RespPlanner::run(const RespCommandInfo& info, RespArguments arguments, RespTurn& turn, RespErrand& errand) {
  if (run_counter(info, arguments, turn) || run_connection(info, arguments, turn)) return;
  switch (info.command) {
    case RespCommand::kScan:
      return scan(arguments, turn, errand);
    case RespCommand::kFlush:
      if (arguments.size() > 2 ||
          (arguments.size() == 2 && !same_word(arguments[1], "async") && !same_word(arguments[1], "sync"))) {
        return refuse(turn, "syntax error");
      }
      errand.kind = RespErrand::Kind::kFlush;
      break;
    case RespCommand::kDbsize:
      errand.kind = RespErrand::Kind::kCount;
      break;
    case RespCommand::kInfo:
      errand.kind = RespErrand::Kind::kInfo;
      for (const auto section : arguments.subspan(1)) errand.sections.push_back(lower(section));
      break;
    case RespCommand::kMulti:
      return multi(turn);
    case RespCommand::kExec:
      return exec(turn, errand);
    case RespCommand::kDiscard:
      return discard(turn);
    default:
      break;
  }
  errand.resp3 = resp3_;
}

void RespPlanner::refuse(RespTurn& turn, std::string_view prefix, std::string_view text) {
  prepare(turn, [&](RespWriter& writer) { writer.error(prefix, text); });
}

void RespPlanner::refuse_arity(RespTurn& turn, std::string_view name) {
  refuse(turn, "wrong number of arguments for '" + std::string(name) + "' command");
}

void RespPlanner::refuse_subcommand(RespTurn& turn, std::string_view name, std::string_view subcommand) {
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(c & ~0x20); });
  refuse(turn, "unknown subcommand '" + std::string(subcommand.substr(0, kShownBytes)) + "'. Try " + upper + " HELP.");
}

void RespPlanner::ok(RespTurn& turn) {
  prepare(turn, [](RespWriter& writer) { writer.simple("OK"); });
}

}  // namespace quipu
