#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "load/key_distribution.h"

namespace quipu {

enum class LoadProtocol : std::uint8_t { kResp, kHttp };

constexpr std::size_t kKeyNameBytes = 12;
constexpr std::size_t kEventIdBytes = 24;

/// The name of the key of this number, in `bytes` bytes (kKeyNameBytes or more): `key-00000042`. Longer where the
/// number has more digits than there is room for.
std::string key_name(std::uint64_t number, std::size_t bytes = kKeyNameBytes);

/// What the requests of a load look like.
struct RequestForm {
  LoadProtocol protocol = LoadProtocol::kResp;
  std::string_view space;  ///< The namespace.
  std::string_view host;   ///< HTTP's Host header.
  std::size_t name_bytes = kKeyNameBytes;
  std::size_t batch = 1;  ///< HTTP: events of a request.
  bool ids = false;       ///< HTTP: each event has an id; `stamped` gives it.
};

/// Requests that stand ready one after the other, so that any stretch of them is sent as it is. Each event adds 1 to a
/// key.
///
///   bytes:  | request | request | ... |      at(i) .. at(j): requests i to j - 1
class RequestRing {
 public:
  /// `count` requests, 1 or more, to keys that `keys` draws. RESP: INCR of `space:key`, or of `key` in namespace
  /// "default". HTTP: POST /view in namespace "views", else POST /v1/counters; of more than one event, POST /v1/events
  /// with a line for each.
  RequestRing(const RequestForm& form, KeyDistribution& keys, std::size_t count);

  std::size_t size() const { return starts_.size() - 1; }
  /// The bytes of requests `from` to `to` - 1, 0 <= from <= to <= size().
  std::string_view range(std::size_t from, std::size_t to) const {
    return std::string_view(bytes_).substr(starts_[from], starts_[to] - starts_[from]);
  }

  /// The same with an id for each event that no other of this process has: `run`, eight hexadecimal digits, then
  /// `next`, which is counted up. Of a ring with ids.
  std::string stamped(std::size_t from, std::size_t to, std::uint32_t run, std::uint64_t& next) const;

 private:
  std::string bytes_;
  std::vector<std::size_t> starts_;
  std::vector<std::size_t> ids_;  // Where they stand; as many a request as it has events.
};

}  // namespace quipu
