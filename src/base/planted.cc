#include "base/planted.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "base/check.h"

namespace quipu {

#ifdef QUIPU_PLANTED_BUGS

namespace {

constexpr PlantedIn kEmbedded = PlantedIn::kEmbedded;
constexpr PlantedIn kDistributed = PlantedIn::kDistributed;
constexpr PlantedIn kBoth = PlantedIn::kBoth;

constexpr auto kBugs = std::to_array<PlantedBug>({
    // Of both forms.
    {"applied-not-checked", "a replay adds what the row includes already", kBoth},
    {"window-not-renewed", "a repeat does not renew its id", kBoth},
    {"id-hash-truncated", "of an id's hash 8 bits are kept", kBoth},
    {"ids-not-seen-before-watermark", "ids between the base and the watermark are not read again", kBoth},
    {"flush-error-swallowed", "rows whose write failed are taken for stored", kBoth},
    {"row-under-way-evicted", "a row that is on its way to the store may leave the table", kBoth},
    {"reset-without-row", "a reset leaves a shard without a row alone", kBoth},
    {"epoch-ignored", "a total adds up shards of all epochs", kBoth},
    {"retention-eats-unflushed", "the log is trimmed as far as it is durable", kBoth},
    {"dirty-row-evicted", "a row with changes that are not in the store yet may leave the table", kBoth},
    {"chains-not-in-watermark", "no chain table goes to the store with a watermark", kBoth},
    {"chains-newer-than-watermark", "the chains beside a watermark are newer than it", kBoth},
    {"sources-newer-than-watermark", "the sources beside a watermark are newer than it", kBoth},
    {"condition-ignored", "SET and DEL are applied whatever their condition says", kBoth},
    {"retry-after-zero", "who is told to come back is told to do so at once", kBoth},
    {"first-try-told-as-repeat", "the first event with an id is answered as a repeat", kBoth},
    {"id-body-not-compared", "an id that was used for another content is taken for a repeat", kBoth},
    {"row-key-without-generation", "rows of a log begun anew take the place of the older log's rows", kBoth},
    // Of the embedded form.
    {"commit-before-flush", "the watermark goes to the store before the rows below it", kEmbedded},
    {"ack-before-sync", "a write is called durable before it is synced", kEmbedded},
    {"sync-error-ignored", "a sync that failed is taken for done", kEmbedded},
    {"sync-tried-again", "a sync that failed is tried again on the same descriptor", kEmbedded},
    {"directory-not-synced", "a new segment's name is not made durable", kEmbedded},
    {"names-not-synced-at-start", "a name that an ended process gave is taken for durable", kEmbedded},
    {"partition-of-another-hash", "an id's partition depends on a seed that changes at each start", kEmbedded},
    {"windows-newer-than-base", "the windows of ids in a base are newer than the base", kEmbedded},
    {"chain-number-reused", "a start numbers its frames as the one before did", kEmbedded},
    {"failed-sources-forgotten", "sources whose write failed are not written again", kEmbedded},
    {"speculative-row-flushed", "rows go to the store before their frame is durable", kEmbedded},
    {"miss-taken-for-new", "a counter that is not in the table is taken for a new one", kEmbedded},
    {"added-across-reset", "an event is added to an entry before a reset in the same frame", kEmbedded,
     "a worker only replays, and looks at nothing but whether an entry of the frame came before"},
    {"position-too-early", "all that was given out counts as durable when something is", kEmbedded},
    {"read-not-held", "a read is answered before what it shows is durable", kEmbedded},
    {"repeat-not-held", "a repeat is answered before what it repeats is durable", kEmbedded},
    {"reset-of-all-not-held", "a reset of all is answered before the resets that it relies on are durable", kEmbedded},
    {"commit-cut-in-two", "the frames of one commit are two groups on the disk", kEmbedded},
    {"batch-half-applied", "entries before a bad one of their batch are counted", kEmbedded},
    {"total-wraps", "a total beyond 64 bits wraps", kEmbedded},
    {"trimmed-above-base", "the log is trimmed as far as the store is synced", kEmbedded},
    {"torn-tail-accepted", "a group that is not whole counts as written", kEmbedded},
    {"checksum-not-checked", "the checksum of a group is not compared", kEmbedded},
    {"read-error-is-torn-tail", "what can not be read at start counts as torn", kEmbedded},
    {"last-group-not-synced-again", "the last group is not synced once more at start", kEmbedded},
    {"scan-skips-a-row", "a walk over all counters goes on in the store one row too late", kEmbedded},
    {"drain-without-last-flush", "an orderly stop does not wait for the rows that it has to write", kEmbedded},
    {"clock-back-stops-retries", "the log's clock never goes back", kEmbedded},
    // Of the distributed form.
    {"timestamp-without-offset",
     "rows are written with one timestamp, so that the larger bytes win and not the newer row", kDistributed},
    {"row-loaded-at-one", "rows are read from one replica of the store", kDistributed},
    {"read-not-repaired", "a read of two replicas leaves the older one as it is", kDistributed},
    {"positions-met-by-a-copy", "a read with positions is answered by the node's copy where it has one", kDistributed},
    {"chain-gap-ignored", "a frame counts though frames before it in its chain are missing", kDistributed},
    {"rebalance-without-dropping", "a worker goes on with what it had of a partition that was another's meanwhile",
     kDistributed},
    {"flushed-mark-too-early", "readers are told that rows are in the store when they are read", kDistributed},
    {"watermark-before-rows", "a worker writes its watermark before the rows below it", kDistributed},
    {"watermark-without-delay", "a worker writes its watermark before the store has synced the rows below it",
     kDistributed},
    {"reset-not-passed-on", "a RESET stays in its home partition", kDistributed},
    {"older-base-wins", "the base of a former owner takes the place of a newer one", kDistributed},
    {"trimmed-to-watermark", "the log is trimmed as far as the watermark, whatever the base", kDistributed},
    {"age-of-bounds-ignored", "the end of the log that was heard of last counts as its end now", kDistributed},
    {"node-boot-reused", "a node numbers its frames as its start before did", kDistributed},
    {"resent-under-new-number", "a frame that is sent again gets another number", kDistributed},
    {"counter-loaded-twice", "a counter that is asked for twice is loaded twice", kDistributed},
    {"unknown-told-as-busy", "a frame that may be in the log is answered as not counted when it is given up",
     kDistributed},
    {"cache-set-without-guard", "an older row takes the place of a newer one in the cache", kDistributed},
    {"watermark-before-resets", "a worker writes its watermark before all partitions have the RESETs below it",
     kDistributed},
    {"source-overtaken", "later events of a source go to the log though earlier ones were given up", kDistributed},
    {"store-start-ignored", "a worker goes on where the store may have forgotten rows", kDistributed},
    {"own-marks-trusted", "of marks that the store may have forgotten what was written here counts as there",
     kDistributed},
    {"rows-written-unchecked", "rows go to the store though it may have forgotten what was loaded for them",
     kDistributed},
    {"resent-frame-counted", "a frame that stood in the log before counts again", kDistributed},
    {"resent-out-of-order", "frames that are sent again go to the log in the wrong order", kDistributed},
    {"first-touch-trusts-cache", "a worker takes the row of a counter from the cache where that has one", kDistributed},
    {"saturation-lost", "a total that leaves 64 bits wraps", kDistributed,
     "its admission refuses what would leave 64 bits"},
    {"saturation-not-flagged", "a total that is held at an end of 64 bits is not flagged", kDistributed},
    {"added-partitions-at-once", "a node writes to partitions as soon as the log has them", kDistributed},
    {"opened-without-epochs", "added partitions take events without being told of the resets before", kDistributed},
    {"opened-before-watermarks", "added partitions are told of the resets in the rows before all of those are there",
     kDistributed},
    {"generation-not-raised", "a log that is adopted keeps the generation of the one before", kDistributed},
    {"other-frames-adopted", "a log is adopted though another log's frames stand in it", kDistributed},
    {"first-frame-alone-looked-at", "of a log that is adopted each partition's first frame alone is looked at",
     kDistributed},
    {"new-log-looked-at-once", "a log that is adopted is not looked at again before the store counts from it",
     kDistributed},
    {"adopted-at-quorum", "who adopts a log does not ask every replica of the store for resets", kDistributed},
    {"adopted-without-epochs", "a log is adopted without being told of the resets before", kDistributed},
    {"old-positions-met", "positions of a log that is gone are taken for those of the new one", kDistributed},
    {"group-health-ignored", "a worker goes on where the log says that it is another one", kDistributed},
    {"rows-not-given-again", "rows whose write failed are waited for and not written again", kDistributed},
    {"ids-follow-added-partitions", "an id's partition depends on how many partitions take events now", kDistributed},
});

constexpr auto kMarks = std::to_array<std::string_view>({
    "window of ids compacted",
    "oldest id forgotten",
    "chain of an old boot forgotten",
    "frame closed for a second reset",
    "entry not added up with the one before",
    "busy for the store",
    "busy for the log",
    "batch too large",
    "flush failed",
    "base failed",
    "reset of all reads a counter back",
    "reset of all too large",
    "recovery from a base",
    "recovery reads counters back",
    "recovery sees ids alone",
    "recovery flushes before it goes on",
    "direct write refused",
    "log poisoned",
    "segment could not be made",
    "segment could not be removed",
    "segment removed",
    "group torn behind a whole header",
    "torn tail cut",
    "last segment begun anew",
    "worker: the store may have forgotten",
    "worker: its place was trimmed",
    "worker: released before it was flushed",
    "worker: reading pauses",
    "worker: rows are given again",
    "worker: ids from a base",
    "worker: ids from further back",
    "node: a frame is given up",
    "node: a frame is sent again",
    "node: a new boot after silence",
    "node: a source's frame goes with the one before",
    "node: an open frame goes with the one before",
    "node: added partitions take events",
    "growth: tells of a reset",
    "store: a node may have forgotten",
    "store: an older base is refused",
    "shard: held at an end of 64 bits",
    "worker: the end of the log is missed",
    "node: a base from before an own reset",
    "node: a base lacks what was flushed",
    "node: a base may have an event of unknown place",
    "node: a counter begins to be spread",
    "node: a mark is doubted",
    "node: a mark of another log is left",
    "node: a position of another log is refused",
    "adoption: frames of another log are refused",
    "store: the older base stays below the durable mark",
    "reader: a total of the cache is forgotten under way",
    "reader: a total of the store is forgotten under way",
    "cache: an older row loses",
});

constexpr std::size_t kNone = kBugs.size();
std::size_t active = kNone;
std::array<bool, kBugs.size()> passed{};
std::array<std::uint64_t, kMarks.size()> counts{};

}  // namespace

std::span<const PlantedBug> planted_bugs() { return kBugs; }
std::span<const std::string_view> mark_names() { return kMarks; }

void plant(std::string_view bug) {
  const auto* const found = std::ranges::find(kBugs, bug, &PlantedBug::name);
  QUIPU_CHECK(bug.empty() || found != kBugs.end());
  active = bug.empty() ? kNone : static_cast<std::size_t>(found - kBugs.begin());
}

std::size_t place_of(std::string_view bug) {
  const auto* const found = std::ranges::find(kBugs, bug, &PlantedBug::name);
  QUIPU_CHECK(found != kBugs.end());
  return static_cast<std::size_t>(found - kBugs.begin());
}

bool planted(std::size_t place) {
  std::atomic_ref(passed[place]).store(true, std::memory_order_relaxed);
  return active == place;
}

std::vector<bool> take_passed() {
  std::vector<bool> taken(passed.begin(), passed.end());
  passed.fill(false);
  return taken;
}

std::vector<std::uint64_t> mark_counts() { return {counts.begin(), counts.end()}; }

void count_mark(std::string_view name) {
  const auto* const found = std::ranges::find(kMarks, name);
  QUIPU_CHECK(found != kMarks.end());
  std::atomic_ref(counts[static_cast<std::size_t>(found - kMarks.begin())]).fetch_add(1, std::memory_order_relaxed);
}

#else

std::span<const PlantedBug> planted_bugs() { return {}; }
std::span<const std::string_view> mark_names() { return {}; }
void plant(std::string_view bug) { QUIPU_CHECK(bug.empty()); }
std::vector<std::uint64_t> mark_counts() { return {}; }
std::vector<bool> take_passed() { return {}; }

#endif

}  // namespace quipu
