#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "cli/config_keys.h"

/// How the keys of the configuration are put together, for the files that list them.
namespace quipu::keys {

inline constexpr std::int64_t kKiB = std::int64_t{1} << 10;
inline constexpr std::int64_t kMiB = std::int64_t{1} << 20;
inline constexpr std::int64_t kGiB = std::int64_t{1} << 30;
inline constexpr std::int64_t kTiB = std::int64_t{1} << 40;
inline constexpr std::int64_t kSecond = 1'000;
inline constexpr std::int64_t kHour = 3'600 * kSecond;
inline constexpr std::int64_t kDay = 24 * kHour;
inline constexpr std::int64_t kPathBytesMax = 4'000;

/// Joins a specification with the field that `field` finds in an Owner. The field's type decides how a value is kept.
template <class Owner, class Field>
KeyOf<Owner> key(KeySpec spec, Field field) {
  using T = std::remove_cvref_t<std::invoke_result_t<Field, Owner&>>;
  KeyOf<Owner> made;
  made.spec = std::move(spec);
  made.get = [field](const Owner& owner) -> KeyValue {
    const T& value = field(const_cast<Owner&>(owner));
    if constexpr (std::is_same_v<T, AckMode>) {
      return std::string(value == AckMode::kMemory ? "memory" : "durable");
    } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      return static_cast<std::int64_t>(value);
    } else {
      return value;
    }
  };
  made.set = [field](Owner& owner, const KeyValue& value) {
    T& target = field(owner);
    if constexpr (std::is_same_v<T, AckMode>) {
      target = std::get<std::string>(value) == "memory" ? AckMode::kMemory : AckMode::kDurable;
    } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      target = static_cast<T>(std::get<std::int64_t>(value));
    } else {
      target = std::get<T>(value);
    }
  };
  return made;
}

inline KeySpec text(std::string name, std::int64_t low, std::string what) {
  return {std::move(name), KeyKind::kText, low, kPathBytesMax, {}, std::move(what), ""};
}
inline KeySpec address(std::string name, std::string what) {
  return {std::move(name), KeyKind::kAddress, 0, 300, {}, std::move(what), ""};
}
inline KeySpec list(std::string name, std::string what) {
  return {std::move(name), KeyKind::kList, 0, 1'000, {}, std::move(what), ""};
}
inline KeySpec flag(std::string name, std::string what, std::string beyond) {
  return {std::move(name), KeyKind::kBool, 0, 1, {}, std::move(what), std::move(beyond)};
}
inline KeySpec choice(std::string name, std::vector<std::string> choices, std::string what) {
  return {std::move(name), KeyKind::kChoice, 0, 0, std::move(choices), std::move(what), ""};
}
inline KeySpec number(std::string name, KeyKind kind, std::int64_t low, std::int64_t high, std::string what,
                      std::string beyond) {
  return {std::move(name), kind, low, high, {}, std::move(what), std::move(beyond)};
}

}  // namespace quipu::keys
