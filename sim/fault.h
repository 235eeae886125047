#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quipu::sim {

/// What can go wrong. Each is counted where it bites, not where it is asked for.
enum class Fault : std::uint8_t {
  kKill,             ///< The process ends; the page cache stays.
  kPowerCut,         ///< The machine ends: what was not synced may be lost, in any pieces and any order.
  kCrashInCall,      ///< Either of the two in the middle of a file call.
  kCrashInStart,     ///< Either of the two while the log is opened or read.
  kTornWrite,        ///< A crash left a part of a write.
  kLostWrite,        ///< A power cut took back pieces that were written and not synced.
  kLostName,         ///< A power cut took back a file that was made, renamed or removed.
  kWriteFails,       ///< A write answers EIO, with a part of it done.
  kSyncFails,        ///< A sync answers EIO, and the kernel takes the pages for clean.
  kReadFails,        ///< A read answers EIO.
  kBitRot,           ///< A read brings a wrong bit, once.
  kShortWrite,       ///< A write does a part of what was asked, or is interrupted.
  kNoDirectWrite,    ///< The file system takes the flag for direct writes, but not the write.
  kUpkeepFails,      ///< Making, naming or removing a file fails.
  kDiskFull,         ///< There is no room for another segment.
  kDiskStalls,       ///< The disk does nothing for a while.
  kStoreWriteFails,  ///< A write of the store fails.
  kStoreReadFails,   ///< A load or a scan of the store fails.
  kStoreBaseFails,   ///< A base can not be made.
  kStoreStalls,      ///< The store does nothing for a while.
  kStoreForgets,     ///< A crash takes writes of the store that no sync covers.
  kClockBack,
  kClockForward,
  kStop,            ///< An orderly stop and a start.
  kNewLog,          ///< The log is begun anew beside the store, as `quipu log adopt` does.
  kClientGivesUp,   ///< A client waits no longer for an answer that is still to come.
  kClientRepeats,   ///< An event is sent again though it was answered, or by a client that has no ids.
  kClientMistakes,  ///< An id of before with another content: an entry that must be refused.
  // Of the distributed form alone.
  kNodeCrash,          ///< An API node's process ends.
  kWorkerCrash,        ///< A worker's process ends.
  kProcessStalls,      ///< A process does nothing for a while, and goes on as if nothing had been.
  kRebalance,          ///< A partition is to be handed on in order.
  kZombie,             ///< A partition has another owner, and the one before does not know.
  kLost,               ///< A worker hears that a partition is not its own any more.
  kAnswerLost,         ///< A record is in the log, and who wrote it is not told.
  kRecordLost,         ///< A record of unknown fate is not in the log, or not yet.
  kLateRecord,         ///< A record of a producer that was left behind arrives.
  kFetchLate,          ///< Records are there, and a reader gets none of them yet.
  kLogTrimmed,         ///< Records that nobody needs are removed.
  kRecordsRemoved,     ///< Records that nobody has read yet are removed, by brokers that keep them for too short.
  kEndWentBack,        ///< An unclean election: the newest records of a partition are gone.
  kEndBackUnseen,      ///< The same, and it has grown again before anybody asks where it ends.
  kTopicMadeAnew,      ///< The topic was deleted and made again.
  kForeignFrame,       ///< A frame of another log stands in a topic that was made anew.
  kAdoptionEnds,       ///< The process of who adopts the topic ends on the way.
  kPartitionAdded,     ///< The topic gets one more partition.
  kPartitionAway,      ///< A partition of the topic takes no records for a while.
  kReplicaDown,        ///< A node of the store can not be reached for a while.
  kReplicaForgets,     ///< A node of the store starts again without the newest writes that it had acknowledged.
  kWriteMissed,        ///< A node of the store does not get a write.
  kWriteLate,          ///< A node of the store gets a write late.
  kReplicaAnswerLost,  ///< A node of the store has a write, and its answer is lost.
  kStoreTimesOut,      ///< The store does not answer in time, and the request may be done.
  kCacheLost,          ///< The cache loses everything.
  kCacheEvicts,        ///< The cache has no room for all, and what was asked for longest ago goes.
  kCacheDropsCommand,  ///< A command does not reach the cache.
  kCacheDropsReply,    ///< The cache did what it was told, and its reply is lost.
  kCacheStalls,        ///< The cache did what it was told, and replies come much later.
  kClientMoves,        ///< A client goes on at another node.
  kLogGrown,           ///< An operator adds partitions that are to take events.
  kGrowthEnds,         ///< The operator's process ends on the way.
};
inline constexpr std::size_t kFaults = static_cast<std::size_t>(Fault::kGrowthEnds) + 1;

/// What is simulated: one process with the whole engine, or nodes and workers over a shared log and store.
enum class Form : std::uint8_t { kEmbedded, kDistributed };
inline constexpr std::size_t kForms = 2;

/// Whether it can go wrong in that form.
bool occurs_in(Fault fault, Form form);

/// As in the output: "power cut".
std::string_view name_of(Fault fault);

/// How often each happened.
using FaultCounts = std::array<std::uint64_t, kFaults>;

}  // namespace quipu::sim
