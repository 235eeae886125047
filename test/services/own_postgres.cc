#include "services/own_postgres.h"

#include <stdlib.h>

#include <cstdio>
#include <stdexcept>

#include "services/shell.h"

namespace quipu::testing_services {
namespace {

namespace fs = std::filesystem;

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
  return local_services(verb + " --dir " + (directory_ / "place").string());
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
