#include "base/phases.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace quipu {
namespace {

std::array<std::uint32_t, kPhases> unpublished{};
std::uint32_t* phases = unpublished.data();

}  // namespace

Result<void> publish_phases(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return failure(Code::kRefused, path + ": " + std::strerror(errno));
  void* memory = MAP_FAILED;
  if (::ftruncate(file, sizeof(unpublished)) == 0) {
    memory = ::mmap(nullptr, sizeof(unpublished), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  ::close(file);
  if (memory == MAP_FAILED) return failure(Code::kRefused, path + ": " + std::strerror(errno));
  std::memset(memory, 0, sizeof(unpublished));
  phases = static_cast<std::uint32_t*>(memory);
  return {};
}

void set_phase(Phase phase, bool active) {
  std::atomic_ref<std::uint32_t>(phases[static_cast<std::size_t>(phase)])
      .store(active ? 1 : 0, std::memory_order_relaxed);
}

}  // namespace quipu
