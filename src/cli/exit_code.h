#pragma once

namespace quipu {

/// What the program answers to the shell: the same for every verb, so that scripts can act on it.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,       ///< It was tried and failed; standard error says why.
  kExitUsage = 2,         ///< The command line or the configuration is wrong; nothing was tried.
  kExitNotFound = 3,      ///< What was asked for does not exist.
  kExitUnreachable = 4,   ///< No server answers at the address.
  kExitNotReady = 5,      ///< The server is not ready yet, or a check did not pass.
  kExitInterrupted = 130  ///< Ended by Ctrl-C.
};

}  // namespace quipu
