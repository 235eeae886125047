#include "resp/parser.h"

#include <algorithm>
#include <optional>

#include "resp/text.h"

namespace quipu {
namespace {

/// The first byte that a TLS client sends, and nobody who types a command.
constexpr char kTlsHandshake = '\x16';

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

/// Whether a line is too long for a length, by its bytes up to its CR, or all there are where it has no end yet: the
/// same whether or not its end came with it.
bool is_long_line(std::size_t bytes) { return bytes > kRespLineBytesMax; }

/// Reads `kind`, one to four digits and CR LF at `at`, and moves `at` behind them. False where anything else stands
/// there, which may still be right: this is the short way only.
bool take_short_header(std::string_view bytes, std::size_t& at, char kind, std::size_t& number) {
  if (bytes.size() - at < 4 || bytes[at] != kind) return false;
  auto digit = static_cast<unsigned char>(bytes[at + 1] - '0');
  if (digit == 0 || digit > 9) return false;
  number = digit;
  at += 2;
  const auto end = std::min(bytes.size(), at + 3);
  for (; at < end && (digit = static_cast<unsigned char>(bytes[at] - '0')) <= 9; ++at) number = number * 10 + digit;
  if (bytes.size() - at < 2 || bytes[at] != '\r' || bytes[at + 1] != '\n') return false;
  at += 2;
  return true;
}

/// Reads a word in quotes from behind its opening quote, as redis-cli writes them. Answers where it goes on, or nothing
/// where the quote has no end or something touches it.
std::optional<std::size_t> take_quoted(std::string_view line, std::size_t at, char quote, std::string& word) {
  while (at < line.size()) {
    const char c = line[at];
    const auto next = [&](std::size_t ahead) { return at + ahead < line.size() ? line[at + ahead] : '\0'; };
    if (c == quote) {
      if (at + 1 < line.size() && !is_space(line[at + 1])) return std::nullopt;
      return at + 1;
    }
    if (quote == '"' && c == '\\' && next(1) == 'x' && hex_digit(next(2)) >= 0 && hex_digit(next(3)) >= 0) {
      word += static_cast<char>(hex_digit(next(2)) * 16 + hex_digit(next(3)));
      at += 4;
    } else if (quote == '"' && c == '\\' && at + 1 < line.size()) {
      word += escaped(next(1));
      at += 2;
    } else if (quote == '\'' && c == '\\' && next(1) == '\'') {
      word += '\'';
      at += 2;
    } else {
      word += c;
      ++at;
    }
  }
  return std::nullopt;
}

}  // namespace

RespParser::Step RespParser::parse(std::string_view bytes) {
  if (bytes.empty()) return {Status::kNeedMore, 0};
  if (bytes[0] != '*') return parse_inline(bytes);
  std::size_t used = 0;
  if (declared_ < 0 && searched_ == 0 && !before_login_ && parse_whole(bytes, used)) return {Status::kCommand, used};
  return parse_array(bytes);
}

/// The short way, for what nearly all commands are: a whole array of a few arguments. Changes nothing but `arguments()`
/// where it is not that; `parse_array` then says what it is.
bool RespParser::parse_whole(std::string_view bytes, std::size_t& used) {
  std::size_t at = 0;
  std::size_t count = 0;
  if (!take_short_header(bytes, at, '*', count) || count > limits_.resp_arguments_max) return false;
  arguments_.clear();
  for (; count > 0; --count) {
    std::size_t size = 0;
    if (!take_short_header(bytes, at, '$', size) || size > limits_.resp_argument_bytes_max) return false;
    if (bytes.size() - at < size + 2 || bytes[at + size] != '\r' || bytes[at + size + 1] != '\n') return false;
    arguments_.push_back(bytes.substr(at, size));
    at += size + 2;
  }
  if (at > limits_.input_bytes_max) return false;
  used = at;
  return true;
}

void RespParser::forget_arguments() {
  copies_.clear();
  // An idle connection keeps no more than its share.
  if (kept_bytes() <= kClientShareBytes) return;
  std::vector<std::string_view>().swap(arguments_);
  if (declared_ < 0) std::vector<std::pair<std::size_t, std::size_t>>().swap(places_);
}

RespParser::Step RespParser::finish(Status status, std::size_t used) {
  declared_ = length_ = -1;
  at_ = searched_ = 0;
  return {status, used};
}

RespParser::Step RespParser::refuse(std::string error) {
  error_ = "Protocol error: " + std::move(error);
  return finish(Status::kRefused, 0);
}

/// The line from `at_` on, without its CR LF. False where it does not end yet; `searched_` says how far was looked.
bool RespParser::take_line(std::string_view bytes, std::string_view& line) {
  const auto end = bytes.find('\r', std::max(at_, searched_));
  if (end == std::string_view::npos || end + 1 >= bytes.size()) {
    searched_ = end == std::string_view::npos ? bytes.size() : end;
    return false;
  }
  line = bytes.substr(at_, end - at_);
  at_ = searched_ = end + 2;
  return true;
}

RespParser::Step RespParser::parse_array(std::string_view bytes) {
  std::string_view line;
  if (declared_ < 0) {
    const auto begin = at_;
    const bool whole = take_line(bytes, line);
    if (is_long_line(whole ? line.size() : searched_ - begin)) return refuse("too big mbulk count string");
    if (!whole) return {Status::kNeedMore, 0};
    const auto count = resp_integer(line.substr(1));
    if (!count || bytes[at_ - 1] != '\n') return refuse("invalid multibulk length");
    if (*count > static_cast<std::int64_t>(limits_.resp_arguments_max)) return refuse("invalid multibulk length");
    if (before_login_ && *count > static_cast<std::int64_t>(kLoginArgumentsMax))
      return refuse("unauthenticated multibulk length");
    if (*count <= 0) return finish(Status::kSkipped, at_);
    declared_ = *count;
    places_.clear();
  }
  while (static_cast<std::int64_t>(places_.size()) < declared_) {
    if (length_ < 0) {
      if (at_ < bytes.size() && bytes[at_] != '$') {
        const char found = bytes[at_] == '\r' || bytes[at_] == '\n' ? ' ' : bytes[at_];
        return refuse(std::string("expected '$', got '") + found + "'");
      }
      const auto begin = at_;
      const bool whole = take_line(bytes, line);
      if (is_long_line(whole ? line.size() : searched_ - begin)) return refuse("too big bulk count string");
      if (!whole) return {Status::kNeedMore, 0};
      const auto length = resp_integer(line.substr(1));
      if (!length || *length < 0 || bytes[at_ - 1] != '\n' ||
          *length > static_cast<std::int64_t>(limits_.resp_argument_bytes_max)) {
        return refuse("invalid bulk length");
      }
      if (before_login_ && *length > static_cast<std::int64_t>(kLoginArgumentBytesMax))
        return refuse("unauthenticated bulk length");
      length_ = *length;
      // The whole command has to stand in the connection's buffer.
      if (at_ + static_cast<std::size_t>(length_) + 2 > limits_.input_bytes_max) return refuse("too big command");
    }
    const auto size = static_cast<std::size_t>(length_);
    if (bytes.size() - at_ < size + 2) return {Status::kNeedMore, 0};
    if (bytes[at_ + size] != '\r' || bytes[at_ + size + 1] != '\n') return refuse("expected CRLF behind an argument");
    places_.emplace_back(at_, size);
    at_ += size + 2;
    searched_ = at_;
    length_ = -1;
  }
  arguments_.clear();
  for (const auto& [begin, size] : places_) arguments_.push_back(bytes.substr(begin, size));
  return finish(Status::kCommand, at_);
}

RespParser::Step RespParser::parse_inline(std::string_view bytes) {
  if (bytes[0] == kTlsHandshake) return refuse("there is no TLS here");
  const auto end = bytes.find('\n', searched_);
  if (end == std::string_view::npos) {
    searched_ = bytes.size();
    if (bytes.size() > limits_.resp_inline_bytes_max) return refuse("too big inline request");
    return {Status::kNeedMore, 0};
  }
  if (end > limits_.resp_inline_bytes_max) return refuse("too big inline request");
  auto line = bytes.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!split_words(line)) return refuse("unbalanced quotes in request");
  if (arguments_.size() > limits_.resp_arguments_max) return refuse("invalid multibulk length");
  return finish(arguments_.empty() ? Status::kSkipped : Status::kCommand, end + 1);
}

/// Splits a line into words, some of them in quotes. False where a quote is open at the end, or has something behind
/// it.
bool RespParser::split_words(std::string_view line) {
  arguments_.clear();
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && is_space(line[at])) ++at;
    if (at == line.size()) return true;
    const auto begin = at;
    while (at < line.size() && !is_space(line[at]) && line[at] != '"' && line[at] != '\'') ++at;
    if (at == line.size() || is_space(line[at])) {
      arguments_.push_back(line.substr(begin, at - begin));
      continue;
    }
    std::string& word = copies_.emplace_back(line.substr(begin, at - begin));
    const auto next = take_quoted(line, at + 1, line[at], word);
    if (!next) return false;
    at = *next;
    arguments_.push_back(word);
  }
}

}  // namespace quipu
