#include "import/log_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace quipu {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 18;
/// zlib: the largest window, and 16 says gzip.
constexpr int kGzipWindow = 15 + 16;
constexpr int kAskMs = 100;

}  // namespace

class LogFile::State {
 public:
  State(std::string file_name, int file, bool owned, std::function<bool()> asked)
      : name(std::move(file_name)), fd(file), owns(owned), interrupted(std::move(asked)) {
    struct stat status{};
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) size = static_cast<std::uint64_t>(status.st_size);
  }
  ~State() {
    if (inflating) inflateEnd(&stream);
    if (owns) close(fd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Result<std::optional<std::string_view>> next_line();
  Result<void> begin();

  const std::string name;
  const int fd;
  const bool owns;
  const std::function<bool()> interrupted;
  std::optional<std::uint64_t> size;
  std::uint64_t read_bytes = 0;
  std::uint64_t text = 0;
  bool cut = false;
  std::string_view unfinished;

  Result<std::size_t> read_some(char* to, std::size_t bytes);
  Result<bool> more();
  Result<bool> inflate_more(char* to, std::size_t bytes, std::size_t& got);

  std::vector<char> buffer;  // Text from at_ to end_ is not given out yet.
  std::size_t at = 0;
  std::size_t scanned = 0;  // From `at`: where no line's end was found yet.
  std::size_t end = 0;
  bool skipping = false;  // The rest of a line that was cut.
  bool ended = false;
  std::vector<char> packed;  // What a gzip file has, not inflated yet.
  bool inflating = false;
  bool member_open = false;
  z_stream stream{};
};

Result<std::size_t> LogFile::State::read_some(char* to, std::size_t bytes) {
  while (true) {
    if (interrupted && interrupted()) return failure(Code::kRefused, name + ": interrupted");
    pollfd readable{fd, POLLIN, 0};
    if (poll(&readable, 1, kAskMs) == 0) continue;  // Errors are the read's to tell.
    const auto got = ::read(fd, to, bytes);
    if (got >= 0) {
      read_bytes += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
    if (errno != EINTR) return failure(Code::kDamaged, name + ": cannot be read: " + std::strerror(errno));
  }
}

Result<void> LogFile::State::begin() {
  buffer.resize(2 * kBlockBytes);
  // Both bytes of the magic number, also where a pipe gives one at a time.
  while (end < 2 && !ended) {
    const auto got = read_some(buffer.data() + end, kBlockBytes);
    if (!got) return std::unexpected(got.error());
    end += *got;
    ended = *got == 0;
  }
  const bool gzip = end >= 2 && buffer[0] == '\x1f' && buffer[1] == '\x8b';
  if (!gzip) {
    text = end;
    return {};
  }
  packed.resize(std::max(kBlockBytes, end));
  std::copy_n(buffer.data(), end, packed.data());
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(end);
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return failure(Code::kDamaged, name + ": no memory to inflate it");
  inflating = member_open = true;
  end = 0;
  ended = false;
  return {};
}

/// Inflates into `to`. False at the end of the file.
Result<bool> LogFile::State::inflate_more(char* to, std::size_t bytes, std::size_t& got) {
  while (true) {
    if (stream.avail_in == 0) {
      const auto read = read_some(packed.data(), packed.size());
      if (!read) return std::unexpected(read.error());
      if (*read == 0) {
        if (member_open) return failure(Code::kDamaged, name + ": the gzip file ends in the middle");
        return false;
      }
      stream.next_in = reinterpret_cast<Bytef*>(packed.data());
      stream.avail_in = static_cast<uInt>(*read);
    }
    if (!member_open) {
      if (*stream.next_in != 0x1f) return false;  // Zeros or other padding behind the last member.
      inflateReset(&stream);
      member_open = true;
    }
    stream.next_out = reinterpret_cast<Bytef*>(to);
    stream.avail_out = static_cast<uInt>(bytes);
    const auto result = inflate(&stream, Z_NO_FLUSH);
    got = bytes - stream.avail_out;
    if (result == Z_STREAM_END) member_open = false;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return failure(Code::kDamaged, name + ": the gzip file is damaged" +
                                         (stream.msg != nullptr ? std::string(": ") + stream.msg : std::string()));
    }
    if (got > 0) return true;
  }
}

/// Reads more text behind `end`. False at the end of the file.
Result<bool> LogFile::State::more() {
  if (ended) return false;
  if (at > 0) {
    std::memmove(buffer.data(), buffer.data() + at, end - at);
    end -= at;
    at = 0;
  }
  if (buffer.size() - end < kBlockBytes) buffer.resize(end + kBlockBytes);
  std::size_t got = 0;
  if (inflating) {
    const auto open = inflate_more(buffer.data() + end, kBlockBytes, got);
    if (!open) return open;
    ended = !*open;
  } else {
    const auto read = read_some(buffer.data() + end, kBlockBytes);
    if (!read) return std::unexpected(read.error());
    got = *read;
    ended = got == 0;
  }
  end += got;
  text += got;
  return !ended;
}

Result<std::optional<std::string_view>> LogFile::State::next_line() {
  cut = false;
  while (true) {
    const auto* begin = buffer.data() + at;
    const auto* found = static_cast<const char*>(std::memchr(begin + scanned, '\n', end - at - scanned));
    if (found != nullptr) {
      const std::string_view line(begin, static_cast<std::size_t>(found - begin));
      at += line.size() + 1;
      scanned = 0;
      if (!skipping) {
        if (line.size() <= kLogLineBytesMax) return line;
        cut = true;
        return line.substr(0, kLogLineBytesMax);
      }
      skipping = false;
      continue;
    }
    scanned = end - at;
    if (skipping) {
      at = end;
      scanned = 0;
    } else if (scanned > kLogLineBytesMax) {
      const std::string_view line(begin, kLogLineBytesMax);
      at = end;
      scanned = 0;
      skipping = cut = true;
      return line;
    }
    const auto got = more();
    if (!got) return std::unexpected(got.error());
    if (!*got) {
      unfinished = {buffer.data() + at, end - at};
      return std::nullopt;
    }
  }
}

Result<LogFile> LogFile::open(const std::string& path, std::function<bool()> interrupted) {
  std::unique_ptr<State> state;
  if (path == "-") {
    state = std::make_unique<State>("standard input", STDIN_FILENO, false, std::move(interrupted));
  } else {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failure(Code::kNotFound, path + ": cannot be opened: " + std::strerror(errno));
    state = std::make_unique<State>(path, fd, true, std::move(interrupted));
  }
  if (auto begun = state->begin(); !begun) return std::unexpected(begun.error());
  return LogFile(std::move(state));
}

LogFile::LogFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
LogFile::~LogFile() = default;
LogFile::LogFile(LogFile&&) noexcept = default;
LogFile& LogFile::operator=(LogFile&&) noexcept = default;

Result<std::optional<std::string_view>> LogFile::next_line() { return state_->next_line(); }
bool LogFile::line_cut() const { return state_->cut; }
std::string_view LogFile::unfinished_line() const { return state_->unfinished; }
std::uint64_t LogFile::bytes_read() const { return state_->read_bytes; }
std::uint64_t LogFile::text_bytes() const { return state_->text; }
std::optional<std::uint64_t> LogFile::file_bytes() const { return state_->size; }

}  // namespace quipu
