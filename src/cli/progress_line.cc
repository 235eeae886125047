#include "cli/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace quipu {
namespace {

constexpr std::size_t kBarMax = 30;
constexpr std::size_t kBarMin = 8;
constexpr std::size_t kNameMin = 12;
constexpr std::size_t kNameMax = 32;

std::string format_wait(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds + 0.999);
  if (whole < 120) return fmt::format("{} s", whole);
  if (whole < 7'200) return fmt::format("{} min", (whole + 59) / 60);
  return fmt::format("{} h", (whole + 3'599) / 3'600);
}

}  // namespace

std::string format_amount(double bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 999.95 && unit + 1 < kUnits.size()) {
    bytes /= 1'000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string progress_line(const FileProgress& progress, std::size_t columns) {
  const auto done = static_cast<double>(progress.done_bytes);
  const auto rate = progress.seconds > 0 ? done / progress.seconds : 0;
  std::string text;
  double part = 0;
  if (progress.all_bytes && *progress.all_bytes > 0) {
    const auto all = static_cast<double>(std::max(*progress.all_bytes, progress.done_bytes));
    part = done / all;
    text = fmt::format("{:3.0f}% {} of {}, {}/s", 100 * part, format_amount(done), format_amount(all),
                       format_amount(rate));
    if (rate > 0) text += fmt::format(", {} left", format_wait((all - done) / rate));
  } else {
    text = fmt::format("{}, {}/s", format_amount(done), format_amount(rate));
  }
  // The name gives way to the bar, down to its last letters.
  const auto beside = text.size() + 4 + kBarMin;
  const auto name_max = std::clamp(columns - std::min(columns, beside), kNameMin, kNameMax);
  auto name = std::string(progress.name);
  if (name.size() > name_max) name = "..." + name.substr(name.size() - name_max + 3);
  const auto taken = name.size() + 1 + text.size() + 3;
  if (progress.all_bytes && columns >= taken + kBarMin) {
    const auto width = std::min(kBarMax, columns - taken);
    const auto full = std::min(width, static_cast<std::size_t>(part * static_cast<double>(width)));
    return fmt::format("{} [{}{}] {}", name, std::string(full, '#'), std::string(width - full, ' '), text);
  }
  auto line = fmt::format("{} {}", name, text);
  if (line.size() > columns) line.erase(0, line.size() - columns);
  return line;
}

}  // namespace quipu
