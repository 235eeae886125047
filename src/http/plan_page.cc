#include <string>

#include "base/bytes.h"
#include "base/hash.h"
#include "http/answers.h"
#include "http/plan_work.h"
#include "page/page_files.h"

namespace quipu {
namespace {

/// Nothing but this service's own files: no script or style in the markup, no other host, no frame around it.
constexpr std::string_view kPageFields =
    "Cache-Control: no-cache\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

std::string strong_tag(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string tag = "\"";
  const auto hash = hash64(as_bytes(text), 0);
  for (int shift = 60; shift >= 0; shift -= 4) tag += kDigits[hash >> shift & 15];
  return tag += '"';
}

}  // namespace

/// `/` and the files that it asks for.
void HttpPlanner::plan_page(Work& work) {
  const bool root = work.match.route == HttpRoute::kRoot;
  const PageFile* const file = find_page_file(root ? "index.html" : work.match.first);
  if (file == nullptr) {
    refuse(work, Code::kNotFound, "the page has no such file");
    return;
  }
  const auto tag = strong_tag(file->text);
  const auto fields = std::string("ETag: ").append(tag).append("\r\n").append(kPageFields);
  const auto& known = work.request.if_none_match;
  const bool same = known && names_entity_tag(*known, tag, true);
  HttpPending& pending = work.turn.pending.emplace_back();
  pending.shape = work.shape;
  pending.begin = work.turn.prepared.size();
  writer_.reply(work.turn.prepared, work.shape, same ? 304 : 200, file->content_type, fields, same ? "" : file->text);
  pending.end = work.turn.prepared.size();
}

}  // namespace quipu
