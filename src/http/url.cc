#include "http/url.h"

#include <algorithm>

namespace quipu {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool stays(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

std::optional<std::string_view> percent_decode(std::string_view text, PlusSign plus, Arena& arena) {
  const char* const special = plus == PlusSign::kIsSpace ? "%+" : "%";
  if (text.find_first_of(special) == std::string_view::npos) return text;
  char* const place = arena.take(text.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == PlusSign::kIsSpace) {
      place[size++] = ' ';
      continue;
    }
    if (text[i] != '%') {
      place[size++] = text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    place[size++] = static_cast<char>(high * 16 + low);
    i += 2;
  }
  arena.give_back(text.size() - size);
  return std::string_view(place, size);
}

void append_percent_encoded(std::string& out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (stays(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

Result<std::optional<FormPairs::Pair>> FormPairs::next() {
  while (text_.starts_with('&')) text_.remove_prefix(1);
  if (text_.empty()) return std::optional<Pair>();
  const auto end = std::min(text_.find('&'), text_.size());
  const auto piece = text_.substr(0, end);
  text_.remove_prefix(end);
  const auto equals = std::min(piece.find('='), piece.size());
  const auto name = percent_decode(piece.substr(0, equals), PlusSign::kIsSpace, arena_);
  const auto value = percent_decode(piece.substr(std::min(equals + 1, piece.size())), PlusSign::kIsSpace, arena_);
  if (!name || !value) return failure(Code::kRefused, "a % is not followed by two hex digits");
  return std::optional<Pair>({*name, *value});
}

}  // namespace quipu
