#pragma once

#include <cstddef>

namespace quipu {

/// Counts bytes in a sum for as long as it lives; the sum must outlive it.
class HeldBytes {
 public:
  HeldBytes(std::size_t& sum, std::size_t bytes) : sum_(sum), bytes_(bytes) { sum_ += bytes_; }
  ~HeldBytes() { sum_ -= bytes_; }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

 private:
  std::size_t& sum_;
  const std::size_t bytes_;
};

}  // namespace quipu
