#pragma once

#include <string_view>

#include "base/result.h"
#include "event/entry.h"

namespace quipu {

/// Whether `name` is a namespace's name: `[a-z][a-z0-9_-]{0,62}`. The error says what is wrong with it.
Result<void> validate_namespace(std::string_view name);

/// Whether `name` is a counter's name: any 1 to 1,024 bytes.
constexpr bool is_counter(std::string_view name) { return !name.empty() && name.size() <= kCounterBytesMax; }

/// The same, with an error that says what is wrong with it.
Result<void> validate_counter(std::string_view name);

/// Whether `id` can be an idempotency id, a viewer or a source: any 1 to 64 bytes. `what` names it in the error.
Result<void> validate_id(std::string_view id, std::string_view what);

}  // namespace quipu
