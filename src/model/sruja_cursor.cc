#include "model/sruja_cursor.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.h"

namespace quipu {
namespace {

using Kind = SrujaToken::Kind;

std::string place_text(const SrujaPlace& place) {
  return std::to_string(place.line) + ":" + std::to_string(place.column);
}

}  // namespace

SrujaCursor::SrujaCursor(std::vector<SrujaToken> tokens, const SrujaLimits& limits)
    : tokens_(std::move(tokens)), limits_(limits) {
  QUIPU_CHECK(!tokens_.empty() && tokens_.back().kind == Kind::kEnd);
}

const SrujaToken& SrujaCursor::peek(std::size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

const SrujaToken& SrujaCursor::next() {
  const SrujaToken& token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool SrujaCursor::is_mark(char mark, std::size_t ahead) const {
  return peek(ahead).kind == Kind::kMark && peek(ahead).text[0] == mark;
}

bool SrujaCursor::is_name(std::string_view name, std::size_t ahead) const {
  return peek(ahead).kind == Kind::kName && peek(ahead).text == name;
}

std::unexpected<Error> SrujaCursor::expected(std::string_view what) const {
  return sruja_error(peek().place,
                     std::string("expected ").append(what).append(", found ").append(sruja_token_text(peek())));
}

Result<void> SrujaCursor::take_mark(char mark, std::string_view where) {
  if (!is_mark(mark)) return expected(std::string("`").append(1, mark).append("` ").append(where));
  next();
  return {};
}

Result<std::string> SrujaCursor::take_name(std::string_view what) {
  if (peek().kind != Kind::kName) return expected(what);
  return next().text;
}

Result<std::string> SrujaCursor::take_string(std::string_view what) {
  if (peek().kind != Kind::kString) return expected(std::string(what).append(" in quotes"));
  return next().text;
}

Result<std::uint64_t> SrujaCursor::take_number() {
  std::uint64_t value = 0;
  const auto& text = peek().text;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (peek().kind != Kind::kNumber || error != std::errc{} || end != text.data() + text.size()) {
    return expected("a whole number");
  }
  next();
  return value;
}

Result<void> SrujaCursor::open_block(std::size_t depth, std::string_view where) {
  if (is_mark('{') && depth >= limits_.depth_max) {
    return sruja_error(peek().place, "more than " + std::to_string(limits_.depth_max) + " blocks in each other",
                       Code::kTooLarge);
  }
  return take_mark('{', where);
}

Result<bool> SrujaCursor::block_goes_on(const SrujaPlace& opened) {
  if (peek().kind == Kind::kEnd) return expected("`}` for the block that opens at " + place_text(opened));
  if (!is_mark('}')) return true;
  next();
  return false;
}

Result<void> SrujaCursor::read_list(std::vector<std::string>& list) {
  if (auto open = take_mark('[', "before the list"); !open) return open;
  while (!is_mark(']')) {
    if (peek().kind != Kind::kName && peek().kind != Kind::kString) return expected("a name, a string or `]`");
    list.push_back(next().text);
    if (is_mark(',')) {
      next();
    } else if (!is_mark(']')) {
      return expected("`,` or `]`");
    }
  }
  next();
  return {};
}

Result<void> SrujaCursor::skip_value(std::size_t depth) {
  if (is_mark('{')) return skip_block(depth);
  std::vector<std::string> list;
  if (is_mark('[')) return read_list(list);
  if (peek().kind == Kind::kEnd || peek().kind == Kind::kMark || peek().kind == Kind::kArrow) {
    return expected("a value");
  }
  next();
  return {};
}

Result<void> SrujaCursor::skip_block(std::size_t depth) {
  if (!is_mark('{')) return expected("`{`");
  std::vector<SrujaToken> open;
  do {
    if (is_mark('{') || is_mark('[')) {
      if (depth + open.size() >= limits_.depth_max) {
        return sruja_error(peek().place, "more than " + std::to_string(limits_.depth_max) + " blocks in each other",
                           Code::kTooLarge);
      }
      open.push_back(peek());
    } else if (is_mark('}') || is_mark(']')) {
      const bool fits = open.back().text == (is_mark('}') ? "{" : "[");
      if (!fits) return expected(is_mark('}') ? "`]`" : "`}`");
      open.pop_back();
    } else if (peek().kind == Kind::kEnd) {
      return expected(std::string(open.back().text == "{" ? "`}`" : "`]`") + " for what opens at " +
                      place_text(open.back().place));
    }
    next();
  } while (!open.empty());
  return {};
}

}  // namespace quipu
