#include <optional>
#include <string>

#include "fuzz/fuzz.h"
#include "http/url.h"

namespace quipu::fuzz {
namespace {

/// Percent-decoding as the text of RFC 3986, 2.1 says it, a byte at a time: the second opinion.
std::optional<std::string> decoded_plainly(std::string_view text, PlusSign plus) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  const auto digit = [](char c) { return kDigits.find(static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c)); };
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && plus == PlusSign::kIsSpace) {
      out += ' ';
    } else if (text[at] != '%') {
      out += text[at];
    } else {
      if (text.size() - at < 3) return std::nullopt;
      const auto high = digit(text[at + 1]);
      const auto low = digit(text[at + 2]);
      if (high == kDigits.npos || low == kDigits.npos) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      at += 2;
    }
  }
  return out;
}

void check(std::string_view text) {
  Arena arena;
  for (const auto plus : {PlusSign::kIsPlus, PlusSign::kIsSpace}) {
    const auto decoded = percent_decode(text, plus, arena);
    require(decoded == decoded_plainly(text, plus), "percent-decoding is what the RFC says");
  }
  std::string encoded;
  append_percent_encoded(encoded, text);
  require(percent_decode(encoded, PlusSign::kIsPlus, arena) == text, "what was encoded is decoded as it was");
  require(percent_decode(encoded, PlusSign::kIsSpace, arena) == text, "in a form too");

  FormPairs pairs(text, arena);
  std::size_t bytes = 0;
  while (true) {
    const auto pair = pairs.next();
    if (!pair || !*pair) break;
    bytes += (*pair)->name.size() + (*pair)->value.size();
    require(bytes <= text.size(), "pairs are no longer than their text");
  }
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quipu::fuzz::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
