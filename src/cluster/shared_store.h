#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "api/store_walks.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "node/config.h"
#include "store/counter_store.h"
#include "worker/start_partition_store.h"

namespace quipu {

/// A counter store that many processes share, whichever it is, with what its kind can do beside the contract.
struct SharedStore {
  std::unique_ptr<CounterStore> store;
  /// Waits. Puts a setting there unless it is there, and answers what stands there now, the same for all who ask.
  std::function<Result<std::string>(const std::string& name, const std::string& value)> claim_setting;
  /// Waits. Of which generation the watermarks, sources and bases are that are meant from now on.
  std::function<Result<void>(Generation)> begin_generation;
  PartitionBaseCalls bases;
  /// How many requests it has made again by itself, as they were, since no answer came in time.
  std::function<std::uint64_t()> repeats = [] { return std::uint64_t{0}; };
};

/// Whom a scan asks, where a store has replicas that may differ.
enum class StoreScans : std::uint8_t {
  kQuorum,
  kAllReplicas,  ///< What one alone has is on all of them then; all must be up.
};

/// Opens the store of `store.kind`. `wake` is called on other threads when it has completions. Waits up to 30 s for one
/// that does not answer. The errors are those of the store; kRefused, naming the key, where a file of a password can
/// not be read.
Result<SharedStore> open_shared_store(const ClusterConfig& config, const std::function<void()>& wake,
                                      StoreScans scans = StoreScans::kQuorum);

inline constexpr std::size_t kPasswordBytesMax = 1'024;

/// Bases that one worker makes at a time, as it counts them (WorkerOptions).
inline constexpr std::size_t kBaseBytesMax = std::size_t{256} << 20;

/// Walks of one API node over the store at a time: SCAN, TOP, and the pages that a reset of all reads.
inline constexpr std::size_t kStoreWalksMax = StoreWalks::kWalksMax;

/// The first line of the file that a key names; empty where it names none. kRefused names both.
Result<std::string> read_password(const std::string& key, const std::string& file);

}  // namespace quipu
