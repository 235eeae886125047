#pragma once

#include <string_view>

namespace quipu {

/// What a line of an access log says: the path of the request, or why there is none.
struct LineVerdict {
  std::string_view path;         ///< "" where the line is broken.
  const char* broken = nullptr;  ///< What is wrong; nullptr where nothing is.
};

/// Reads a line of the format common or combined (Apache's and nginx's), also with the name of a virtual host before
/// or more fields behind. `line` is without its end; the path points into it.
///
/// The path is what stands in the request, raw, up to the first `?`: nothing is decoded or made shorter, whatever the
/// method and the status. A line is broken where its form is another, where it has no path, and where the path is no
/// counter's name. Pure.
LineVerdict read_access_log_line(std::string_view line);

/// The path in the text of a request, `GET /a?b HTTP/1.1` or `GET /a`; broken where there is none. Pure.
LineVerdict path_of_request(std::string_view request);

/// `target` up to its `?`, held to what a counter's name can be over JSON: 1 to 1,024 bytes of UTF-8. Pure.
LineVerdict path_of_target(std::string_view target);

}  // namespace quipu
