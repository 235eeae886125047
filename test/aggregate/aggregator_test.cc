#include "aggregate/aggregator.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "event/frame.h"

namespace quipu {
namespace {

constexpr Generation kGeneration{1};
constexpr ShardId kShard{kGeneration, PartitionId{1}};
constexpr std::uint16_t kPartitions = 2;
const HashSecret kSecret{5, 6};
const AggregatorOptions kOptions{20, 10};

LogIdentity identity() {
  LogIdentity made;
  made.generation = kGeneration;
  return made;
}

IdHash id_of(std::uint64_t number) { return {{number * 0x9e3779b97f4a7c15, number * 0xc2b2ae3d27d4eb4f}, 0}; }

Entry plain(std::string_view counter, std::int64_t delta) {
  Entry entry;
  entry.space = "default";
  entry.counter = counter;
  entry.delta = delta;
  return entry;
}
Entry with_id(std::string_view counter, std::int64_t delta, std::uint64_t id) {
  Entry entry = plain(counter, delta);
  entry.group = GroupKind::kIds;
  entry.id = id_of(id);
  return entry;
}
Entry of_source(std::string_view counter, std::int64_t delta, std::uint64_t source, std::uint64_t sequence) {
  Entry entry = plain(counter, delta);
  entry.group = GroupKind::kSource;
  entry.source = id_of(source).id;
  entry.sequence = sequence;
  return entry;
}
Entry reset_of(std::string_view counter, Epoch epoch = {}) {
  Entry entry = plain(counter, 0);
  entry.kind = EntryKind::kReset;
  entry.events = 0;
  entry.epoch = epoch;
  return entry;
}

struct Written {
  Offset offset;
  Bytes bytes;
};

Written frame_at(std::uint64_t offset, NodeIdentity writer, std::uint64_t number, const std::vector<Entry>& entries) {
  FrameHeader header;
  header.identity = identity();
  header.partition = kShard.partition;
  header.writer = writer;
  header.number = number;
  FrameEncoder encoder;
  encoder.begin(header);
  for (const Entry& entry : entries) encoder.add(entry);
  const auto bytes = encoder.finish();
  return {Offset{offset}, Bytes(bytes.begin(), bytes.end())};
}

/// A worker of one partition, alone.
struct Worker {
  LiveTotals totals{1, kSecret, kGeneration, kPartitions};
  NamespaceRegistry spaces{10, true, 1};
  Aggregator aggregator{kShard, kOptions};
  std::vector<Aggregator::Reset> resets;
  std::uint64_t saturations = 0;

  Worker() { totals.set_complete(true); }

  Result<void> replay(const Written& written) {
    const auto frame = decode_frame(written.bytes);
    EXPECT_TRUE(frame.has_value());
    return aggregator.replay(*frame, written.offset, totals, spaces, resets, saturations);
  }
  void see_ids(const Written& written) { aggregator.see_ids(*decode_frame(written.bytes)); }

  /// A row that the store had at start.
  void load(std::string_view counter, const Row& row) {
    RowBatch rows;
    rows.add(0, "default", counter, kShard, row);
    totals.count_existing(spaces.restore("default"), rows.items());
    totals.load(spaces.restore("default"), rows, rows.items());
  }
  Row row(std::string_view counter) {
    const auto index = totals.table().find(spaces.restore("default"), counter);
    return index == kNoCounter ? Row{} : totals.table().shard(index, kShard).row;
  }
  std::map<std::string, Row> rows() {
    std::map<std::string, Row> all;
    std::vector<std::string> names;
    RecordArena::Position from;
    totals.table().walk(from, 1'000'000,
                        [&](NamespaceId, std::string_view name, const Total&) { names.emplace_back(name); });
    for (const auto& name : names) all[name] = row(name);
    return all;
  }
};

const NodeIdentity kWriter{7, 1};

TEST(Aggregator, AddsWhatEachEntryOfAFrameSays) {
  Worker worker;
  ASSERT_TRUE(worker.replay(frame_at(4, kWriter, 1, {plain("a", 5), plain("b", -2), plain("a", 3)})).has_value());
  EXPECT_EQ(worker.row("a"), (Row{8, 2, Epoch{}, Offset{4}, 0}));
  EXPECT_EQ(worker.row("b"), (Row{-2, 1, Epoch{}, Offset{4}, 0}));
  EXPECT_EQ(worker.aggregator.read(), Offset{4});
}

TEST(Aggregator, CountsAFrameThatWasSentTwiceOnce) {
  Worker worker;
  ASSERT_TRUE(worker.replay(frame_at(1, kWriter, 1, {plain("a", 5)})).has_value());
  ASSERT_TRUE(worker.replay(frame_at(2, kWriter, 1, {plain("a", 5)})).has_value());
  EXPECT_EQ(worker.row("a"), (Row{5, 1, Epoch{}, Offset{1}, 0}));
  EXPECT_EQ(worker.aggregator.read(), Offset{2});
}

TEST(Aggregator, SeesTheIdsOfAFrameThatItDrops) {
  // A rebuild of the window knows no chain and sees them too: both must come to the same window.
  Worker worker;
  ASSERT_TRUE(worker.replay(frame_at(1, kWriter, 1, {plain("a", 1)})).has_value());
  ASSERT_TRUE(worker.replay(frame_at(2, kWriter, 1, {with_id("a", 1, 9)})).has_value());
  EXPECT_EQ(worker.row("a").total, 1);
  ASSERT_TRUE(worker.replay(frame_at(3, kWriter, 2, {with_id("a", 1, 9)})).has_value());
  EXPECT_EQ(worker.row("a").total, 1);
}

/// It comes so late that nobody knows its chain any more: its client has sent it again, or will.
TEST(Aggregator, CountsOfAFrameOfABootThatIsLongOverWhatHasAnId) {
  Worker worker;
  for (std::uint32_t boot = 2; boot < 2 + ChainTable::kBootsKept; ++boot) {
    ASSERT_TRUE(worker.replay(frame_at(boot, {7, boot}, 1, {plain("b", 1)})).has_value());
  }
  ASSERT_TRUE(worker.replay(frame_at(10, {7, 1}, 1, {plain("a", 4), with_id("a", 1, 9), of_source("a", 16, 1, 1)}))
                  .has_value());
  EXPECT_EQ(worker.row("a").total, 1) << "whether the others were counted is not known";
  ASSERT_TRUE(worker.replay(frame_at(11, {7, 5}, 2, {with_id("a", 1, 9)})).has_value());
  EXPECT_EQ(worker.row("a").total, 1) << "once";
  ASSERT_TRUE(worker.replay(frame_at(12, {7, 1}, 1, {with_id("a", 1, 9)})).has_value());
  EXPECT_EQ(worker.row("a").total, 1) << "once, though it came twice";
}

TEST(Aggregator, StopsAtAGapWithNothingApplied) {
  Worker worker;
  ASSERT_TRUE(worker.replay(frame_at(1, kWriter, 1, {plain("a", 5)})).has_value());
  const auto before = worker.aggregator.chains();
  const auto replayed =
      worker.replay(frame_at(2, kWriter, 3, {plain("a", 5), with_id("a", 1, 9), of_source("a", 1, 4, 1)}));
  ASSERT_FALSE(replayed.has_value());
  EXPECT_EQ(replayed.error().code, Code::kDamaged);
  EXPECT_NE(replayed.error().what.find("partition 1, offset 2"), std::string::npos) << replayed.error().what;
  EXPECT_EQ(worker.row("a"), (Row{5, 1, Epoch{}, Offset{1}, 0}));
  EXPECT_EQ(worker.aggregator.read(), Offset{1});
  EXPECT_EQ(worker.aggregator.chains(), before);
  EXPECT_EQ(worker.aggregator.ids().size(), 0u);
  EXPECT_EQ(worker.aggregator.sources().size(), 0u);
}

TEST(Aggregator, CountsAnIdAndASequenceOnce) {
  Worker worker;
  ASSERT_TRUE(
      worker.replay(frame_at(1, kWriter, 1, {with_id("a", 1, 1), with_id("a", 1, 1), with_id("a", 4, 2)})).has_value());
  EXPECT_EQ(worker.row("a").total, 5);
  ASSERT_TRUE(worker.replay(frame_at(2, kWriter, 2, {of_source("a", 16, 1, 1), of_source("a", 64, 1, 2)})).has_value());
  ASSERT_TRUE(
      worker.replay(frame_at(3, kWriter, 3, {of_source("a", 64, 1, 2), of_source("a", 256, 1, 3)})).has_value());
  EXPECT_EQ(worker.row("a").total, 5 + 16 + 64 + 256);
}

TEST(Aggregator, BeginsAnEpochAtTheOffsetOfAResetAndPassesItOn) {
  Worker worker;
  ASSERT_TRUE(worker.replay(frame_at(5, kWriter, 1, {plain("a", 9), reset_of("a"), plain("a", 2)})).has_value());
  const auto epoch = epoch_of(kGeneration, Offset{5});
  EXPECT_EQ(worker.row("a"), (Row{2, 1, epoch, Offset{5}, 0}));
  ASSERT_EQ(worker.resets.size(), 1u);
  EXPECT_EQ(worker.resets[0].epoch, epoch);
}

TEST(Aggregator, WritesARowForAPassedOnResetEvenWhereThereWasNone) {
  Worker worker;
  ASSERT_TRUE(worker.replay(frame_at(5, kWriter, 1, {reset_of("a", Epoch{77})})).has_value());
  EXPECT_EQ(worker.row("a"), (Row{0, 0, Epoch{77}, Offset{5}, 0}));
  EXPECT_EQ(worker.totals.take_dirty().size(), 1u);
  EXPECT_TRUE(worker.resets.empty()) << "only the home partition passes it on";
  ASSERT_TRUE(worker.replay(frame_at(6, kWriter, 2, {plain("a", 3), reset_of("a", Epoch{77})})).has_value());
  EXPECT_EQ(worker.row("a"), (Row{3, 1, Epoch{77}, Offset{6}, 0})) << "the same epoch again changes nothing";
}

TEST(Aggregator, PassesAResetOnAlsoWhereTheRowHasItAlready) {
  Worker worker;
  const auto epoch = epoch_of(kGeneration, Offset{5});
  worker.load("a", {2, 1, epoch, Offset{8}, 0});
  ASSERT_TRUE(worker.replay(frame_at(5, kWriter, 1, {reset_of("a")})).has_value());
  EXPECT_EQ(worker.row("a"), (Row{2, 1, epoch, Offset{8}, 0}));
  EXPECT_EQ(worker.resets.size(), 1u);
}

TEST(Aggregator, CountsHowOftenATotalWasHeldAtTheEndOfItsRange) {
  Worker worker;
  const auto most = std::numeric_limits<std::int64_t>::max();
  ASSERT_TRUE(worker.replay(frame_at(1, kWriter, 1, {plain("a", most), plain("a", 1)})).has_value());
  EXPECT_EQ(worker.saturations, 1u);
  EXPECT_EQ(worker.row("a").total, most);
}

/// A log of one partition with everything in it: repeated frames, ids, sources, resets, several writers.
std::vector<Written> random_log(std::mt19937_64& random, std::size_t frames) {
  static const std::vector<std::string> names{"a", "b", "c", "d", "e"};
  std::vector<Written> log;
  std::map<NodeIdentity, std::vector<std::vector<Entry>>> sent;
  std::map<std::uint64_t, std::uint64_t> sequences;
  std::uint64_t offset = 0;
  while (log.size() < frames) {
    offset += 1 + random() % 3;
    const NodeIdentity writer{1 + random() % 2, static_cast<std::uint32_t>(1 + log.size() * 6 / frames)};
    auto& chain = sent[writer];
    if (!chain.empty() && random() % 8 == 0) {
      const auto again = random() % chain.size();
      log.push_back(frame_at(offset, writer, again + 1, chain[again]));
      continue;
    }
    std::vector<Entry> entries;
    for (auto left = 1 + random() % 6; left > 0; --left) {
      const auto& name = names[random() % names.size()];
      const auto delta = static_cast<std::int64_t>(random() % 1'000);
      const auto source = random() % 15;
      switch (random() % 8) {
        case 0:
          entries.push_back(reset_of(name, random() % 2 == 0 ? Epoch{} : epoch_of(kGeneration, Offset{offset})));
          break;
        case 1:
        case 2:
          entries.push_back(with_id(name, delta, random() % 60));
          break;
        case 3:
        case 4:
          sequences[source] += random() % 2;
          if (sequences[source] > 0) entries.push_back(of_source(name, delta, source, sequences[source]));
          break;
        default:
          entries.push_back(plain(name, delta));
      }
    }
    if (entries.empty()) entries.push_back(plain("a", 1));
    chain.push_back(entries);
    log.push_back(frame_at(offset, writer, chain.size(), chain.back()));
  }
  return log;
}

TEST(Aggregator, ComesToTheSameRowsFromAnyEarlierPlaceWithRowsOfAnyAge) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto log = random_log(random, 60);
    const auto mark = random() % log.size();  // Frames below it are included everywhere.

    // Rows as of some frame at or above the mark, each another one; chains and sources as of the mark exactly.
    Worker whole;
    std::vector<std::map<std::string, Row>> history;
    ChainTable chains;
    std::vector<SourceRow> sources;
    for (std::size_t i = 0; i < log.size(); ++i) {
      if (i == mark) {
        chains = whole.aggregator.chains();
        whole.aggregator.sources().take_changes(sources);
      }
      ASSERT_TRUE(whole.replay(log[i]).has_value());
      history.push_back(whole.rows());
    }
    Worker later;
    for (const auto& [name, row] : history.back()) {
      const auto as_of = mark + random() % (log.size() - mark + 1);  // 0 frames up to all of them.
      if (as_of == 0 || !history[as_of - 1].contains(name)) continue;
      later.load(name, history[as_of - 1].at(name));
    }
    later.aggregator.restore_chains(chains);
    for (const SourceRow& row : sources) {
      if (!row.forgotten) later.aggregator.sources().restore(row);
    }
    for (std::size_t i = 0; i < mark; ++i) later.see_ids(log[i]);
    for (std::size_t i = mark; i < log.size(); ++i) ASSERT_TRUE(later.replay(log[i]).has_value());

    ASSERT_EQ(later.rows(), history.back());
    ASSERT_EQ(later.totals.existing(), whole.totals.existing());
    ASSERT_EQ(later.aggregator.chains(), whole.aggregator.chains());
    for (std::uint64_t id = 0; id < 60; ++id) {
      ASSERT_EQ(later.aggregator.ids().find(id_of(id)), whole.aggregator.ids().find(id_of(id)));
    }
    for (std::uint64_t source = 0; source < 15; ++source) {
      ASSERT_EQ(later.aggregator.sources().last(id_of(source).id), whole.aggregator.sources().last(id_of(source).id));
    }
  }
}

}  // namespace
}  // namespace quipu
