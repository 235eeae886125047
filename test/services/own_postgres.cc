#include "services/own_postgres.h"

#include <stdlib.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace quipu::testing_services {
namespace {

namespace fs = std::filesystem;

/// What a shell command prints; throws where it fails.
std::string output_of(const std::string& command) {
  const auto close = [](FILE* pipe) { return ::pclose(pipe); };
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("no shell");
  std::string text;
  for (int byte = std::fgetc(pipe); byte != EOF; byte = std::fgetc(pipe)) text.push_back(static_cast<char>(byte));
  if (close(pipe) != 0) throw std::runtime_error(command + ":\n" + text);
  return text;
}

}  // namespace

OwnPostgres::OwnPostgres() {
  std::string pattern = (fs::temp_directory_path() / "quipu-own-postgres-XXXXXX").string();
  directory_ = ::mkdtemp(pattern.data());
  up();
}

OwnPostgres::~OwnPostgres() {
  try {
    services("down --kill --purge");
    fs::remove_all(directory_);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
}

std::string OwnPostgres::services(const std::string& verb) const {
  return output_of(QUIPU_SOURCE_DIR "/deploy/local/services " + verb + " --dir " + (directory_ / "place").string());
}

void OwnPostgres::up() {
  const auto said = services("up --only postgres");
  const std::string before = "QUIPU_TEST_POSTGRES=";
  const auto at = said.find(before);
  if (at == std::string::npos) throw std::runtime_error(said);
  url_ = said.substr(at + before.size(), said.find('\n', at) - at - before.size());
}

void OwnPostgres::kill() { services("down --kill --only postgres"); }

void OwnPostgres::back_up() {
  output_of("cp -a $(readlink -f " + (directory_ / "place/postgres/data").string() + ") " +
            (directory_ / "copy").string());
}

void OwnPostgres::restore() {
  output_of("data=$(readlink -f " + (directory_ / "place/postgres/data").string() + ") && rm -rf $data && cp -a " +
            (directory_ / "copy").string() + " $data");
}

}  // namespace quipu::testing_services
