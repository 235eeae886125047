#pragma once

#include <cstdint>

namespace quipu {

/// How the lines of a chunk are sent.
enum class ChunkForm : std::uint8_t {
  kPaths,  ///< A whole chunk: one event for each path, which adds how many lines had it.
  kLines,  ///< The end of a file, which may grow: one event for each line.
};

/// Lines of one chunk. Written for good: a file that was counted in part is gone on with by the same number.
inline constexpr std::uint64_t kChunkLines = 32'768;

/// How far a source was counted, as its last sequence says.
struct SourcePlace {
  bool begun = false;       ///< Something was counted, or at least the source's first sequence.
  std::uint64_t chunk = 0;  ///< The chunk in which the last sequence lies; those before it are whole.
  ChunkForm form = ChunkForm::kPaths;
  std::uint64_t events = 0;  ///< How many of that chunk's events, in that form; 0: the chunk is not begun.
};

/// Which sequence each event of a log has, so that a repeat is known as one wherever the run before was cut off.
///
///   sequence   1        2 ...                                                2 + 65,536 ...
///              opening  chunk 0: [ 32,768 for lines | 32,768 for paths ]     chunk 1: [ lines | paths ]
///
/// A log is cut into chunks by the numbers of its lines alone: chunk k holds lines 32,768 k + 1 to 32,768 (k + 1). What
/// a chunk's events are, in which order, follows from its bytes, so a repeat sends the same events with the same
/// sequences, however requests were cut. The end of a file that may grow is the exception: its lines are sent one by
/// one, and line i of the chunk has sequence i of the chunk's first half. Both halves of one chunk never mix: a chunk
/// that was begun by lines is finished by lines, and the last sequence says which it was. A broken line uses up its
/// number. Sequence 1 is an event that adds nothing: a service takes an unknown source from 1 on only. Pure.
constexpr std::uint64_t kOpeningSequence = 1;

/// The sequence of the event with this index (from 0) in a chunk.
constexpr std::uint64_t sequence_of(std::uint64_t chunk, ChunkForm form, std::uint64_t index) {
  return kOpeningSequence + 1 + chunk * 2 * kChunkLines + (form == ChunkForm::kPaths ? kChunkLines : 0) + index;
}

/// What the last sequence of a source says; 0 is a source that nothing is known of.
constexpr SourcePlace place_of(std::uint64_t last_sequence) {
  if (last_sequence == 0) return {};
  if (last_sequence == kOpeningSequence) return {.begun = true};
  const auto at = last_sequence - kOpeningSequence - 1;
  const auto inside = at % (2 * kChunkLines);
  const bool lines = inside < kChunkLines;
  return {true, at / (2 * kChunkLines), lines ? ChunkForm::kLines : ChunkForm::kPaths,
          (lines ? inside : inside - kChunkLines) + 1};
}

}  // namespace quipu
