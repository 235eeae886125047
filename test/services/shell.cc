#include "services/shell.h"

#include <sys/random.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace quipu::testing_services {

std::string address(const char* name) {
  const char* found = std::getenv(name);
  if (found == nullptr) throw std::runtime_error(std::string(name) + " is not set: tools/test --only services");
  return found;
}

std::string output_of(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("no shell");
  std::string text;
  for (int byte = std::fgetc(pipe); byte != EOF; byte = std::fgetc(pipe)) text.push_back(static_cast<char>(byte));
  if (::pclose(pipe) != 0) throw std::runtime_error(command + ":\n" + text);
  return text;
}

std::string local_services(const std::string& arguments) {
  return output_of(QUIPU_SOURCE_DIR "/deploy/local/services " + arguments);
}

std::string random_name() {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof(random), 0) != sizeof(random)) throw std::runtime_error("no random bytes");
  return std::to_string(random);
}

}  // namespace quipu::testing_services
