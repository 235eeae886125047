#include "cli/config_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

namespace quipu {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// The largest first: formatting takes the first that divides.
constexpr std::array<Unit, 5> kByteUnits{{{"TiB", std::int64_t{1} << 40},
                                          {"GiB", std::int64_t{1} << 30},
                                          {"MiB", std::int64_t{1} << 20},
                                          {"KiB", std::int64_t{1} << 10},
                                          {"B", 1}}};
constexpr std::array<Unit, 5> kDurationUnits{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

/// A number, perhaps with a fraction, and what stands behind it.
struct Quantity {
  double number;
  std::string_view unit;
};

Result<Quantity> split_quantity(std::string_view text) {
  Quantity quantity{};
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, quantity.number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(quantity.number)) return failure(Code::kRefused, "is not a number");
  quantity.unit = std::string_view(rest, static_cast<std::size_t>(end - rest));
  while (quantity.unit.starts_with(' ')) quantity.unit.remove_prefix(1);
  return quantity;
}

Result<std::int64_t> scale(double number, std::int64_t factor) {
  const double scaled = number * static_cast<double>(factor);
  if (std::abs(scaled) >= 9.2e18) return failure(Code::kRefused, "is too large");
  if (scaled != std::floor(scaled)) return failure(Code::kRefused, "is not a whole number of the smallest unit");
  return static_cast<std::int64_t>(scaled);
}

template <std::size_t N>
std::string format_with(std::int64_t value, const std::array<Unit, N>& units) {
  if (value == 0) return "0";
  for (const auto& unit : units) {
    if (value % unit.factor == 0) return fmt::format("{}{}", value / unit.factor, unit.name);
  }
  return fmt::format("{}", value);
}

}  // namespace

Result<std::int64_t> parse_integer(std::string_view text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool between = text[i] == '_' && i > 0 && i + 1 < text.size() && text[i - 1] != '_';
    if (!between) digits.push_back(text[i]);
  }
  std::int64_t value = 0;
  const auto* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || rest != end || digits.empty()) return failure(Code::kRefused, "is not a whole number");
  return value;
}

Result<std::int64_t> parse_bytes(std::string_view text) {
  if (auto plain = parse_integer(text)) return *plain;
  const auto quantity = split_quantity(text);
  if (!quantity) return failure(Code::kRefused, "is not a size such as 64MiB");
  for (const auto& unit : kByteUnits) {
    if (quantity->unit == unit.name) return scale(quantity->number, unit.factor);
  }
  return failure(Code::kRefused,
                 fmt::format("has the unit '{}'; sizes are in B, KiB, MiB, GiB or TiB", quantity->unit));
}

Result<std::int64_t> parse_duration_ms(std::string_view text) {
  const auto quantity = split_quantity(text);
  if (!quantity) return failure(Code::kRefused, "is not a duration such as 500ms, 1s or 24h");
  if (quantity->unit.empty() && quantity->number == 0) return 0;
  for (const auto& unit : kDurationUnits) {
    if (quantity->unit == unit.name) return scale(quantity->number, unit.factor);
  }
  if (quantity->unit.empty()) return failure(Code::kRefused, "has no unit: ms, s, m, h or d");
  return failure(Code::kRefused, fmt::format("has the unit '{}'; durations are in ms, s, m, h or d", quantity->unit));
}

Result<bool> parse_bool(std::string_view text) {
  if (text == "true" || text == "on" || text == "yes" || text == "1") return true;
  if (text == "false" || text == "off" || text == "no" || text == "0") return false;
  return failure(Code::kRefused, "is neither true nor false");
}

Result<Address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return failure(Code::kRefused, "is not HOST:PORT: there is no port");
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.empty()) return failure(Code::kRefused, "has an empty host");
  } else if (host.find(':') != std::string_view::npos) {
    return failure(Code::kRefused, "has an IPv6 host, which stands in brackets: [::1]:8080");
  }
  const auto port = parse_integer(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65'535) return failure(Code::kRefused, "has no port from 0 to 65535");
  if (host.find_first_of(" /@") != std::string_view::npos) return failure(Code::kRefused, "is not HOST:PORT");
  return Address{host.empty() ? "0.0.0.0" : std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string format_bytes(std::int64_t bytes) { return format_with(bytes, kByteUnits); }

std::string format_duration_ms(std::int64_t ms) {
  // A day is said in hours up to a week: "24h" is what people write.
  if (ms > 0 && ms < 7 * 86'400'000LL && ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
  return format_with(ms, kDurationUnits);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, changed});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace quipu
