#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

namespace quipu::testing_services {

/// Whether every thread of a process stands still, by /proc.
inline bool stands_still(pid_t process) {
  std::error_code error;
  const std::filesystem::directory_iterator threads("/proc/" + std::to_string(process) + "/task", error);
  if (error) throw std::runtime_error("process " + std::to_string(process) + " does not run");
  for (const auto& thread : threads) {
    std::ifstream file(thread.path() / "stat");
    const std::string stat((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const auto name_end = stat.rfind(')');
    if (name_end == std::string::npos) continue;  // It has ended.
    if (std::string_view("TtZX").find(stat.at(name_end + 2)) == std::string_view::npos) return false;
  }
  return true;
}

/// SIGSTOP, and waits until it has stopped the process: the signal waits for a thread to take it, and on a busy machine
/// the others answer what they are asked in the meantime. Throws where it does not run, or not stop within a minute.
inline void stop_process(pid_t process) {
  if (process <= 1 || ::kill(process, SIGSTOP) != 0) throw std::runtime_error("there is no process to be stopped");
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!stands_still(process)) {
    if (std::chrono::steady_clock::now() > until) throw std::runtime_error("SIGSTOP has not stopped it for a minute");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace quipu::testing_services
