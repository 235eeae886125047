#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/event_log.h"

namespace quipu {

/// Frames that were submitted and not answered yet, of all partitions. Pure: a time is a number that rises.
///
///   add ─► waiting ─seal─► sealed ─next_to_send─► under way ─resolve─► take
///                             └─► held until the partition's first is acknowledged
///
/// A client's first frame of a partition goes alone, until it is acknowledged. A broker that knows nothing of a client
/// takes whichever of its frames comes first: were two under way, it could turn the first one away, take the second,
/// and so leave a gap. From the first acknowledgement on every replica that may lead knows the client's numbers.
/// Promise: the frames of one partition come out in the order in which they went in, each once. A frame whose answer
/// is known waits for those before it. Partitions do not wait for each other. Offsets rise in that order: one that does
/// not is of a log that lost what stood there before, so the frame comes out as kUnknown, and `lost` tells of it.
class Deliveries {
 public:
  /// Names a frame until it is taken: its partition and its ordinal there.
  struct Key {
    PartitionId partition{};
    std::uint64_t ordinal = 0;
  };
  struct ToSend {
    Key key;
    void* bytes = nullptr;
    std::size_t size = 0;
  };

  /// An acknowledged offset that does not follow the one before it.
  struct Lost {
    PartitionId partition{};
    Offset before{};
    Offset offset{};
  };

  /// `destroy` frees the bytes of frames that are never sent.
  explicit Deliveries(void (*destroy)(void*)) : destroy_(destroy) {}
  ~Deliveries();
  Deliveries(const Deliveries&) = delete;
  Deliveries& operator=(const Deliveries&) = delete;

  /// Takes over `bytes`.
  void add(PartitionId partition, std::uint64_t token, void* bytes, std::size_t size);
  /// What was added so far may be sent.
  void seal() { sealed_ = queue_.size(); }
  /// The next one to be sent, in its partition's order; its bytes are the caller's now.
  std::optional<ToSend> next_to_send(std::int64_t now);

  /// What became of one that is under way. One that is not any more is ignored.
  void resolve(const Key& key, Result<Offset> offset);
  /// All that is under way and not answered comes out as kUnknown with this text, and behind it what was never sent as
  /// kBusy: it was added by a caller who did not know, and must not overtake what that caller will send again. What
  /// follows is of another client.
  void give_up(const std::string& why, std::int64_t retry_after_ms);

  /// Appends those that are answered, as far as all before them of their partition are.
  void take(std::vector<LogCompletion>& out);

  /// The first of its kind, once it was taken.
  const std::optional<Lost>& lost() const { return lost_; }

  /// Of all that was added and not taken.
  std::size_t pending_bytes() const { return pending_bytes_; }
  /// Sealed or under way, and not taken.
  bool committing() const { return sealed_ > 0 || held_ > 0 || sent_ > 0; }
  /// Sent and not answered.
  std::size_t unanswered() const { return unanswered_; }
  /// When the oldest of those was sent; only where there is one.
  std::int64_t oldest_sent() const;

 private:
  struct Waiting {
    PartitionId partition{};
    std::uint64_t token = 0;
    void* bytes = nullptr;
    std::size_t size = 0;
  };
  struct Sent {
    std::uint64_t token = 0;
    std::size_t size = 0;
    std::int64_t at = 0;
    bool answered = false;
    Result<Offset> offset{Offset{}};
  };
  struct Lane {
    std::uint64_t first = 0;  ///< The ordinal of the first of `sent`.
    std::deque<Sent> sent;
    std::deque<Waiting> held;  ///< Sealed, behind the first of the client.
    bool begun = false;        ///< The client has sent one ...
    bool proven = false;       ///< ... and was answered.
    Offset acknowledged{};     ///< The newest.
  };
  Lane& lane(PartitionId partition);
  ToSend send(Lane& lane, const Waiting& frame, std::int64_t now);

  void (*destroy_)(void*);
  std::deque<Waiting> queue_;
  std::size_t sealed_ = 0;  ///< The first of `queue_`.
  std::vector<Lane> lanes_;
  std::size_t pending_bytes_ = 0;
  std::size_t sent_ = 0;
  std::size_t unanswered_ = 0;
  std::size_t held_ = 0;               ///< In all lanes.
  std::vector<std::uint16_t> proven_;  ///< Lanes that may send what they held.
  std::optional<Lost> lost_;
  std::vector<std::uint16_t> ready_;  ///< Lanes that may have something to take.
};

}  // namespace quipu
