#pragma once

#include <cstdint>

#include "base/planted.h"
#include "engine/operation.h"

/// What the engine and an API node say alike of an operation that they do not take.
namespace quipu {

inline constexpr const char* kOverflowText = "increment or decrement would overflow";
inline constexpr const char* kOtherBodyText = "this id was used before with another content";

/// `text` is static, or lives as long as who answers.
inline void refuse(Outcome& outcome, Code code, const char* text, std::int64_t retry_after_ms = 0) {
  outcome.error = code;
  outcome.error_text = text;
  outcome.retry_after_ms = QUIPU_PLANTED("retry-after-zero") ? 0 : retry_after_ms;
}

inline bool writes(const Operation& operation) { return operation.kind != OperationKind::kRead; }

}  // namespace quipu
