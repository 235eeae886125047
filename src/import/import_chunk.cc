#include "import/import_chunk.h"

#include <algorithm>

#include "event/entry.h"

namespace quipu {
namespace {

/// What stands around a path and its escapes, at most.
constexpr std::size_t kLineSlack = 200;

void append_json_text(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < ' ') {
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

void ImportChunk::begin(std::uint64_t number) {
  number_ = number;
  good_lines_ = 0;
  events_.clear();
  line_paths_.clear();
  paths_.clear();
  names_.clear();
  names_.reserve(kChunkLines * kCounterBytesMax);  // Never moves: the map's keys point into it.
}

void ImportChunk::add(std::string_view path) {
  if (path.empty()) {
    line_paths_.push_back(kBroken);
    return;
  }
  ++good_lines_;
  const auto found = paths_.find(path);
  if (found != paths_.end()) {
    ++events_[found->second].count;
    line_paths_.push_back(found->second);
    return;
  }
  const Event event{names_.size(), static_cast<std::uint32_t>(path.size()), 1};
  names_.append(path);
  const auto index = static_cast<std::uint32_t>(events_.size());
  events_.push_back(event);
  line_paths_.push_back(index);
  paths_.emplace(this->path(event), index);
}

std::uint64_t ImportChunk::lines_of(ChunkForm form, std::size_t count) const {
  std::uint64_t lines = 0;
  if (form == ChunkForm::kPaths) {
    for (std::size_t i = 0; i < std::min(count, events_.size()); ++i) lines += events_[i].count;
  } else {
    for (std::size_t i = 0; i < std::min(count, line_paths_.size()); ++i) lines += line_paths_[i] != kBroken ? 1 : 0;
  }
  return lines;
}

std::optional<ImportRequest> ImportChunk::request(ChunkForm form, std::size_t from, std::string_view space,
                                                  const RequestBounds& bounds) const {
  const bool by_paths = form == ChunkForm::kPaths;
  const auto end = events(form);
  while (!by_paths && from < end && line_paths_[from] == kBroken) ++from;
  if (from >= end) return std::nullopt;
  ImportRequest request;
  request.first_sequence = sequence_of(number_, form, from);
  request.next = from;
  while (request.next < end && request.events < bounds.events_max) {
    const auto index = by_paths ? request.next : line_paths_[request.next];
    if (index == kBroken) break;
    const Event& event = events_[index];
    // A path of control characters alone grows sixfold.
    if (request.events > 0 && request.body.size() + event.size * 6 + kLineSlack > bounds.body_bytes_max) break;
    request.body.append(R"({"namespace":")").append(space).append(R"(","counter":)");
    append_json_text(request.body, path(event));
    if (by_paths && event.count > 1) request.body.append(R"(,"delta":)").append(std::to_string(event.count));
    request.body += "}\n";
    ++request.events;
    ++request.next;
  }
  return request;
}

}  // namespace quipu
