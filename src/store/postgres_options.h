#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace quipu {

struct PostgresStoreOptions {
  /// As libpq takes it: `postgresql://user:password@host:port/database`, or `host=… dbname=…`.
  std::string url;
  /// Called on the store's thread when completions are there. Must not block.
  std::function<void()> wake = [] {};
  /// Beyond either, a request is completed with kBusy in its turn, and nothing of it is kept until then.
  std::size_t waiting_requests_max = 4'096;
  std::size_t waiting_bytes_max = std::size_t{256} << 20;
  /// How much is with the server and not answered yet; one request alone may be larger.
  std::size_t in_flight_bytes_max = std::size_t{8} << 20;
  std::size_t in_flight_requests_max = 64;
  /// A server that has not answered for so long is left, and asked again over a new connection. It gives up what it was
  /// asked at about the same time.
  std::int64_t answer_timeout_ms = 10'000;
  /// A request that is older is completed with kBusy. It may have been written: giving it again changes nothing.
  std::int64_t request_timeout_ms = 30'000;
  /// How long `open` and each of the calls "at start" may take.
  std::int64_t start_timeout_ms = 15'000;
};

/// Counts since the store was opened, and how it stands.
struct PostgresStats {
  std::uint64_t connections = 0;  ///< Made since the store was opened; 1 where none was ever lost.
  std::uint64_t sent_again = 0;   ///< Requests that were given a second time, each time counted.
  std::uint64_t expired = 0;      ///< Requests that were given up.
  bool connected = false;
  std::string trouble;  ///< Why it is not connected; empty when it is.
};

}  // namespace quipu
