#include "store/cassandra_bases.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/planted.h"

namespace quipu {
namespace {

constexpr std::size_t kChunkBytes = 256 * 1024;
constexpr std::uint32_t kChunksAtOnce = 4;
constexpr std::size_t kBasesKept = 2;

std::unexpected<Error> newer_is_there() {
  return failure(Code::kRefused, "another worker keeps a newer base of the partition");
}

}  // namespace

struct CassandraBases::Writing {
  PartitionId partition{};
  Base base;
  CassandraBase made;
  std::int64_t own_version = 0;
  PutMarks put_marks;
  std::function<void(Result<void>)> then;
  std::vector<CassandraBase> kept;  // Of the list that was there, the older ones.
  std::vector<CassandraBase> dropped;
  std::optional<CassandraBase> unnamed;  // What was written of chunks that no list names.

  Result<void> find_place(std::vector<CassandraBase> list);
};

void CassandraBases::write(PartitionId partition, Base base, const std::function<std::int64_t()>& timestamp,
                           PutMarks put_marks, std::function<void(Result<void>)> then) {
  const auto writing = std::make_shared<Writing>();
  writing->partition = partition;
  writing->made.offset = base.offset;
  writing->made.version = writing->own_version = timestamp();
  writing->made.checksum = static_cast<std::int64_t>(hash64(base.windows, 0));
  writing->base = std::move(base);
  writing->put_marks = std::move(put_marks);
  writing->then = std::move(then);
  place(writing, [this, writing] { put_chunks(writing); });
}

void CassandraBases::place(const std::shared_ptr<Writing>& writing, const std::function<void()>& then) {
  requests_.submit(statements_.all_bases, generation_values(generation_), 1,
                   [this, writing, then](const CassandraAnswer& answer) {
                     auto lists = read_base_lists(answer);
                     auto placed = lists ? writing->find_place(std::move((*lists)[writing->partition]))
                                         : Result<void>(std::unexpected(lists.error()));
                     if (!placed) return fail(writing, std::move(placed.error()));
                     then();
                   });
}

Result<void> CassandraBases::Writing::find_place(std::vector<CassandraBase> list) {
  kept = std::move(list);
  const bool older = std::ranges::any_of(kept, [&](const auto& one) { return one.offset > made.offset; });
  if (older && !QUIPU_PLANTED("older-base-wins")) {
    QUIPU_MARK("store: an older base is refused");
    return newer_is_there();
  }
  // One that is there already, of another worker or by an earlier try, is written once more as it is: two lists of one
  // offset may take turns until the later is everywhere, so neither may name what the other's worker has dropped.
  const auto same = std::ranges::find_if(kept, [&](const auto& one) { return one.offset >= made.offset; });
  if (same != kept.end() && !QUIPU_PLANTED("older-base-wins")) {
    if (same->checksum != made.checksum) return newer_is_there();
    made.version = same->version;
  }
  kept.erase(same, kept.end());
  return {};
}

void CassandraBases::put_chunks(const std::shared_ptr<Writing>& writing) {
  auto& made = writing->made;
  auto& windows = writing->base.windows;
  CassandraValues chunks;
  for (std::size_t at = 0; at < windows.size(); at += kChunkBytes) {
    const auto chunk = ByteView(windows).subspan(at, std::min(kChunkBytes, windows.size() - at));
    chunks.begin(5);
    chunks.put_int(static_cast<std::int32_t>(generation_.value));
    chunks.put_int(writing->partition.value);
    chunks.put_bigint(made.version);
    chunks.put_int(made.chunks++);
    chunks.put_bytes(as_text(chunk));
  }
  windows = {};
  if (made.chunks == 0) return settle_chunks(writing);
  if (made.version == writing->own_version) writing->unnamed = made;
  requests_.submit(statements_.put_chunk, chunks, kChunksAtOnce, [this, writing](const CassandraAnswer& answer) {
    if (auto result = answer.result(); !result) return fail(writing, std::move(result.error()));
    settle_chunks(writing);
  });
}

/// A list that names chunks which nodes forget would have the older base dropped by the next.
void CassandraBases::settle_chunks(const std::shared_ptr<Writing>& writing) {
  health_.settle([this, writing](Result<void> settled) {
    if (!settled) return fail(writing, std::move(settled.error()));
    writing->put_marks([this, writing](Result<Offset> sure) {
      if (!sure) return fail(writing, std::move(sure.error()));
      // Once more: a worker that owned the partition before may have named one meanwhile.
      place(writing, [this, writing, sure = *sure] { put_list(writing, sure); });
    });
  });
}

/// Ends a try of which no list was written.
void CassandraBases::fail(const std::shared_ptr<Writing>& writing, Error error) {
  if (writing->unnamed) drop_chunks(writing->partition, {*writing->unnamed});
  writing->then(std::unexpected(std::move(error)));
}

void CassandraBases::put_list(const std::shared_ptr<Writing>& writing, Offset sure) {
  auto& kept = writing->kept;
  while (kept.size() >= kBasesKept) {
    // Who has to go by the durable mark needs a base at or below it: the older one stays where the next is above.
    const auto goes = kept[1].offset <= sure ? kept.begin() : kept.begin() + 1;
    if (goes != kept.begin()) QUIPU_MARK("store: the older base stays below the durable mark");
    writing->dropped.push_back(*goes);
    kept.erase(goes);
  }
  kept.push_back(writing->made);
  // Another worker has written the same meanwhile.
  if (writing->unnamed && writing->unnamed->version != writing->made.version) {
    writing->dropped.push_back(*writing->unnamed);
  }
  CassandraValues list;
  list.begin(4);
  list.put_int(static_cast<std::int32_t>(generation_.value));
  list.put_int(writing->partition.value);
  put_bases(list, kept);
  // By the offset, as all that has to lose when it is older: another worker that believes it owns the partition may
  // write later what is older.
  list.put_bigint(QUIPU_PLANTED("older-base-wins")
                      ? writing->made.version
                      : timestamp_base_ + static_cast<std::int64_t>(writing->made.offset.value));
  requests_.submit(statements_.put_bases, list, 1, [this, writing](const CassandraAnswer& answer) {
    if (auto result = answer.result(); !result) return writing->then(std::move(result));
    health_.settle([this, writing](Result<void> settled) {
      if (!settled) return writing->then(std::move(settled));
      believe(writing);
    });
  });
}

/// The list is on disk, if it has not lost against a newer one.
void CassandraBases::believe(const std::shared_ptr<Writing>& writing) {
  requests_.submit(statements_.all_bases, generation_values(generation_), 1,
                   [this, writing](const CassandraAnswer& answer) {
                     const auto lists = read_base_lists(answer);
                     if (!lists) return writing->then(std::unexpected(lists.error()));
                     const auto list = lists->find(writing->partition);
                     if (list == lists->end() || list->second != writing->kept) return writing->then(newer_is_there());
                     durable_[writing->partition] = writing->kept;
                     drop_chunks(writing->partition, writing->dropped);
                     writing->then({});
                   });
}

void CassandraBases::drop_chunks(PartitionId partition, const std::vector<CassandraBase>& dropped) {
  CassandraValues values;
  for (const CassandraBase& base : dropped) {
    values.begin(3);
    values.put_int(static_cast<std::int32_t>(generation_.value));
    values.put_int(partition.value);
    values.put_bigint(base.version);
  }
  // What a failure leaves behind takes room, and nothing names it.
  if (values.executions() > 0) requests_.submit(statements_.drop_chunks, values, 1, [](const CassandraAnswer&) {});
}

Result<CassandraBaseLists> CassandraBases::lists() {
  return read_base_lists(requests_.session().call(statements_.all_bases, generation_values(generation_)));
}

Result<std::optional<Base>> CassandraBases::newest(PartitionId partition, Offset offset) {
  auto all = lists();
  if (!all) return std::unexpected(all.error());
  const auto& list = (*all)[partition];
  std::optional<Error> damage;
  for (auto base = list.rbegin(); base != list.rend(); ++base) {
    if (base->offset > offset) continue;
    auto windows = read_windows(requests_.session(), statements_, generation_, partition, *base);
    if (windows && *windows) return Base{base->offset, **std::move(windows)};
    // Nodes forgot a chunk of a base that was not sure yet, by which nothing was trimmed; or a newer owner has just
    // dropped it, and its own base is in the next list.
    if (windows) continue;
    if (windows.error().code != Code::kDamaged) return std::unexpected(windows.error());
    if (!damage) damage = windows.error();
  }
  if (damage) return std::unexpected(*damage);
  return std::nullopt;
}

void CassandraBases::note_durable(const CassandraBaseLists& lists) {
  for (const auto& [partition, list] : lists) durable_.try_emplace(partition, list);
}

Offset CassandraBases::oldest(PartitionId partition) const {
  const auto at = durable_.find(partition);
  return at == durable_.end() || at->second.empty() ? kNoOffset : at->second.front().offset;
}

}  // namespace quipu
