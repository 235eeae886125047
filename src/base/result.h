#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace quipu {

/// What a caller can do about a failure. A code exists only where some caller acts differently on it.
enum class Code : std::uint8_t {
  kRefused,   ///< The request is wrong; the same request will fail again. Nothing was counted.
  kNotFound,  ///< What it names does not exist. Nothing was counted.
  kConflict,  ///< It contradicts what is stored, such as the same id with another body. Nothing was counted.
  kTooLarge,  ///< A bound is passed. Nothing was counted.
  kTimeout,   ///< A wait that the caller bounded is over. Nothing was changed by it.
  kBusy,      ///< Nothing was counted; try again after `retry_after_ms`.
  kUnknown,   ///< Perhaps counted; only a retry with the same id or sequence is safe.
  kDamaged,   ///< Stored bytes are not what was written; an operator must look.
};

/// A failure as a value. `what` is for the operator: the thing, the number, the limit, the remedy.
struct Error {
  Code code = Code::kRefused;
  std::string what;
  std::int64_t retry_after_ms = 0;  ///< Set with kBusy: the earliest useful retry, in milliseconds.
};

/// A value or an Error. `[[nodiscard]]` on the class, since GCC 12 lets a plain std::expected be dropped unseen.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

/// Makes the error branch of a Result: `return failure(Code::kRefused, "delta is not an integer")`.
inline std::unexpected<Error> failure(Code code, std::string what) {
  return std::unexpected<Error>(Error{code, std::move(what), 0});
}

/// A refusal that passes: nothing was counted, and the request may be sent again after `retry_after_ms`.
inline std::unexpected<Error> busy(std::string what, std::int64_t retry_after_ms) {
  return std::unexpected<Error>(Error{Code::kBusy, std::move(what), retry_after_ms});
}

}  // namespace quipu
