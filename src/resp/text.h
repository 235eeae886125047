#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quipu {

/// Pieces of the Redis protocol that commands share. Pure.

/// A signed 64-bit integer as Redis reads them: decimal, without spaces, plus sign, leading zeros or `-0`.
std::optional<std::int64_t> resp_integer(std::string_view text);

/// Whether two words are the same but for the case of ASCII letters.
bool same_word(std::string_view a, std::string_view b);

/// `text` with its ASCII letters in lower case.
std::string lower(std::string_view text);

/// Whether `text` is what the pattern says: `*` any bytes, `?` one byte, `[abc]` `[^a]` `[a-z]` one of them, `\` takes
/// the next byte as it is. Takes at most pattern times text steps: one `*` is tried again at a time, never two.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace quipu
