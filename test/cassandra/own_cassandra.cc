#include "cassandra/own_cassandra.h"

#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "services/stop_process.h"

namespace quipu::testing_cassandra {

OwnCassandra::OwnCassandra(const std::string& settings) : settings_(settings) {
  std::string pattern = (std::filesystem::temp_directory_path() / "quipu-cassandra-XXXXXX").string();
  directory_ = ::mkdtemp(pattern.data());
  try {
    start();
  } catch (...) {
    std::filesystem::remove_all(directory_);
    throw;
  }
}

OwnCassandra::~OwnCassandra() {
  try {
    services("down --kill --purge");
  } catch (const std::exception&) {
    // What is left of it is in its directory.
  }
}

void OwnCassandra::services(const std::string& arguments) const {
  // JDK_JAVA_OPTIONS is the JVM's own way of taking options from around it.
  const auto options = settings_.empty() ? "" : "-Dcassandra.config.allow_system_properties=true " + settings_;
  const auto command = "JDK_JAVA_OPTIONS='" + options + "' '" QUIPU_SOURCE_DIR "/deploy/local/services' " + arguments +
                       " --dir '" + directory_ + "' >'" + directory_ + ".log' 2>&1";
  const int code = ::system(command.c_str());  // NOLINT(bugprone-command-processor): a test's own command
  std::ifstream log(directory_ + ".log");
  const std::string said((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
  std::filesystem::remove(directory_ + ".log");
  if (code != 0) throw std::runtime_error(arguments + ": " + said);
}

void OwnCassandra::start() {
  services("up --only cassandra");
  std::ifstream environment(directory_ + "/env");
  const std::string prefix = "export QUIPU_TEST_CASSANDRA=";
  for (std::string line; std::getline(environment, line);) {
    if (line.starts_with(prefix)) contact_points_ = line.substr(prefix.size());
  }
  if (contact_points_.empty()) throw std::runtime_error("no address in " + directory_ + "/env");
}

void OwnCassandra::kill() { services("down --kill"); }

int OwnCassandra::pid() const {
  int process = 0;
  std::ifstream(directory_ + "/cassandra-1/pid") >> process;
  if (process <= 1) throw std::runtime_error("Cassandra does not run");
  return process;
}

void OwnCassandra::pause() { testing_services::stop_process(pid()); }
void OwnCassandra::resume() {
  if (::kill(pid(), SIGCONT) != 0) throw std::runtime_error("Cassandra does not run");
}

}  // namespace quipu::testing_cassandra
