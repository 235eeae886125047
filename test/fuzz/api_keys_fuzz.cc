#include <array>
#include <cctype>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "ingest/api_keys.h"

namespace quipu::fuzz {
namespace {

constexpr std::array kNames = {std::pair{"ingest", Right::kIngest}, std::pair{"read", Right::kRead},
                               std::pair{"admin", Right::kAdmin}};

/// What a text says by a second reading, letter by letter: the keys up to the first line that is refused.
struct Reading {
  std::map<std::string, Rights> keys;
  std::size_t refused_line = 0;  ///< 0: none.
};

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// Splits into words; the first word of a line of two or more, and the rest with its inner blanks.
bool read_line(const std::string& line, Reading& reading) {
  std::size_t at = 0;
  while (at < line.size() && !blank(line[at])) ++at;
  if (at == line.size()) return false;
  Rights rights;
  std::string name;
  for (std::size_t i = 0; i <= at; ++i) {
    if (i < at && line[i] != ',') {
      name += line[i];
      continue;
    }
    bool known = false;
    for (const auto& [text, right] : kNames) {
      if (name != text) continue;
      if (rights.has(right)) return false;
      rights.add(right);
      known = true;
    }
    if (!known) return false;
    name.clear();
  }
  while (at < line.size() && blank(line[at])) ++at;
  const auto key = line.substr(at);
  if (key.size() < 24 || key.size() > 256 || key[0] == '=') return false;
  bool filling = false;
  for (const char c : key) {
    filling |= c == '=';
    const bool letter = std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("-._~+/", c) != nullptr;
    if (c == 0 || (filling ? c != '=' : !letter)) return false;
  }
  if (reading.keys.contains(key) || reading.keys.size() == 100) return false;
  reading.keys[key] = rights;
  return true;
}

Reading read(std::string_view text) {
  Reading reading;
  std::string line;
  std::size_t number = 1;
  const auto end = [&] {
    while (!line.empty() && blank(line.back())) line.pop_back();
    if (!line.empty() && line[0] != '#' && reading.refused_line == 0 && !read_line(line, reading)) {
      reading.refused_line = number;
    }
    line.clear();
    ++number;
  };
  for (const char c : text) {
    if (c == '\n' || (c == ';' && (line.empty() || line[0] != '#'))) {
      end();
    } else if (!line.empty() || !blank(c)) {
      line += c;
    }
  }
  end();
  return reading;
}

/// No word that is long enough to be a key is in an error.
void check_error(std::string_view text, const std::string& error) {
  std::string word;
  for (const char c : std::string(text) + "\n") {
    if (!blank(c) && c != '\n' && c != ';') {
      word += c;
      continue;
    }
    require(word.size() < kApiKeyBytesMin || error.find(word) == error.npos, "an error does not tell a key");
    word.clear();
  }
}

void check(std::string_view text) {
  ApiKeys keys(ApiKeys::Secret{1, 2, 3});
  const auto added = keys.add(text, "file");
  const auto expected = read(text);
  const bool refused = expected.refused_line != 0 || expected.keys.empty();
  require(added.has_value() == !refused, "both take it, or neither");
  require(keys.size() == expected.keys.size(), "both find as many keys");
  for (const auto& [key, rights] : expected.keys) {
    require(keys.rights_of(key) == rights, "a key has its rights");
    require(expected.keys.contains(key + "A") || !keys.rights_of(key + "A"), "and no other key has them");
  }
  if (added) return;
  require(added.error().code == Code::kRefused, "what is wrong in a file is refused");
  const auto place = expected.refused_line == 0 ? "file: " : "file:" + std::to_string(expected.refused_line) + ": ";
  require(added.error().what.starts_with(place), "an error names the line");
  check_error(text, added.error().what);
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quipu::fuzz::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
