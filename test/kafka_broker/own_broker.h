#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include "services/stop_process.h"

namespace quipu::testing_kafka {

/// A broker in a directory of its own, by the script that starts all local services.
class OwnBroker {
 public:
  /// `settings`: what `services` is to be told of its properties, as `--set kafka.NAME=VALUE`.
  explicit OwnBroker(const std::string& settings = "")
      : settings_(settings), directory_(testing::TempDir() + "quipu-broker-XXXXXX") {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    start();
  }
  ~OwnBroker() { services("down --kill --purge"); }

  /// Starts it, or starts it again with its data and its port.
  void start() {
    const auto said = services("up --only kafka " + settings_);
    const auto at = said.find("QUIPU_TEST_KAFKA=");
    ASSERT_NE(at, std::string::npos) << said;
    address_ = said.substr(at + std::string_view("QUIPU_TEST_KAFKA=").size());
    address_.erase(address_.find_last_not_of(" \n") + 1);
  }
  /// SIGKILL: a crash of the process. The system keeps what was written.
  void kill() { services("down --kill --only kafka"); }
  /// It stands still from here on, until `resume`.
  void pause() const { testing_services::stop_process(pid()); }
  void resume() const { ASSERT_EQ(::kill(pid(), SIGCONT), 0); }
  const std::string& address() const { return address_; }
  std::string data() const { return directory_ + "/kafka-1/data"; }

 private:
  pid_t pid() const {
    std::ifstream file(directory_ + "/kafka-1/pid");
    pid_t pid = 0;
    file >> pid;
    EXPECT_GT(pid, 1);
    return pid;
  }
  std::string services(const std::string& verb) const {
    const auto command = std::string(QUIPU_SOURCE_DIR) + "/deploy/local/services " + verb + " --dir " + directory_;
    std::string said;
    auto* output = ::popen(command.c_str(), "r");
    std::array<char, 256> piece{};
    while (std::fgets(piece.data(), piece.size(), output) != nullptr) said += piece.data();
    EXPECT_EQ(::pclose(output), 0) << command;
    return said;
  }

  const std::string settings_;
  std::string directory_;
  std::string address_;
};

}  // namespace quipu::testing_kafka
