#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "load/key_distribution.h"
#include "load/latency_histogram.h"
#include "load/load_requests.h"
#include "load/reply_counter.h"

namespace quipu {

/// What `quipu bench load` was asked to do.
struct LoadOptions {
  LoadProtocol protocol = LoadProtocol::kResp;
  std::string host = "127.0.0.1";
  std::uint16_t port = 6380;
  std::string space = "views";
  Spread spread = Spread::kZipf;
  std::uint64_t keys = 100'000;
  std::uint32_t connections = 50;
  std::uint32_t pipeline = 16;  ///< Requests that a connection sends before it waits for all of their replies.
  std::uint32_t batch = 1;      ///< HTTP: events of a request, a multiple of which `events` must be.
  bool ids = false;             ///< HTTP: each event has an id of its own.
  std::uint64_t events = 0;     ///< Events in all; 0 = as many as `seconds` allows.
  double seconds = 0;           ///< With events == 0: how long to send.
  std::uint64_t seed = 1;
  std::uint32_t name_bytes = kKeyNameBytes;  ///< Length of every key's name, kKeyNameBytes or more.
  /// 0: closed loop. Else open loop: so many events a second are sent when their time has come, however late the
  /// replies are, in batches of `pipeline`; a latency counts from the intended time.
  double rate = 0;
  std::uint32_t idle_connections = 0;  ///< Connections beside the busy ones that never say anything.
};

/// What came of it.
struct LoadReport {
  std::uint64_t sent = 0;  ///< Events handed to the system, in full or in part.
  ReplyTally replies;      ///< In events: a request's reply is that of each of its events.
  std::uint64_t lost = 0;  ///< Sent, but the connection ended first: perhaps counted.
  std::uint32_t connections_lost = 0;
  double seconds = 0;           ///< From the first byte sent to the last reply.
  LatencyHistogram latency;     ///< From the sending of a request's batch, or its intended time, to its reply.
  std::uint32_t idle_lost = 0;  ///< Idle connections that the server closed.
  double cpu_seconds = 0;       ///< Processor time of this thread while it sent and received.
  bool interrupted = false;
  std::string trouble;  ///< Why the first connection was lost.

  double cpu_us_per_event() const {
    return replies.replies() > 0 ? cpu_seconds * 1e6 / static_cast<double>(replies.replies()) : 0;
  }
  double accepted_per_second() const { return seconds > 0 ? static_cast<double>(replies.accepted) / seconds : 0; }
};

/// Sends the load over plain sockets from the calling thread alone, and counts every reply. `interrupted` is asked
/// often; once true, nothing more is sent and what is under way is waited for, for at most 10 seconds. `progress` is
/// told about once a second how many events were replied to. kUnknown when no connection can be made.
Result<LoadReport> run_load(const LoadOptions& options, const std::function<bool()>& interrupted,
                            const std::function<void(std::uint64_t replies, double seconds)>& progress);

/// The report for people, and as one JSON object.
std::string load_report_text(const LoadOptions& options, const LoadReport& report);
std::string load_report_json(const LoadOptions& options, const LoadReport& report);

}  // namespace quipu
