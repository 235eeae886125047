#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quipu {

/// Writes replies of the Redis protocol, version 2 or 3, behind what `out` holds.
class RespWriter {
 public:
  RespWriter(std::string& out, bool resp3) : out_(out), resp3_(resp3) {}

  void simple(std::string_view text);
  /// `prefix` is the first word: ERR, BUSY, ... Line ends within the text become spaces.
  void error(std::string_view prefix, std::string_view text);
  void integer(std::int64_t value);
  void bulk(std::string_view bytes);
  /// The digits of a value as a bulk string.
  void bulk_integer(std::int64_t value);
  /// Text to be read by people: a verbatim string in version 3.
  void text(std::string_view text);
  void null();
  void array(std::size_t size) { header('*', size); }
  /// `size` pairs follow.
  void map(std::size_t size);
  /// `size` members follow.
  void set(std::size_t size) { header(resp3_ ? '~' : '*', size); }

 private:
  void header(char kind, std::size_t size);

  std::string& out_;
  bool resp3_;
};

}  // namespace quipu
