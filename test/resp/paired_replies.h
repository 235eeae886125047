#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resp/parser.h"
#include "resp/text.h"

namespace quipu {

/// One reply of the Redis protocol, in version 2 or 3, taken apart. Points into the bytes.
struct PlainReply {
  std::string_view bytes;         ///< The whole of it.
  char kind = '\0';               ///< Its first byte; `_` for nothing in version 2, too.
  std::string_view text;          ///< Of what holds no other replies.
  std::vector<PlainReply> items;  ///< Of an array or a set; of a map its names and values by turns.

  /// Takes the reply that `rest` begins with. Nothing where it begins with no whole one.
  static std::optional<PlainReply> take(std::string_view& rest) {
    const auto end = rest.find("\r\n");
    if (end == 0 || end == std::string_view::npos) return std::nullopt;
    PlainReply reply;
    reply.kind = rest[0];
    reply.text = rest.substr(1, end - 1);
    auto behind = rest.substr(end + 2);
    if (!reply.take_body(behind)) return std::nullopt;
    reply.bytes = rest.substr(0, rest.size() - behind.size());
    rest = behind;
    return reply;
  }

 private:
  template <class T>
  static std::optional<T> number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
  }

  /// Takes what stands behind the first line. False where it is not there.
  bool take_body(std::string_view& behind) {
    switch (kind) {
      case '+':
      case '-':
        return true;
      case ':':
        return number<std::int64_t>(text).has_value();
      case '_':
        return text.empty();
      case '$':
      case '=':
        return take_text(behind);
      case '*':
      case '~':
      case '%':
        return take_items(behind);
      default:
        return false;
    }
  }

  bool take_text(std::string_view& behind) {
    if (kind == '$' && text == "-1") {
      kind = '_';
      text = {};
      return true;
    }
    const auto size = number<std::size_t>(text);
    if (!size || behind.size() < 2 || behind.size() - 2 < *size || behind.substr(*size, 2) != "\r\n") return false;
    text = behind.substr(0, *size);
    behind.remove_prefix(*size + 2);
    return true;
  }

  bool take_items(std::string_view& behind) {
    const auto size = number<std::uint32_t>(std::exchange(text, {}));
    if (!size) return false;
    for (auto left = std::uint64_t{*size} * (kind == '%' ? 2 : 1); left > 0; --left) {
      auto item = take(behind);
      if (!item) return false;
      items.push_back(std::move(*item));
    }
    return true;
  }
};

/// What the replies on one connection say of the bytes that it sent: which reply answers which command, how many events
/// were counted (exactly, as long as the log does not fail), and in which version of the protocol each is written. For
/// connections without keys; `bytes` and `replies` are all that went over it.
class PairedReplies {
 public:
  PairedReplies(std::string_view bytes, std::string_view replies) : replies_(replies) {
    const NetLimits limits;
    RespParser parser(limits);
    for (bool more = true; more && fault_.empty();) {
      const auto step = parser.parse(bytes);
      bytes.remove_prefix(step.used);
      switch (step.status) {
        case RespParser::Status::kSkipped:
          break;
        case RespParser::Status::kNeedMore:
          more = false;
          break;
        case RespParser::Status::kRefused:
          take_refusal();
          more = false;
          break;
        case RespParser::Status::kCommand:
          more = pair(lower(parser.arguments().front()));
          parser.forget_arguments();
          break;
      }
    }
    if (fault_.empty() && !replies_.empty()) fault_ = "there are replies without a command";
  }

  /// What does not fit together; empty where each command has its reply and each reply its command.
  std::string_view fault() const { return fault_; }
  /// How many events the replies say were counted.
  std::uint64_t counted() const { return counted_; }
  /// The replies in version 2, end to end: all but those between a HELLO 3 that was taken and what ended it.
  const std::string& version_2() const { return version_2_; }

 private:
  std::optional<PlainReply> next() {
    auto reply = PlainReply::take(replies_);
    if (!reply) {
      fault_ = "a command has no whole reply";
    } else if (in_version_2_) {
      version_2_ += reply->bytes;
    }
    return reply;
  }

  void take_refusal() {
    const auto reply = next();
    if (reply && !reply->bytes.starts_with("-ERR Protocol error: ")) fault_ = "bytes that are no command are refused";
  }

  /// Takes the reply to a command. False where nothing behind it is run.
  bool pair(const std::string& name) {
    if (name == "post" || name == "host:") return false;  // Closed without a word.
    // HELLO answers in the version that it chose already, RESET in either.
    if (name == "hello" && !replies_.starts_with('-')) in_version_2_ = replies_.starts_with('*');
    if (name == "reset" && !replies_.starts_with('-')) in_version_2_ = true;
    const auto reply = next();
    if (!reply) return false;
    const bool refused = reply->kind == '-';
    if (reply->kind == '+' && reply->text == "QUEUED") {
      queued_.push_back(name);
    } else if (name == "exec") {
      take_transaction(*reply);
    } else if ((name == "discard" || name == "reset") && !refused) {
      queued_.clear();
    } else {
      count(name, *reply);
    }
    return name != "quit" || refused;
  }

  void take_transaction(const PlainReply& reply) {
    const auto names = std::exchange(queued_, {});
    if (reply.kind == '-') return;
    if (reply.kind != '*' || reply.items.size() != names.size()) {
      fault_ = "EXEC has as many replies as commands were queued";
      return;
    }
    for (std::size_t i = 0; i < names.size(); ++i) count(names[i], reply.items[i]);
  }

  void count(std::string_view name, const PlainReply& reply) {
    constexpr std::array<std::string_view, 4> kAdding = {"incr", "decr", "incrby", "decrby"};
    if (reply.kind == '-') return;
    if (std::ranges::find(kAdding, name) != kAdding.end()) {
      if (reply.kind != ':') fault_ = "what adds answers a number or an error";
      ++counted_;
    } else if (name == "q.incrby") {
      // The total, and whether it was counted now.
      const auto& items = reply.items;
      const bool sound = reply.kind == '*' && items.size() == 2 && items[0].kind == ':' && items[1].kind == ':' &&
                         (items[1].text == "0" || items[1].text == "1");
      if (!sound) {
        fault_ = "Q.INCRBY answers a number and 0 or 1, or an error";
      } else if (items[1].text == "1") {
        ++counted_;
      }
    }
  }

  std::string_view replies_;  // Behind what was taken.
  std::string_view fault_;
  std::uint64_t counted_ = 0;
  bool in_version_2_ = true;
  std::string version_2_;
  std::vector<std::string> queued_;  // The names of the commands behind MULTI.
};

}  // namespace quipu
