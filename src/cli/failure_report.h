#pragma once

#include <string>
#include <string_view>

#include "cli/command_line.h"

namespace quipu {

/// Why a command did not do what it was told.
struct CommandFailure {
  int exit_code = 1;
  std::string outcome;  ///< One word for programs: `usage`, `refused`, `busy`, `unknown`, `unreachable`, ...
  std::string what;     ///< What is wrong.
  std::string remedy;   ///< What to do; "" where nobody knows.
};

/// Says it on standard error for people; with `json` also on standard output as one object. Answers the exit code.
int report_failure(const Surroundings& surroundings, bool json, const CommandFailure& failure);

/// A line for people.
void say(const Surroundings& surroundings, std::string_view text);

/// Text from outside as a terminal may show it: what is no printable character stands as \xHH.
std::string printable(std::string_view text);

}  // namespace quipu
