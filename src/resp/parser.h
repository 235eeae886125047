#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/limits.h"

namespace quipu {

/// Reads commands out of what has arrived: arrays of bulk strings, and inline commands (a line of words, as people type
/// them). Refuses what Redis refuses, in its words.
///
/// Where a command is not whole yet, the same bytes are offered again with more behind them, and it goes on where it
/// stopped, so that a slow sender costs no more than a fast one. Pure. No memory is taken because of a declared length.
class RespParser {
 public:
  enum class Status : std::uint8_t {
    kNeedMore,  ///< Nothing is used up.
    kCommand,   ///< `arguments()` has at least one.
    kSkipped,   ///< An empty line or an empty array was used up: it has no reply.
    kRefused,   ///< `error()` says why. Nothing more can be read from this client.
  };
  struct Step {
    Status status;
    std::size_t used;
  };

  explicit RespParser(const NetLimits& limits) : limits_(limits) {}

  /// `bytes` begins where the last command ended.
  Step parse(std::string_view bytes);

  /// Whether the client must give its key first: then a command has at most 10 arguments of 16 KiB.
  void set_before_login(bool before) { before_login_ = before; }

  /// Of the command. They point into the bytes, or into the parser where an inline command had quotes.
  const std::vector<std::string_view>& arguments() const { return arguments_; }
  /// Behind `-ERR `.
  const std::string& error() const { return error_; }
  /// Forgets the arguments, and the copies of inline ones: call when no command that was read is needed any more.
  void forget_arguments();
  /// The memory that arguments take here, those of a command that is not whole among them.
  std::size_t kept_bytes() const {
    return arguments_.capacity() * sizeof(std::string_view) +
           places_.capacity() * sizeof(std::pair<std::size_t, std::size_t>);
  }

 private:
  bool parse_whole(std::string_view bytes, std::size_t& used);
  Step parse_array(std::string_view bytes);
  Step parse_inline(std::string_view bytes);
  bool split_words(std::string_view line);
  bool take_line(std::string_view bytes, std::string_view& line);
  Step refuse(std::string error);
  Step finish(Status status, std::size_t used);

  const NetLimits& limits_;
  std::vector<std::string_view> arguments_;
  std::deque<std::string> copies_;
  std::string error_;

  bool before_login_ = false;

  // How far an array that is not whole was read, from its first byte.
  std::int64_t declared_ = -1;  // Arguments, or -1 before the header is whole.
  std::int64_t length_ = -1;    // Of the argument under way, or -1 before its header is whole.
  std::size_t at_ = 0;          // Behind what was read.
  std::size_t searched_ = 0;    // No line ends between `at_` and here.
  std::vector<std::pair<std::size_t, std::size_t>> places_;  // Begin and size of the arguments.
};

}  // namespace quipu
