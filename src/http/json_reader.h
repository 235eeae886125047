#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/arena.h"

namespace quipu {

/// Reads JSON whose shape the caller knows, strictly: RFC 8259 and nothing beside it, UTF-8 only, no byte order mark,
/// integers of 64 bits only. The caller asks for what must come next; since it refuses names that it does not know, no
/// value is ever skipped and no depth is ever followed.
///
///     JsonReader json(body, arena);
///     std::string_view name;
///     for (json.begin_object(); json.next_field(name);) { ... json.read(value) ... }
///     if (!json.finish()) refuse(json.error());
///
/// The first failure stays: every later call answers false. Strings point into the input where they stand there as they
/// are, else into the arena. Pure.
class JsonReader {
 public:
  JsonReader(std::string_view text, Arena& arena) : at_(text.data()), end_(at_ + text.size()), arena_(arena) {}

  bool begin_object() { return begin('{', "a JSON object is expected"); }
  bool begin_array() { return begin('[', "a JSON array is expected"); }

  /// The name of the next field of the object that is open; its value must be read next. False at the object's end,
  /// which is then closed, and after a failure.
  bool next_field(std::string_view& name);

  /// Whether another item of the array that is open comes next; it must be read next. False at the array's end, which
  /// is then closed, and after a failure.
  bool next_item();

  bool read(std::string_view& value);
  /// `1.0` and `1e3` are no integers.
  bool read(std::int64_t& value);
  bool read(bool& value);

  /// Whether all was read without failure, and nothing but white space is left.
  bool finish();

  /// What was wrong: a static text; nullptr as long as nothing was.
  const char* error() const { return error_; }

 private:
  static constexpr unsigned kDepthMax = 4;

  bool fail(const char* error);
  bool begin(char bracket, const char* expected);
  bool next(char close);
  void skip_space();
  bool starts_with(char c) const { return at_ != end_ && *at_ == c; }
  bool read_word(std::string_view word);
  bool read_escaped(const char* begin, std::string_view& value);
  bool read_escape(char*& out);
  bool read_unit(std::uint32_t& unit);

  const char* at_;
  const char* end_;
  Arena& arena_;
  const char* error_ = nullptr;
  unsigned depth_ = 0;
  bool first_[kDepthMax] = {};  // Nothing was read yet inside, by depth.
};

}  // namespace quipu
