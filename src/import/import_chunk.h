#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"
#include "import/sequence_plan.h"

namespace quipu {

/// Bounds of one request.
struct RequestBounds {
  std::size_t events_max = 10'000;         ///< limits.batch_events of a service that nobody configured.
  std::size_t body_bytes_max = 1'000'000;  ///< Below its limits.body_bytes, 1 MiB.
};

/// A body for POST /v1/events, and what stands in it.
struct ImportRequest {
  std::string body;
  std::uint64_t first_sequence = 0;
  std::size_t events = 0;
  std::size_t next = 0;  ///< The index of the event that the next request begins with.
};

/// The paths of one chunk of a log, to be made into requests. Pure: the hash seed is given in, for paths come from
/// strangers.
class ImportChunk {
 public:
  explicit ImportChunk(std::uint64_t hash_seed) : paths_(0, SeededHasher{hash_seed}) {}

  /// Begins chunk `number`, with nothing in it.
  void begin(std::uint64_t number);

  /// The next line; an empty path is a broken one.
  void add(std::string_view path);

  std::uint64_t number() const { return number_; }
  std::uint64_t lines() const { return line_paths_.size(); }  ///< With broken ones.
  std::uint64_t good_lines() const { return good_lines_; }
  bool full() const { return lines() == kChunkLines; }
  /// A path of it; "" where all lines are broken.
  std::string_view any_path() const { return events_.empty() ? std::string_view() : path(events_.front()); }

  /// How many events the chunk is in this form; in kLines as many as lines, of which the broken are left out.
  std::size_t events(ChunkForm form) const { return form == ChunkForm::kPaths ? events_.size() : line_paths_.size(); }

  /// How many good lines the first `count` events stand for.
  std::uint64_t lines_of(ChunkForm form, std::size_t count) const;

  /// The request that begins with event `from` or, where that is a broken line, the next one; nullopt when there is
  /// none. A broken line ends a request, since the sequences within one follow each other.
  std::optional<ImportRequest> request(ChunkForm form, std::size_t from, std::string_view space,
                                       const RequestBounds& bounds) const;

 private:
  struct Event {
    std::size_t at = 0;  ///< Of its path in `names_`.
    std::uint32_t size = 0;
    std::uint32_t count = 0;
  };
  static constexpr std::uint32_t kBroken = 0xffffffff;

  std::string_view path(const Event& event) const { return std::string_view(names_).substr(event.at, event.size); }

  std::uint64_t number_ = 0;
  std::uint64_t good_lines_ = 0;
  std::string names_;
  std::vector<Event> events_;              // In the order in which their paths appear first.
  std::vector<std::uint32_t> line_paths_;  // Of each line, the event with its path, or kBroken.
  boost::unordered_flat_map<std::string_view, std::uint32_t, SeededHasher> paths_;  // Keys are in `names_`.
};

}  // namespace quipu
