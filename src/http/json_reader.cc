#include "http/json_reader.h"

#include <charconv>
#include <cstring>

#include "base/check.h"
#include "http/json_text.h"

namespace quipu {
namespace {

constexpr const char* kNoString = "a JSON string is expected";
constexpr const char* kNoInteger = "an integer of 64 bits is expected";
constexpr const char* kOpenString = "a JSON string has no end";
constexpr const char* kBadEscape = "a JSON string holds a malformed escape";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Writes a code point as UTF-8.
void put_character(char*& out, std::uint32_t point) {
  const auto put = [&](std::uint32_t byte) { *out++ = static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | (point >> 6));
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3f));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

}  // namespace

bool JsonReader::fail(const char* error) {
  if (error_ == nullptr) error_ = error;
  return false;
}

void JsonReader::skip_space() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
}

bool JsonReader::begin(char bracket, const char* expected) {
  if (error_ != nullptr) return false;
  skip_space();
  if (!starts_with(bracket)) return fail(expected);
  ++at_;
  QUIPU_CHECK(depth_ < kDepthMax);
  first_[depth_++] = true;
  return true;
}

/// Whether another member follows, behind its comma.
bool JsonReader::next(char close) {
  if (error_ != nullptr) return false;
  QUIPU_CHECK(depth_ > 0);
  skip_space();
  const bool first = first_[depth_ - 1];
  first_[depth_ - 1] = false;
  if (starts_with(close)) {
    ++at_;
    --depth_;
    return false;
  }
  if (first) return true;
  if (!starts_with(',')) return fail("a comma, or the end of a JSON object or array, is expected");
  ++at_;
  return true;
}

bool JsonReader::next_field(std::string_view& name) {
  if (!next('}') || !read(name)) return false;
  skip_space();
  if (!starts_with(':')) return fail("a colon is expected behind the name of a JSON field");
  ++at_;
  return true;
}

bool JsonReader::next_item() { return next(']'); }

bool JsonReader::read(std::string_view& value) {
  if (error_ != nullptr) return false;
  skip_space();
  if (!starts_with('"')) return fail(kNoString);
  const char* const begin = ++at_;
  while (at_ != end_) {
    const auto byte = static_cast<unsigned char>(*at_);
    if (byte == '"') {
      value = {begin, static_cast<std::size_t>(at_ - begin)};
      ++at_;
      return true;
    }
    if (byte == '\\') return read_escaped(begin, value);
    if (byte < 0x20) return fail("a JSON string holds a control character that is not escaped");
    const auto size = byte < 0x80 ? 1 : utf8_character({at_, static_cast<std::size_t>(end_ - at_)});
    if (size == 0) return fail("a JSON string is not UTF-8");
    at_ += size;
  }
  return fail(kOpenString);
}

/// From the first escape on. What comes out is never longer than what goes in.
bool JsonReader::read_escaped(const char* begin, std::string_view& value) {
  // Up to the quote that ends the string: a quote behind an odd number of backslashes does not.
  const char* quote = at_;
  while (quote != end_ && *quote != '"') quote += *quote == '\\' && quote + 1 != end_ ? 2 : 1;
  if (quote == end_) return fail(kOpenString);
  const auto room = static_cast<std::size_t>(quote - begin);
  char* const place = arena_.take(room);
  const auto before = static_cast<std::size_t>(at_ - begin);
  std::memcpy(place, begin, before);
  char* out = place + before;
  while (at_ != quote) {
    const auto byte = static_cast<unsigned char>(*at_);
    if (byte == '\\') {
      if (!read_escape(out)) return fail(kBadEscape);
      continue;
    }
    if (byte < 0x20) return fail("a JSON string holds a control character that is not escaped");
    const auto size = utf8_character({at_, static_cast<std::size_t>(quote - at_)});
    if (size == 0) return fail("a JSON string is not UTF-8");
    std::memcpy(out, at_, size);
    out += size;
    at_ += size;
  }
  ++at_;
  value = {place, static_cast<std::size_t>(out - place)};
  arena_.give_back(room - value.size());
  return true;
}

bool JsonReader::read_escape(char*& out) {
  ++at_;  // The backslash; something stands behind it, the quote at the latest.
  static constexpr char kNames[] = "\"\\/bfnrt";
  static constexpr char kMeanings[] = "\"\\/\b\f\n\r\t";
  const char name = *at_++;
  if (const char* const known = name == '\0' ? nullptr : std::strchr(kNames, name); known != nullptr) {
    *out++ = kMeanings[known - kNames];
    return true;
  }
  std::uint32_t point = 0;
  if (name != 'u' || !read_unit(point)) return false;
  if (point >= 0xdc00 && point <= 0xdfff) return false;
  if (point >= 0xd800 && point <= 0xdbff) {
    std::uint32_t low = 0;
    if (end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') return false;
    at_ += 2;
    if (!read_unit(low) || low < 0xdc00 || low > 0xdfff) return false;
    point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
  }
  put_character(out, point);
  return true;
}

bool JsonReader::read_unit(std::uint32_t& unit) {
  if (end_ - at_ < 4) return false;
  for (int i = 0; i < 4; ++i) {
    const char c = at_[i];
    if (!is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) return false;
  }
  std::from_chars(at_, at_ + 4, unit, 16);
  at_ += 4;
  return true;
}

bool JsonReader::read(std::int64_t& value) {
  if (error_ != nullptr) return false;
  skip_space();
  const char* const begin = at_;
  const char* digits = starts_with('-') ? at_ + 1 : at_;
  if (digits == end_ || !is_digit(*digits)) return fail(kNoInteger);
  const auto [end, error] = std::from_chars(begin, end_, value);
  if (error != std::errc{}) return fail(kNoInteger);
  if (*digits == '0' && end - digits > 1) return fail(kNoInteger);
  if (end != end_ && (*end == '.' || *end == 'e' || *end == 'E')) return fail(kNoInteger);
  at_ = end;
  return true;
}

bool JsonReader::read_word(std::string_view word) {
  if (static_cast<std::size_t>(end_ - at_) < word.size() || std::string_view(at_, word.size()) != word) return false;
  at_ += word.size();
  return true;
}

bool JsonReader::read(bool& value) {
  if (error_ != nullptr) return false;
  skip_space();
  if (read_word("true")) {
    value = true;
    return true;
  }
  if (!read_word("false")) return fail("true or false is expected");
  value = false;
  return true;
}

bool JsonReader::finish() {
  if (error_ != nullptr) return false;
  if (depth_ != 0) return fail("the JSON text has no end");
  skip_space();
  return at_ == end_ || fail("something stands behind the end of the JSON text");
}

}  // namespace quipu
