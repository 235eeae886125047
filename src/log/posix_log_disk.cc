#include "log/posix_log_disk.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/phases.h"
#include "log/posix_file_system.h"
#include "log/segment_files.h"
#include "log/segment_format.h"
#include "log/segment_writer.h"
#include "log/write_times.h"

namespace quipu {

/// The threads and what passes between them.
class PosixLogDisk::State {
 public:
  State(SegmentFiles files, PosixLogDiskOptions options)
      : files_(std::move(files)),
        options_(std::move(options)),
        writer_(files_),
        sync_thread_([this] { run_sync(); }),
        files_thread_([this] { run_files(); }) {}

  ~State() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    write_asked_.notify_one();
    files_asked_.notify_one();
    sync_thread_.join();
    files_thread_.join();
  }

  const SegmentFiles& files() const { return files_; }
  Result<std::vector<SegmentFile>> list() const {
    return files_.list(options_.only_read ? UnfinishedFiles::kStay : UnfinishedFiles::kGo);
  }

  Result<void> read(SegmentNumber segment, std::uint64_t at, std::span<std::byte> out) {
    const auto reader = reader_of(segment);
    const std::lock_guard lock(reader->mutex);
    // The log's own writes leave nothing in the page cache, so a read through it only copies once more.
    if (in_blocks(at, out) && read_from(reader->direct, segment, true, at, out)) return {};
    return read_from(reader->cached, segment, false, at, out);
  }
  void forget_reader(SegmentNumber segment) {
    const std::lock_guard lock(readers_mutex_);
    readers_.erase(segment);
  }

  void begin_write(SegmentNumber segment, std::uint64_t at, ByteView bytes) {
    bool hand_over = false;
    {
      const std::lock_guard lock(mutex_);
      QUIPU_CHECK(!write_ && !writing_);
      // The sync thread has nothing to do, and only this one gives it work: what is the writer's is this thread's now.
      hand_over = bytes.size() > kWaitedForBytesMax || !times_.within(options_.wait_us_max);
      if (hand_over) write_ = Write{segment, at, bytes};
    }
    if (hand_over) return write_asked_.notify_one();
    auto outcome = write({segment, at, bytes});
    const std::lock_guard lock(mutex_);
    done_.push_back({DiskCompletion::Kind::kWrite, segment, std::move(outcome)});
  }

  void begin(DiskCompletion::Kind kind, SegmentNumber segment, std::uint64_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      file_work_.push_back({kind, segment, bytes});
    }
    files_asked_.notify_one();
  }

  void take(std::vector<DiskCompletion>& out) {
    const std::lock_guard lock(mutex_);
    out.insert(out.end(), std::make_move_iterator(done_.begin()), std::make_move_iterator(done_.end()));
    done_.clear();
  }

  void wait_for_write() {
    std::unique_lock lock(mutex_);
    file_work_.clear();
    done_with_all_.wait(lock, [this] { return !write_ && !writing_ && !file_working_; });
    done_.clear();
  }

 private:
  struct Write {
    SegmentNumber segment{};
    std::uint64_t at = 0;
    ByteView bytes;
  };
  struct Reader {
    std::mutex mutex;
    // Under mutex: one that reads past the page cache, if the file system can, and one that does not.
    FileDescriptor direct;
    FileDescriptor cached;
  };
  struct FileWork {
    DiskCompletion::Kind kind{};
    SegmentNumber segment{};
    std::uint64_t bytes = 0;
  };

  /// Lives on while it is used, though its segment be removed.
  std::shared_ptr<Reader> reader_of(SegmentNumber segment) {
    const std::lock_guard lock(readers_mutex_);
    auto& reader = readers_[segment];
    if (!reader) reader = std::make_shared<Reader>();
    return reader;
  }

  static bool in_blocks(std::uint64_t at, std::span<std::byte> out) {
    return (at | out.size() | reinterpret_cast<std::uintptr_t>(out.data())) % kBlockBytes == 0;
  }

  Result<void> read_from(FileDescriptor& file, SegmentNumber segment, bool direct, std::uint64_t at,
                         std::span<std::byte> out) {
    if (!file) {
      auto opened = files_.open_for_reading(segment, direct);
      if (!opened) return std::unexpected(opened.error());
      file = std::move(*opened);
    }
    auto done = read_fully(file, at, out);
    if (!done) done.error().what = files_.name(segment) + ": " + done.error().what;
    return done;
  }

  void run_sync() {
    std::unique_lock lock(mutex_);
    while (true) {
      write_asked_.wait(lock, [this] { return write_ || stopping_; });
      if (!write_) return;
      const auto work = *std::exchange(write_, std::nullopt);
      writing_ = true;
      lock.unlock();
      auto outcome = write(work);
      lock.lock();
      writing_ = false;
      done_.push_back({DiskCompletion::Kind::kWrite, work.segment, std::move(outcome)});
      done_with_all_.notify_one();
      lock.unlock();
      options_.wake();
      lock.lock();
    }
  }

  Result<void> write(const Write& work) {
    const PhaseScope phase(Phase::kCommit);
    const auto begun = std::chrono::steady_clock::now();
    auto done = writer_.write(work.segment, work.at, work.bytes);
    using std::chrono::microseconds;
    times_.add(std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begun).count());
    return done;
  }

  void run_files() {
    std::unique_lock lock(mutex_);
    while (true) {
      files_asked_.wait(lock, [this] { return !file_work_.empty() || stopping_; });
      // What was not begun when the disk is closed is done by the next one that opens the log.
      if (stopping_) return;
      const auto work = file_work_.front();
      file_work_.pop_front();
      file_working_ = true;
      lock.unlock();
      auto outcome = work.kind == DiskCompletion::Kind::kCreate ? files_.create(work.segment, work.bytes)
                                                                : files_.remove(work.segment);
      lock.lock();
      file_working_ = false;
      done_.push_back({work.kind, work.segment, std::move(outcome)});
      done_with_all_.notify_one();
      lock.unlock();
      options_.wake();
      lock.lock();
    }
  }

  // Constant after construction.
  const SegmentFiles files_;
  const PosixLogDiskOptions options_;

  std::mutex readers_mutex_;
  std::map<SegmentNumber, std::shared_ptr<Reader>> readers_;  // Under readers_mutex_.

  // Of whoever writes: the sync thread between taking a write and completing it, else the owner's.
  WriteTimes times_;
  SegmentWriter writer_;

  std::mutex mutex_;
  std::condition_variable write_asked_;    // For the sync thread.
  std::condition_variable files_asked_;    // For the files thread.
  std::condition_variable done_with_all_;  // For an owner that ends.
  // Under mutex_.
  std::optional<Write> write_;
  bool writing_ = false;
  std::deque<FileWork> file_work_;
  bool file_working_ = false;
  std::vector<DiskCompletion> done_;
  bool stopping_ = false;

  // Last: they use everything above.
  std::thread sync_thread_;
  std::thread files_thread_;
};

Result<std::unique_ptr<PosixLogDisk>> PosixLogDisk::open(const std::string& directory, PosixLogDiskOptions options) {
  SegmentFiles files(posix_file_system(), directory, options.free_bytes_min);
  if (!options.only_read) {
    if (auto made = files.make_directory(); !made) return std::unexpected(made.error());
  }
  return std::unique_ptr<PosixLogDisk>(new PosixLogDisk(std::make_unique<State>(std::move(files), std::move(options))));
}

PosixLogDisk::PosixLogDisk(std::unique_ptr<State> state) : state_(std::move(state)) {}
PosixLogDisk::~PosixLogDisk() = default;

Result<std::vector<SegmentFile>> PosixLogDisk::list() { return state_->list(); }

Result<void> PosixLogDisk::read(SegmentNumber segment, std::uint64_t at, std::span<std::byte> out) {
  return state_->read(segment, at, out);
}

Result<void> PosixLogDisk::write(SegmentNumber segment, std::uint64_t at, ByteView bytes) {
  return state_->files().write(segment, at, bytes);
}

Result<void> PosixLogDisk::create(SegmentNumber segment, std::uint64_t bytes) {
  return state_->files().create(segment, bytes);
}

Result<void> PosixLogDisk::remove(SegmentNumber segment) {
  state_->forget_reader(segment);
  return state_->files().remove(segment);
}

void PosixLogDisk::begin_write(SegmentNumber segment, std::uint64_t at, ByteView bytes) {
  state_->begin_write(segment, at, bytes);
}

void PosixLogDisk::begin_create(SegmentNumber segment, std::uint64_t bytes) {
  state_->begin(DiskCompletion::Kind::kCreate, segment, bytes);
}

void PosixLogDisk::begin_remove(SegmentNumber segment) {
  state_->forget_reader(segment);
  state_->begin(DiskCompletion::Kind::kRemove, segment, 0);
}

void PosixLogDisk::take_completions(std::vector<DiskCompletion>& out) { state_->take(out); }
void PosixLogDisk::wait_for_write() { state_->wait_for_write(); }
void PosixLogDisk::rolling(bool active) { set_phase(Phase::kRoll, active); }
std::string PosixLogDisk::name(SegmentNumber segment) const { return state_->files().name(segment); }

}  // namespace quipu
