#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quipu {

/// How many bytes of a well-formed character of UTF-8 `text` begins with, 1 to 4: no overlong forms, no surrogates,
/// nothing above U+10FFFF. 0 where it begins with none, or is empty.
std::size_t utf8_character(std::string_view text);

/// Whether `text` is UTF-8 as a whole.
bool is_utf8(std::string_view text);

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD; `<`, `>` and `&` are
/// escaped too, so that an answer stays harmless where a page takes it for markup.
void append_json_string(std::string& out, std::string_view text);

void append_json_number(std::string& out, std::int64_t value);
void append_json_number(std::string& out, std::uint64_t value);

}  // namespace quipu
