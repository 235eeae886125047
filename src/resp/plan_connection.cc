#include <algorithm>

#include "resp/planner.h"
#include "resp/text.h"

namespace quipu {

bool RespPlanner::run_connection(const RespCommandInfo& info, RespArguments arguments, RespTurn& turn) {
  switch (info.command) {
    case RespCommand::kPing:
      ping(arguments, turn);
      return true;
    case RespCommand::kEcho:
      prepare(turn, [&](RespWriter& writer) { writer.bulk(arguments[1]); });
      return true;
    case RespCommand::kHello:
      hello(arguments, turn);
      return true;
    case RespCommand::kAuth:
      auth(arguments, turn);
      return true;
    case RespCommand::kSelect:
      select(arguments, turn);
      return true;
    case RespCommand::kClient:
      client(arguments, turn);
      return true;
    case RespCommand::kConfig:
      config(arguments, turn);
      return true;
    case RespCommand::kCommand:
      command(arguments, turn);
      return true;
    case RespCommand::kTime:
      time(turn);
      return true;
    case RespCommand::kReset:
      reset(turn);
      return true;
    case RespCommand::kQuit:
      ok(turn);
      closing_ = true;
      return true;
    default:
      return false;
  }
}

void RespPlanner::ping(RespArguments arguments, RespTurn& turn) {
  if (arguments.size() > 2) return refuse_arity(turn, "ping");
  prepare(turn, [&](RespWriter& writer) {
    if (arguments.size() == 1) return writer.simple("PONG");
    writer.bulk(arguments[1]);
  });
}

/// Takes the key. Where there are none, there is one user, without a password; where there are, any name will do.
bool RespPlanner::credentials(std::string_view user, std::string_view key, RespTurn& turn) {
  if (!guarded_) {
    if (user == "default") return true;
  } else if (const auto rights = context_.keys->rights_of(key)) {
    authenticated_ = true;
    rights_ = *rights;
    return true;
  } else if (++wrong_keys_ >= context_.limits.auth_failures_max) {
    closing_ = true;
  }
  refuse(turn, "WRONGPASS", "invalid username-password pair or user is disabled.");
  return false;
}

bool RespPlanner::refuse_right(std::string_view command, RespTurn& turn) {
  refuse(turn, "NOPERM", "this user has no permissions to run the '" + std::string(command) + "' command");
  return false;
}

/// Whether the client's key allows the command; else it has been refused.
bool RespPlanner::permitted(const RespCommandInfo& info, RespTurn& turn) {
  if (info.need == RespNeed::kNothing) return true;
  if (!authenticated_) {
    const bool ends = info.command == RespCommand::kExec;
    refuse(turn, ends ? "EXECABORT" : "NOAUTH",
           ends ? "Transaction discarded because of: NOAUTH Authentication required." : "Authentication required.");
    return false;
  }
  switch (info.need) {
    case RespNeed::kKey:
      return true;
    case RespNeed::kIngest:
      return rights_.has(Right::kIngest) || refuse_right(info.name, turn);
    case RespNeed::kRead:
      return rights_.has(Right::kRead) || refuse_right(info.name, turn);
    default:
      return rights_.has(Right::kAdmin) || refuse_right(info.name, turn);
  }
}

void RespPlanner::auth(RespArguments arguments, RespTurn& turn) {
  if (arguments.size() > 3) return refuse(turn, "syntax error");
  if (arguments.size() == 2 && !guarded_) {
    return refuse(turn,
                  "AUTH <password> called without any password configured for the default user. Are you sure your "
                  "configuration is correct?");
  }
  if (credentials(arguments[1], arguments.back(), turn)) ok(turn);
}

/// HELLO [version [AUTH user password] [SETNAME name]]
void RespPlanner::hello(RespArguments arguments, RespTurn& turn) {
  bool resp3 = resp3_;
  if (arguments.size() > 1) {
    const auto version = resp_integer(arguments[1]);
    if (!version) return refuse(turn, "Protocol version is not an integer or out of range");
    if (*version != 2 && *version != 3) return refuse(turn, "NOPROTO", "unsupported protocol version");
    resp3 = *version == 3;
  }
  std::optional<std::string> name;
  for (std::size_t i = 2; i < arguments.size();) {
    if (same_word(arguments[i], "auth") && i + 2 < arguments.size()) {
      if (!credentials(arguments[i + 1], arguments[i + 2], turn)) return;
      i += 3;
    } else if (same_word(arguments[i], "setname") && i + 1 < arguments.size()) {
      if (!set_name(arguments[i + 1], "Client names", name.emplace(), turn)) return;
      i += 2;
    } else {
      return refuse(turn, "Syntax error in HELLO option '" + std::string(arguments[i].substr(0, 64)) + "'");
    }
  }
  if (!authenticated_) {
    return refuse(turn, "NOAUTH",
                  "HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> "
                  "option can be used to authenticate the client and select the RESP protocol version at the "
                  "same time");
  }
  if (name) name_ = *name;
  resp3_ = resp3;
  prepare(turn, [&](RespWriter& writer) {
    writer.map(7);
    writer.bulk("server");
    writer.bulk("quipu");
    writer.bulk("version");
    writer.bulk(context_.version);
    writer.bulk("proto");
    writer.integer(resp3_ ? 3 : 2);
    writer.bulk("id");
    writer.integer(static_cast<std::int64_t>(number_));
    writer.bulk("mode");
    writer.bulk("standalone");
    writer.bulk("role");
    writer.bulk("master");
    writer.bulk("modules");
    writer.array(0);
  });
}

void RespPlanner::select(RespArguments arguments, RespTurn& turn) {
  const auto database = resp_integer(arguments[1]);
  if (!database) return refuse(turn, "value is not an integer or out of range");
  if (*database != 0) return refuse(turn, "DB index is out of range");
  ok(turn);
}

/// Takes a name that is shown in lists. False, and answered, where it could not be told from its neighbours there.
bool RespPlanner::set_name(std::string_view name, std::string_view what, std::string& out, RespTurn& turn) {
  if (name.size() > kClientNameBytesMax) {
    refuse(turn, std::string(what) + " have at most 1024 bytes.");
    return false;
  }
  if (!std::ranges::all_of(name, [](char c) { return c >= '!' && c <= '~'; })) {
    refuse(turn, std::string(what) + " cannot contain spaces, newlines or special characters.");
    return false;
  }
  out = name;
  return true;
}

std::string RespPlanner::client_line() const {
  return "id=" + std::to_string(number_) + " name=" + name_ + " db=0 resp=" + (resp3_ ? "3" : "2") +
         " lib-name=" + library_ + " lib-ver=" + library_version_ + "\n";
}

void RespPlanner::client(RespArguments arguments, RespTurn& turn) {
  const auto subcommand = arguments[1];
  const auto is = [&](std::string_view word) { return same_word(subcommand, word); };
  const auto takes = [&](std::size_t size) {
    if (arguments.size() == size) return true;
    refuse_arity(turn, "client|" + lower(subcommand));
    return false;
  };
  if (is("id")) {
    if (!takes(2)) return;
    return prepare(turn, [&](RespWriter& writer) { writer.integer(static_cast<std::int64_t>(number_)); });
  }
  if (is("getname")) {
    if (!takes(2)) return;
    return prepare(turn, [&](RespWriter& writer) {
      if (name_.empty()) return writer.null();
      writer.bulk(name_);
    });
  }
  if (is("setname")) {
    if (takes(3) && set_name(arguments[2], "Client names", name_, turn)) ok(turn);
    return;
  }
  if (is("setinfo")) {
    if (!takes(4)) return;
    const bool is_name = same_word(arguments[2], "lib-name");
    if (!is_name && !same_word(arguments[2], "lib-ver")) {
      return refuse(turn, "Unrecognized option '" + std::string(arguments[2].substr(0, 64)) + "'");
    }
    const std::string what = is_name ? "lib-name" : "lib-ver";
    if (set_name(arguments[3], what, is_name ? library_ : library_version_, turn)) ok(turn);
    return;
  }
  if (is("info")) {
    if (!takes(2)) return;
    return prepare(turn, [&](RespWriter& writer) { writer.text(client_line()); });
  }
  if (is("no-evict") || is("no-touch")) {
    if (!takes(3)) return;
    if (!same_word(arguments[2], "on") && !same_word(arguments[2], "off")) return refuse(turn, "syntax error");
    return ok(turn);
  }
  refuse_subcommand(turn, "client", subcommand);
}

void RespPlanner::config(RespArguments arguments, RespTurn& turn) {
  if (!same_word(arguments[1], "get")) return refuse_subcommand(turn, "config", arguments[1]);
  if (arguments.size() < 3) return refuse_arity(turn, "config|get");
  const auto patterns = arguments.subspan(2);
  for (const auto pattern : patterns) {
    if (pattern.size() > kGlobBytesMax) return refuse(turn, "the pattern has more than 1024 bytes");
  }
  auto settings = resp_settings(context_.limits);
  std::erase_if(settings, [&](const auto& setting) {
    return std::ranges::none_of(patterns, [&](auto pattern) { return matches_glob(lower(pattern), setting.first); });
  });
  prepare(turn, [&](RespWriter& writer) {
    writer.map(settings.size());
    for (const auto& [name, value] : settings) {
      writer.bulk(name);
      writer.bulk(value);
    }
  });
}

void RespPlanner::command(RespArguments arguments, RespTurn& turn) {
  std::vector<const RespCommandInfo*> chosen;
  const auto all = [&] {
    for (const auto& info : resp_commands()) chosen.push_back(&info);
  };
  const auto named = [&] {
    if (arguments.size() == 2) return all();
    for (const auto name : arguments.subspan(2)) chosen.push_back(find_resp_command(name));
  };
  if (arguments.size() == 1) {
    all();
    return prepare(turn, [&](RespWriter& writer) { write_command_list(writer, chosen); });
  }
  if (arguments.size() - 2 > resp_commands().size()) return refuse(turn, "more names than there are commands");
  const auto subcommand = arguments[1];
  if (same_word(subcommand, "info")) {
    named();
    return prepare(turn, [&](RespWriter& writer) { write_command_list(writer, chosen); });
  }
  if (same_word(subcommand, "docs")) {
    named();
    std::erase(chosen, nullptr);
    return prepare(turn, [&](RespWriter& writer) { write_command_docs(writer, chosen); });
  }
  if (same_word(subcommand, "count") && arguments.size() == 2) {
    return prepare(turn,
                   [&](RespWriter& writer) { writer.integer(static_cast<std::int64_t>(resp_commands().size())); });
  }
  if (same_word(subcommand, "list") && arguments.size() == 2) {
    return prepare(turn, [&](RespWriter& writer) {
      writer.array(resp_commands().size());
      for (const auto& info : resp_commands()) writer.bulk(info.name);
    });
  }
  if (same_word(subcommand, "count") || same_word(subcommand, "list")) {
    return refuse_arity(turn, "command|" + lower(subcommand));
  }
  refuse_subcommand(turn, "command", subcommand);
}

void RespPlanner::time(RespTurn& turn) {
  const TimeMs now = context_.service.now();
  prepare(turn, [&](RespWriter& writer) {
    writer.array(2);
    writer.bulk_integer(now / 1'000);
    writer.bulk_integer(now % 1'000 * 1'000);
  });
}

void RespPlanner::reset(RespTurn& turn) {
  transaction_.reset();
  resp3_ = false;
  authenticated_ = !guarded_;
  rights_ = guarded_ ? Rights() : Rights::all();
  name_.clear();
  prepare(turn, [](RespWriter& writer) { writer.simple("RESET"); });
}

}  // namespace quipu
