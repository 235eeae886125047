#pragma once

#include <cstddef>
#include <cstdint>

namespace quipu {

/// The bounds of what a client may send or leave unread: `limits.*` in the configuration.
struct NetLimits {
  std::size_t header_bytes_max = 16 << 10;  ///< Request line and headers of one request. Beyond: 431, close.
  std::size_t body_bytes_max = 1 << 20;     ///< Of one request, decoded. Beyond: 413, close.
  std::size_t batch_events_max = 10'000;  ///< Events in one POST /v1/events, commands in one MULTI. Beyond: 413 / -ERR.
  std::size_t counters_per_read_max = 1'000;       ///< `?counter=` of one GET, keys of one MGET. Beyond: 400 / -ERR.
  std::size_t pipeline_requests_max = 10'000;      ///< Requests applied as one batch; more wait for the next turn.
  std::size_t resp_arguments_max = 20'002;         ///< Of one command. Beyond: -ERR Protocol error, close.
  std::size_t resp_argument_bytes_max = 64 << 10;  ///< One argument. Beyond: -ERR Protocol error, close.
  std::size_t resp_inline_bytes_max = 64 << 10;    ///< One inline command. Beyond: -ERR Protocol error, close.
  std::size_t input_bytes_max = 2 << 20;           ///< Unparsed bytes kept of one connection; above header + body.
  std::size_t output_bytes_max = 16 << 20;         ///< Replies not read by the client; above it nothing more is parsed.
  /// Held for all clients together, beyond kClientShareBytes of each: input, replies, batches under way. As much as the
  /// table may leave unflushed, and what 14 clients hold that go to their own two bounds. See ClientsMemory.
  std::size_t clients_bytes_max = 256 << 20;
  std::size_t auth_failures_max = 10;    ///< Wrong API keys on one connection. At the last one: closed.
  std::size_t connections_max = 10'000;  ///< Of each listener. Beyond: accepted, told so, closed.
  std::int64_t idle_ms = 300'000;        ///< A connection without a request is closed after this; 0 = never.
  std::int64_t request_ms = 30'000;      ///< From the first byte of a request to its last. Beyond: 408, close.
  /// A client that reads nothing for so long is closed. Where clients_bytes_max is short, so is one beyond its share
  /// that leaves what could leave then unread for so long, whatever else it reads.
  std::int64_t write_ms = 30'000;
  std::int64_t after_wait_ms_max = 60'000;  ///< The longest `timeout=` of a read with `after=`.
};

// Bounds that nobody needs to change. docs/configuration.md lists them beside the configured ones.

/// HTTP: header fields of one request; beyond: 431, close. Bytes of one chunk's extensions and digits of its size, and
/// bytes of a method; beyond: 400, close.
inline constexpr std::size_t kHttpFieldsMax = 100;
inline constexpr std::size_t kChunkExtensionBytesMax = 256;
inline constexpr std::size_t kChunkSizeDigitsMax = 16;
inline constexpr std::size_t kHttpMethodBytesMax = 32;
/// HTTP: digits of a Content-Length, as many as surely fit into a number; more are beyond any body: 413, close.
inline constexpr std::size_t kContentLengthDigitsMax = 18;

/// RESP: the line that declares an array's or an argument's length, as Redis bounds it. Beyond: -ERR, close.
inline constexpr std::size_t kRespLineBytesMax = std::size_t{64} << 10;
/// RESP: what a client may send that has not given its key, as Redis bounds it. Beyond: -ERR, close.
inline constexpr std::size_t kLoginArgumentsMax = 10;
inline constexpr std::size_t kLoginArgumentBytesMax = std::size_t{16} << 10;
/// RESP: names that clients give themselves, and patterns of SCAN and CONFIG GET. Beyond: -ERR.
inline constexpr std::size_t kClientNameBytesMax = 1'024;
inline constexpr std::size_t kGlobBytesMax = 1'024;

/// What each connection may hold whatever the others do.
inline constexpr std::size_t kClientShareBytes = std::size_t{16} << 10;
/// Replies that the system takes from a connection while its client takes none: as much as it could send in one go.
/// Beyond: they count as limits.output_bytes and limits.write do. Without it the system would hold some MiB of each.
inline constexpr std::size_t kUnsentBytesMax = std::size_t{128} << 10;
/// Connections beyond the limit that are told so at one time; more are closed without a word.
inline constexpr std::size_t kTurnedAwayMax = 64;
/// How long to throw away what a client still sends after the last reply: closing at once would reset the connection,
/// and the client might never see that reply.
inline constexpr std::int64_t kLingerMs = 2'000;

}  // namespace quipu
