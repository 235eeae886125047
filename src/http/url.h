#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/arena.h"

namespace quipu {

/// What `+` means: itself in a path, a space in a query and in a form.
enum class PlusSign : std::uint8_t { kIsPlus, kIsSpace };

/// Undoes percent-encoding: any bytes come out. nullopt where `%` is not followed by two hex digits. The answer points
/// into `text` where there was nothing to undo, else into `arena`.
std::optional<std::string_view> percent_decode(std::string_view text, PlusSign plus, Arena& arena);

/// Appends `text` as one path segment: everything but letters, digits and `-._~` as %XX.
void append_percent_encoded(std::string& out, std::string_view text);

/// The pairs of a query or of a form, in order: `name=value&name=value`.
class FormPairs {
 public:
  FormPairs(std::string_view text, Arena& arena) : text_(text), arena_(arena) {}

  struct Pair {
    std::string_view name;
    std::string_view value;
  };
  /// The next pair, decoded; nullopt at the end. Empty pieces between `&` are skipped. kRefused where the encoding is
  /// malformed.
  Result<std::optional<Pair>> next();

 private:
  std::string_view text_;
  Arena& arena_;
};

}  // namespace quipu
