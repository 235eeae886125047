#include "node/safe_start.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace quipu {
namespace {

/// A file that is open for reading.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int fd() const { return fd_; }

 private:
  int fd_;
};

Result<void> check_mode(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return failure(Code::kRefused, fmt::format("{}: is no regular file", path));
  if ((status.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
    return failure(Code::kRefused, fmt::format("{}: has mode {:04o}: all users could read or change the keys; `chmod "
                                               "600 {}`, or 640 where a group must read it",
                                               path, status.st_mode & 07777U, path));
  }
  return {};
}

Result<std::string> read_key_file(const std::string& path) {
  const auto unreadable = [&] {
    return failure(Code::kNotFound, fmt::format("auth.keys_file {}: cannot be read: {}", path, std::strerror(errno)));
  };
  const OpenFile file(path);
  struct stat status{};
  if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0) return unreadable();
  if (auto sound = check_mode(path, status); !sound) return std::unexpected(sound.error());
  std::string text(kKeyFileBytesMax + 1, 0);
  std::size_t size = 0;
  while (size < text.size()) {
    const auto got = ::read(file.fd(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable();
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kKeyFileBytesMax) return failure(Code::kRefused, fmt::format("{}: has more than 64 KiB", path));
  text.resize(size);
  return text;
}

struct Listener {
  const char* name;
  const std::string& address;
};

/// The listeners that others than this machine reach.
std::vector<Listener> exposed(const Config& config) {
  std::vector<Listener> found;
  for (const Listener& listener : {Listener{"http.listen", config.http_listen}, {"resp.listen", config.resp_listen}}) {
    if (!listener.address.empty() && !is_loopback(listener.address)) found.push_back(listener);
  }
  return found;
}

}  // namespace

bool is_loopback(std::string_view address) {
  auto host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") return true;
  const std::string text(host);
  in_addr four{};
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24U) == 127;
  in6_addr six{};
  if (inet_pton(AF_INET6, text.c_str(), &six) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&six)) return six.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&six);
}

Result<ApiKeys> load_api_keys(const Config& config) {
  ApiKeys::Secret secret{};
  // At most 256 bytes come whole, or not at all.
  if (::getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size())) {
    return failure(Code::kBusy, fmt::format("cannot get random numbers: {}", std::strerror(errno)));
  }
  ApiKeys keys(secret);
  if (!config.auth_keys_file.empty()) {
    const auto text = read_key_file(config.auth_keys_file);
    if (!text) return std::unexpected(text.error());
    if (auto added = keys.add(*text, config.auth_keys_file); !added) return std::unexpected(added.error());
  }
  if (config.auth_keys) {
    if (auto added = keys.add(*config.auth_keys, "QUIPU_AUTH_KEYS"); !added) return std::unexpected(added.error());
  }
  return keys;
}

Result<void> check_exposure(const Config& config, bool has_keys) {
  if (has_keys || config.auth_insecure) return {};
  for (const auto& [name, address] : exposed(config)) {
    return failure(Code::kRefused,
                   fmt::format("{} = {}: others than this machine reach it, and there are no API keys. Set "
                               "auth.keys_file (--keys FILE) or QUIPU_AUTH_KEYS, listen on 127.0.0.1, or allow "
                               "everyone everything with --insecure",
                               name, address));
  }
  return {};
}

std::vector<std::string> exposure_warnings(const Config& config, bool has_keys) {
  std::vector<std::string> warnings;
  for (const auto& [name, address] : exposed(config)) {
    warnings.push_back(
        has_keys ? fmt::format("{} {}: there is no TLS here: keys and counters pass in the clear unless a proxy or a "
                               "private network stands between",
                               name, address)
                 : fmt::format("{} {}: INSECURE: everyone who reaches it can count, read and reset", name, address));
  }
  return warnings;
}

}  // namespace quipu
