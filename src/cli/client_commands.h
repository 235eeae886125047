#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/client_flags.h"

namespace quipu {

/// `quipu incr`: adds to one counter. Sends one request on a connection of its own, once: a repeat could count twice.
class IncrCommand {
 public:
  void add_to(CLI::App& verb);
  int run(const Surroundings& surroundings) const;

 private:
  ClientFlags flags_;
  std::string space_;
  std::string counter_;
  std::int64_t by_ = 1;
  std::string id_;
};

/// `quipu get`: the values of counters. kExitNotFound where one of them, or the namespace, does not exist.
class GetCommand {
 public:
  void add_to(CLI::App& verb);
  int run(const Surroundings& surroundings) const;

 private:
  ClientFlags flags_;
  std::string space_;
  std::vector<std::string> counters_;
};

/// `quipu top`: the largest counters of a namespace.
class TopCommand {
 public:
  void add_to(CLI::App& verb);
  int run(const Surroundings& surroundings) const;

 private:
  ClientFlags flags_;
  std::string space_;
  std::uint64_t limit_ = 10;
};

}  // namespace quipu
