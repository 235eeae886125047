#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace quipu {

/// What tells two logs apart that begin alike: a hash over all complete lines up to one. It is XXH3-128, which finds
/// what happens by itself; whoever can write the log can write what is counted, too. Pure.
class LogDigest {
 public:
  LogDigest();
  ~LogDigest();
  LogDigest(const LogDigest&) = delete;
  LogDigest& operator=(const LogDigest&) = delete;

  void add(std::string_view line);
  /// Of all lines so far, in hex.
  std::string text() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// The name of the source that a log is, where nothing else is said: SHA-256 of its first complete line, in hex.
std::string source_of_first_line(std::string_view line);

}  // namespace quipu
