#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "log/file_system.h"
#include "sim/random.h"
#include "sim/settings.h"
#include "sim/trace.h"

namespace quipu::sim {

/// Thrown out of a file call in which the process ends. Nothing of the product catches it: what stands on the stack
/// goes as it would with its process.
struct ProcessEnded {};

/// A file system as Linux has one, with its faults: a page cache over a disk.
///
///   write ─► page cache (read back at once) ──sync──► disk
///              └── a failed sync takes the pages for clean: no later sync writes them, and a power cut shows it
///
/// A process that ends leaves the page cache. A power cut leaves of every 512 bytes that were not synced either the old
/// or the new, in any mix; of the names that no sync of the directory covers, the first few.
/// Not simulated: damage that stays (there is no second copy to mend it from), and damage of the newest bytes that were
/// written, which nothing can tell from a torn write (docs/durability.md).
class SimFileSystem final : public FileSystem {
 public:
  SimFileSystem(Random& random, Trace& trace, const FaultRates& rates)
      : random_(random), trace_(trace), rates_(rates) {}

  // What the world does.
  /// Calls fail and lie only while this is set.
  bool faulty = false;
  std::uint64_t capacity_bytes = UINT64_MAX;
  /// The n-th read from now fails; 0 = none does.
  std::uint64_t fail_in_reads = 0;
  /// The process ends in the n-th call from now; 0 = not.
  std::uint64_t end_in_calls = 0;

  /// The process has ended: its descriptors are gone.
  void end_process();
  /// All files go, for good.
  void clear();
  /// The machine has lost its power.
  void cut_power();
  /// A copy of what is there now, without faults.
  std::unique_ptr<SimFileSystem> copy(Random& random, Trace& trace) const;

  int open(const std::string& path, FileUse use, bool direct) override;
  void close(int fd) override;
  std::int64_t read(int fd, std::uint64_t at, std::span<std::byte> out) override;
  std::int64_t write(int fd, std::uint64_t at, ByteView bytes) override;
  int sync_data(int fd) override { return sync(fd); }
  int sync(int fd) override;
  int reserve(int fd, std::uint64_t bytes) override;
  int rename(const std::string& from, const std::string& to) override;
  int remove(const std::string& path) override;
  int make_directory(const std::string& path) override;
  int list(const std::string& directory, std::vector<Entry>& out) override;
  int free_bytes(const std::string& directory, std::uint64_t& out) override;

 private:
  static constexpr std::size_t kPieceBytes = 512;
  enum class Piece : std::uint8_t {
    kSynced,
    kDirty,
    kLost,  ///< Not on the disk, and no sync will write it any more.
  };
  struct File {
    std::uint64_t number = 0;
    Bytes cached;
    Bytes disk;  ///< Shorter where the size was not synced.
    std::vector<Piece> pieces;
  };
  using Files = std::map<std::string, std::shared_ptr<File>>;
  struct Opened {
    std::string path;
    std::shared_ptr<File> file;  ///< Null: a directory.
    bool direct = false;
  };
  struct Range {
    std::uint64_t file = 0;  // Its number.
    std::uint64_t at = 0;
    std::uint64_t end = 0;
  };

  static bool counted_down(std::uint64_t& left);
  /// Counts a call, in which the process may end.
  bool ends_now();
  bool fails(Rate rate, Fault fault, const std::string& what);
  void resize(File& file, std::size_t bytes);
  void put(File& file, std::uint64_t at, ByteView bytes);
  void sync_file(File& file);
  static void write_piece(File& file, std::size_t piece);
  void lose_pages(File& file);

  Random& random_;
  Trace& trace_;
  const FaultRates& rates_;
  Files names_;
  std::vector<Files> unsynced_names_;  ///< As they were before each change that no sync of the directory covers.
  std::map<int, Opened> opened_;
  int next_fd_ = 3;
  std::uint64_t files_made_ = 0;
  /// The newest bytes that were written and are not all zero, and those before them: a torn write may stand behind the
  /// newest that were acknowledged.
  std::array<Range, 2> newest_;
};

}  // namespace quipu::sim
