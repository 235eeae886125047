#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/operation.h"
#include "sim/clients.h"
#include "sim/history.h"
#include "sim/register.h"

/// What the files of Clients share: one that asks, one that hears.
namespace quipu::sim {

/// The shared counters stand in them by turns. In the first none is ever reset, so that all that was acknowledged must
/// be there at the end.
inline constexpr const char* kSpaces[] = {"default", "views"};
inline constexpr std::size_t kBatchMax = 4;

struct Clients::Ask {
  enum class Kind : std::uint8_t {
    kEvent,
    kSet,
    kReset,
    kRead,
    kMistake,  ///< An id with another content.
    kAlone,    ///< Of a counter that one client uses.
    kNone,     ///< There is nothing more to learn of it.
  };
  Kind kind = Kind::kRead;
  std::size_t place = 0;
  History::EventNumber event = 0;
  History::AttemptNumber attempt = 0;
  History::Reset reset;
  History::Look look;
  Register::Asked asked;
};

struct Clients::Request final : BatchClient {
  Clients* clients = nullptr;
  Client* client = nullptr;  ///< Null when it waits no longer.
  Batch batch;
  std::vector<Ask> asks;
  std::uint64_t number = 0;
  bool done = false;
  bool all = false;  ///< Part of ask_for_all.

  void batch_done(Batch&) override { clients->answered(*this); }
};

struct Clients::Client {
  std::size_t number = 0;
  bool alone = false;
  Request* waits_for = nullptr;
  std::vector<History::EventNumber> source_events;
  std::uint64_t sequence = 0;
  std::size_t batch_max = kBatchMax;  ///< Of a source: less where a batch was too large.
};

}  // namespace quipu::sim
