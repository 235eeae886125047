#pragma once

#include <sys/random.h>

#include <type_traits>

#include "base/check.h"

namespace quipu {

/// A value of random bits from the system: of at most 256 bytes, which come whole or end the process.
template <class Value>
Value random_value() {
  static_assert(std::is_trivially_copyable_v<Value> && sizeof(Value) <= 256);
  Value value{};
  QUIPU_CHECK(::getrandom(&value, sizeof(value), 0) == static_cast<ssize_t>(sizeof(value)));
  return value;
}

}  // namespace quipu
