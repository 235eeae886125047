#include <algorithm>
#include <charconv>
#include <limits>

#include "ingest/ids.h"
#include "ingest/names.h"
#include "resp/planner.h"
#include "resp/text.h"

namespace quipu {
namespace {

constexpr const char* kNotInteger = "value is not an integer or out of range";
constexpr std::size_t kScanLimit = 10;

bool is_expiry(std::string_view option) {
  return same_word(option, "ex") || same_word(option, "px") || same_word(option, "exat") || same_word(option, "pxat") ||
         same_word(option, "keepttl");
}

}  // namespace

bool RespPlanner::run_counter(const RespCommandInfo& info, RespArguments arguments, RespTurn& turn) {
  switch (info.command) {
    case RespCommand::kIncr:
      one(RespReplyKind::kInteger, {.kind = OperationKind::kAdd, .delta = 1}, arguments[1], turn);
      return true;
    case RespCommand::kDecr:
      one(RespReplyKind::kInteger, {.kind = OperationKind::kAdd, .delta = -1}, arguments[1], turn);
      return true;
    case RespCommand::kIncrby:
      add(arguments[1], arguments[2], false, turn);
      return true;
    case RespCommand::kDecrby:
      add(arguments[1], arguments[2], true, turn);
      return true;
    case RespCommand::kIncrbyId:
      add_once(arguments, turn);
      return true;
    case RespCommand::kGet:
      one(RespReplyKind::kValue, {}, arguments[1], turn);
      return true;
    case RespCommand::kMget:
      many(RespReplyKind::kValues, {}, arguments.subspan(1), false, turn);
      return true;
    case RespCommand::kExists:
      many(RespReplyKind::kExisting, {}, arguments.subspan(1), false, turn);
      return true;
    case RespCommand::kType:
      one(RespReplyKind::kType, {}, arguments[1], turn);
      return true;
    case RespCommand::kStrlen:
      one(RespReplyKind::kLength, {}, arguments[1], turn);
      return true;
    case RespCommand::kSet:
      set(arguments, turn);
      return true;
    case RespCommand::kDel:
      many(RespReplyKind::kRemoved, {.kind = OperationKind::kReset, .condition = SetCondition::kIfPresent},
           arguments.subspan(1), true, turn);
      return true;
    case RespCommand::kGetdel:
      one(RespReplyKind::kBefore, {.kind = OperationKind::kReset, .condition = SetCondition::kIfPresent}, arguments[1],
          turn);
      return true;
    default:
      return false;
  }
}

/// Sets the counter that a key names. False, and answered, where it names none.
bool RespPlanner::aim(std::string_view key, Operation& operation, RespTurn& turn) {
  auto& spaces = context_.service.namespaces();
  operation.counter = key;
  const auto colon = key.find(':');
  const auto prefix = key.substr(0, colon);
  if (colon != std::string_view::npos && std::ranges::find(context_.namespaces, prefix) != context_.namespaces.end()) {
    const auto space = spaces.find(prefix);
    if (space) {
      operation.space = *space;
    } else if (context_.service.state() == EngineState::kServing) {
      refuse(turn, "there is no namespace " + std::string(prefix));
      return false;
    }
    operation.counter = key.substr(colon + 1);
  } else {
    if (!default_space_) default_space_ = spaces.find("default");
    if (default_space_) operation.space = *default_space_;
  }
  // Before the service is ready a namespace may not be known yet; the engine refuses every operation then.
  if (is_counter(operation.counter)) return true;
  refuse(turn, validate_counter(operation.counter).error().what);
  return false;
}

void RespPlanner::one(RespReplyKind reply, const Operation& operation, std::string_view key, RespTurn& turn) {
  auto& operations = turn.batch.operations;
  const auto begin = operations.size();
  if (!aim(key, operations.emplace_back(operation), turn)) return operations.pop_back();
  turn.pending.push_back({reply, resp3_, 0, begin, begin + 1});
}

/// `together`: all or, where there is no room, none.
void RespPlanner::many(RespReplyKind reply, const Operation& operation, RespArguments keys, bool together,
                       RespTurn& turn) {
  const auto limit = context_.limits.counters_per_read_max;
  if (keys.size() > limit) {
    return refuse(turn, "more than " + std::to_string(limit) + " keys in one command (limits.counters_per_read)");
  }
  auto& operations = turn.batch.operations;
  const auto begin = operations.size();
  for (const auto key : keys) {
    operations.push_back(operation);
    if (aim(key, operations.back(), turn)) continue;
    operations.resize(begin);
    return;
  }
  if (together) operations[begin].together = static_cast<std::uint32_t>(keys.size());
  turn.pending.push_back({reply, resp3_, 0, begin, operations.size()});
}

void RespPlanner::add(std::string_view key, std::string_view delta, bool negative, RespTurn& turn) {
  const auto value = resp_integer(delta);
  if (!value) return refuse(turn, kNotInteger);
  if (negative && *value == std::numeric_limits<std::int64_t>::min()) {
    return refuse(turn, "decrement would overflow");
  }
  if (*value < 0 && !rights_.has(Right::kAdmin)) {
    refuse_right("incrby", turn);
    return;
  }
  one(RespReplyKind::kInteger, {.kind = OperationKind::kAdd, .delta = negative ? -*value : *value}, key, turn);
}

/// Q.INCRBY counter delta ID token
void RespPlanner::add_once(RespArguments arguments, RespTurn& turn) {
  const auto delta = resp_integer(arguments[2]);
  if (!delta) return refuse(turn, kNotInteger);
  if (!same_word(arguments[3], "id")) return refuse(turn, "syntax error");
  if (*delta < 0 && !rights_.has(Right::kAdmin)) {
    refuse_right("q.incrby", turn);
    return;
  }
  const auto token = arguments[4];
  if (const auto valid = validate_id(token, "token"); !valid) return refuse(turn, valid.error().what);
  Operation operation{.kind = OperationKind::kAdd, .group = GroupKind::kIds, .delta = *delta};
  if (!aim(arguments[1], operation, turn)) return;
  if (context_.service.state() == EngineState::kServing) {
    const auto space = context_.service.namespaces().name(operation.space);
    operation.id = id_hash(context_.service.secret(), space, operation.counter, token);
  }
  operation.id.body = body_hash(*delta, 0);
  one(RespReplyKind::kIdempotent, operation, arguments[1], turn);
}

/// SET key value [NX | XX] [GET]
void RespPlanner::set(RespArguments arguments, RespTurn& turn) {
  Operation operation{.kind = OperationKind::kSet};
  bool get = false;
  for (const auto option : arguments.subspan(3)) {
    const bool absent = same_word(option, "nx");
    const bool present = same_word(option, "xx");
    if ((absent || present) && operation.condition == SetCondition::kAlways) {
      operation.condition = absent ? SetCondition::kIfAbsent : SetCondition::kIfPresent;
    } else if (same_word(option, "get") && !get) {
      get = true;
    } else if (is_expiry(option)) {
      return refuse(turn, "SET option " + std::string(option) + " is not served: counters do not expire");
    } else {
      return refuse(turn, "syntax error");
    }
  }
  const auto value = resp_integer(arguments[2]);
  if (!value) return refuse(turn, kNotInteger);
  operation.delta = *value;
  one(get ? RespReplyKind::kBefore : RespReplyKind::kSet, operation, arguments[1], turn);
}

/// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
void RespPlanner::scan(RespArguments arguments, RespTurn& turn, RespErrand& errand) {
  RespErrand asked;
  asked.kind = RespErrand::Kind::kScan;
  asked.resp3 = resp3_;
  asked.limit = kScanLimit;
  const auto cursor = arguments[1];
  const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), asked.cursor);
  if (error != std::errc{} || end != cursor.data() + cursor.size()) return refuse(turn, "invalid cursor");
  for (std::size_t i = 2; i < arguments.size(); i += 2) {
    if (i + 1 == arguments.size()) return refuse(turn, "syntax error");
    const auto value = arguments[i + 1];
    if (same_word(arguments[i], "match")) {
      if (value.size() > kGlobBytesMax) return refuse(turn, "the pattern has more than 1024 bytes");
      asked.pattern = value;
    } else if (same_word(arguments[i], "count")) {
      const auto count = resp_integer(value);
      if (!count) return refuse(turn, kNotInteger);
      if (*count < 1) return refuse(turn, "syntax error");
      asked.limit = std::min(static_cast<std::size_t>(*count), context_.limits.counters_per_read_max);
    } else if (same_word(arguments[i], "type")) {
      asked.nothing = !same_word(value, "string");
    } else {
      return refuse(turn, "syntax error");
    }
  }
  errand = std::move(asked);
}

}  // namespace quipu
