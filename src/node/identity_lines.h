#pragma once

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "node/directory_place.h"

namespace quipu {

/// The random bits of a log as the lines keep them: 32 digits, byte by byte.
inline std::string random_text(const LogIdentity& log) {
  std::uint64_t halves[2];
  std::memcpy(halves, log.random.data(), sizeof(halves));
  return hex_digits(std::byteswap(halves[0])) + hex_digits(std::byteswap(halves[1]));
}

inline std::string secret_text(const HashSecret& secret) { return hex_digits(secret.low) + hex_digits(secret.high); }

/// Reads the lines `name=value` of an identity in their order. After the first that is wrong it answers zeros and keeps
/// what was wrong.
class IdentityLines {
 public:
  explicit IdentityLines(std::string_view text) : text_(text) {}

  std::string_view take(std::string_view name) {
    if (error_) return {};
    const auto end = text_.find('\n');
    const auto line = text_.substr(0, end);
    if (end == std::string_view::npos || !line.starts_with(name) || !line.substr(name.size()).starts_with('=')) {
      wrong(name);
      return {};
    }
    text_.remove_prefix(end + 1);
    return line.substr(name.size() + 1);
  }
  std::uint64_t decimal(std::string_view name, std::uint64_t max) {
    const auto value = number(take(name), 10);
    if (!value || *value > max) wrong(name);
    return value.value_or(0);
  }
  /// Two numbers of 16 hexadecimal digits each.
  std::pair<std::uint64_t, std::uint64_t> wide(std::string_view name) {
    const auto text = take(name);
    if (text.size() != 32) wrong(name);
    if (error_) return {};
    const auto first = number(text.substr(0, 16), 16);
    const auto second = number(text.substr(16), 16);
    if (!first || !second) wrong(name);
    return {first.value_or(0), second.value_or(0)};
  }
  std::optional<std::uint64_t> optional(std::string_view name) {
    const auto text = take(name);
    if (text.empty()) return std::nullopt;
    const auto value = number(text, 10);
    if (!value) wrong(name);
    return value;
  }
  /// What random_text and a number of its own say.
  LogIdentity log(std::string_view random, std::string_view generation) {
    LogIdentity log;
    const auto [first, second] = wide(random);
    const std::uint64_t halves[2] = {std::byteswap(first), std::byteswap(second)};
    std::memcpy(log.random.data(), halves, sizeof(halves));
    log.generation = Generation{static_cast<std::uint32_t>(decimal(generation, kGenerationMax))};
    if (log.generation.value == 0) wrong(generation);
    return log;
  }
  HashSecret secret(std::string_view name) {
    const auto [low, high] = wide(name);
    return {low, high};
  }
  /// Names, joined by commas.
  std::vector<std::string> list(std::string_view name) {
    std::vector<std::string> parts;
    for (auto text = take(name); !text.empty();) {
      const auto comma = text.find(',');
      parts.emplace_back(text.substr(0, comma));
      text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return parts;
  }
  void wrong(std::string_view name) {
    if (!error_) error_ = Error{Code::kDamaged, "identity: the line " + std::string(name) + " is missing or wrong", 0};
  }
  void end() {
    if (!text_.empty()) wrong("behind the last");
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  static std::optional<std::uint64_t> number(std::string_view text, int base) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
  }

  std::string_view text_;
  std::optional<Error> error_;
};

}  // namespace quipu
