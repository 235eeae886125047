#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/command_line.h"
#include "client/service.h"

namespace CLI {
class App;
}

namespace quipu {

/// Letters of the key that a command sends. Beyond: refused. Its file has the bound of the service's, kKeyFileBytesMax.
inline constexpr std::size_t kClientKeyBytesMax = 1'024;

/// The flags by which a command is told which service it speaks to: --server, --key-file, --timeout, --json.
class ClientFlags {
 public:
  /// Adds them to the verb, which must not outlive them.
  void add_to(CLI::App& verb);

  /// Where the service is. On an error says it and answers nothing: the exit code is kExitUsage then.
  std::optional<ServiceOptions> options(const Surroundings& surroundings) const;

  bool json() const { return json_; }

 private:
  std::string server_;
  std::string key_file_;
  double timeout_seconds_ = 60;
  bool json_ = false;
};

/// The value of a name in the environment; "" where it is not there.
std::string environment_value(const Surroundings& surroundings, std::string_view name);

/// What an answer that is not done means to the shell: see exit_code.h.
int exit_code_of(ServiceOutcome outcome);

/// Says what became of a request that is not done, and what to do about it. Answers the exit code.
int report_answer(const Surroundings& surroundings, bool json, const ServiceAnswer& answer);

}  // namespace quipu
