#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace quipu {

/// Sends SIGSTOP, and waits until no thread of the process runs any more: the call that sends it does not, and a server
/// with many threads may answer in between. False where there is no such process.
inline bool stop_process(pid_t process) {
  if (::kill(process, SIGSTOP) != 0) return false;
  const auto stopped = [](const std::filesystem::path& thread) {
    std::ifstream file(thread / "stat");
    const std::string text(std::istreambuf_iterator<char>(file), {});
    // Its state stands behind its name, which is in brackets and may have any in it. A thread that is gone has none.
    const auto name_end = text.rfind(')');
    return name_end == std::string::npos || text.substr(name_end, 3) == ") T";
  };
  const auto threads = "/proc/" + std::to_string(process) + "/task";
  for (bool all = false; !all; std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
    all = true;
    std::error_code gone;
    for (const auto& thread : std::filesystem::directory_iterator(threads, gone)) all &= stopped(thread.path());
    if (gone) return false;
  }
  return true;
}

}  // namespace quipu
