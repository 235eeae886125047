#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "base/identifiers.h"
#include "event/entry.h"

/// What becomes of the ids and sources that clients send (docs/formats/hashes.md).
namespace quipu {

/// The id hash covers (namespace, counter, id). `body` is left 0.
IdHash id_hash(const HashSecret& secret, std::string_view space, std::string_view counter, std::string_view id);

/// The id of "once per viewer per window": covers (namespace, counter, viewer, window number), apart from all ids that
/// clients make. `window` = floor(time / the namespace's viewer_window_ms).
IdHash viewer_hash(const HashSecret& secret, std::string_view space, std::string_view counter, std::string_view viewer,
                   std::int64_t window);

/// What tells "the same id with another content": covers the delta and the time that the client gave (0 where none).
std::uint32_t body_hash(std::int64_t delta, TimeMs given_time);

/// A source's key covers (namespace, source).
Hash128 source_hash(const HashSecret& secret, std::string_view space, std::string_view source);

}  // namespace quipu
