#include "store/flushed_mark.h"

#include <charconv>
#include <cstdint>

namespace quipu {
namespace {

constexpr std::string_view kPrefix = "flushed/";

/// Takes a decimal number and what ends it off the front of `text`; an `end` of 0 is the end of the text.
template <class T>
std::optional<T> take_number(std::string_view& text, char end) {
  T value{};
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(at - text.data()));
  if (end == 0) return text.empty() ? std::optional(value) : std::nullopt;
  if (text.empty() || text.front() != end) return std::nullopt;
  text.remove_prefix(1);
  return value;
}

}  // namespace

std::string flushed_setting(PartitionId partition) { return std::string(kPrefix) + std::to_string(partition.value); }

std::string flushed_text(const FlushedMark& mark) {
  return std::to_string(mark.generation.value) + " " + std::to_string(mark.offset.value) + " " +
         std::to_string(mark.as_of);
}

Result<std::optional<FlushedMark>> parse_flushed(std::string_view name, std::string_view text) {
  if (!name.starts_with(kPrefix)) return std::optional<FlushedMark>();
  const auto damaged = [&] {
    return failure(Code::kDamaged, "setting " + std::string(name) + " of the store is not a mark of what was flushed");
  };
  name.remove_prefix(kPrefix.size());
  const auto partition = take_number<std::uint16_t>(name, 0);
  const auto generation = take_number<std::uint32_t>(text, ' ');
  const auto offset = generation ? take_number<std::uint64_t>(text, ' ') : std::nullopt;
  const auto as_of = offset ? take_number<TimeMs>(text, 0) : std::nullopt;
  if (!partition || !as_of) return damaged();
  return FlushedMark{PartitionId{*partition}, Generation{*generation}, Offset{*offset}, *as_of};
}

}  // namespace quipu
