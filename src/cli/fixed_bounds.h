#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quipu {

/// A bound that is no setting.
struct FixedBound {
  std::string name;
  std::int64_t value = 0;  ///< Bytes, milliseconds, or a number.
  std::string written;     ///< The same as a reader wants it: `64KiB`, `2s`.
  std::string what;        ///< What it bounds.
  std::string beyond;      ///< What happens to who goes beyond it.
};

/// Every one that a client or an operator can meet, in the order of the documentation. The values are those of the
/// headers that the parts are built with.
const std::vector<FixedBound>& fixed_bounds();

}  // namespace quipu
