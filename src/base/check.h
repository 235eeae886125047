#pragma once

namespace quipu {

/// Prints where an invariant broke and aborts: a counter that is wrong is worse than one that stops.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace quipu

/// Asserts an invariant, in release builds too. Never used on bytes from a socket, a disk or a peer:
/// those fail with an Error.
#define QUIPU_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::quipu::check_failed(#condition, __FILE__, __LINE__))
