#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/identifiers.h"
#include "base/result.h"
#include "http/arena.h"
#include "http/json_reader.h"
#include "ingest/namespaces.h"

/// What the bodies of requests say. Unknown and repeated fields are refused, with their name; strings point into the
/// body or into the arena.
namespace quipu {

/// `POST /view`, from any of its forms: JSON, a form, the query, or the video's name alone.
struct ViewFields {
  std::optional<std::string_view> video;
  std::optional<std::string_view> viewer;
  std::optional<std::string_view> event;
};
/// Sets one field by its name on the wire: `video_id`, `viewer_id`, `event_id`.
Result<void> set_view_field(ViewFields& fields, std::string_view name, std::string_view value);
Result<void> read_view_json(std::string_view body, Arena& arena, ViewFields& fields);
Result<void> read_view_form(std::string_view body, Arena& arena, ViewFields& fields);

/// `POST /v1/counters/{namespace}/{counter}`; an empty body means one.
struct AddFields {
  std::int64_t delta = 1;
  std::optional<std::string_view> id;
  std::optional<TimeMs> time;
};
Result<void> read_add(std::string_view body, Arena& arena, AddFields& fields);

/// One event of `POST /v1/events`.
struct EventFields {
  std::string_view space = "default";
  std::string_view counter;
  AddFields add;
};

/// The events of a body, in order: lines of NDJSON, of which blank ones are skipped, or the items of one array.
class EventReader {
 public:
  enum class Form : std::uint8_t { kLines, kArray };
  EventReader(std::string_view body, Form form, Arena& arena);

  /// The next event; false at the end. After an error, `place` says where.
  Result<bool> next(EventFields& fields);

  /// Which line of NDJSON, or which item of the array, was read last; from 1.
  std::uint32_t place() const { return place_; }

 private:
  Result<bool> next_line(EventFields& fields);
  Result<bool> next_item(EventFields& fields);

  std::string_view rest_;
  Form form_;
  Arena& arena_;
  JsonReader array_;
  bool begun_ = false;
  std::uint32_t place_ = 0;
};

/// `PUT /v1/namespaces/{namespace}`: what it does not name gets its default.
Result<NamespacePolicy> read_policy(std::string_view body, Arena& arena);

/// Whether a Content-Type names this media type, whatever parameters stand behind it.
bool is_media_type(std::string_view content_type, std::string_view type);

}  // namespace quipu
