#include "import/import_run.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "import/access_log_line.h"
#include "import/import_chunk.h"
#include "import/import_record.h"
#include "import/json_log_line.h"
#include "import/log_digest.h"
#include "import/log_file.h"
#include "import/sequence_plan.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = ImportFailure::Kind;
using std::chrono::milliseconds;

/// Durable whatever the namespace's policy is: what an answer without it counts, a crash could take back, and the
/// sequences behind it would pass over the loss.
const std::string kEventsPath = "/v1/events?ack=durable";
constexpr std::int64_t kRetryMsMin = 50;
constexpr std::int64_t kRetryMsMax = 2'000;
constexpr std::int64_t kSliceMs = 50;
constexpr std::uint64_t kLinesBetweenLooks = 4'096;

/// One file on its way to the service.
class Run {
 public:
  Run(const std::string& path, const ImportOptions& options, Service& service, const ImportObserver& observer,
      ImportReport& report)
      : path_(path),
        options_(options),
        service_(service),
        observer_(observer),
        report_(report),
        json_(options.field),
        chunk_(options.hash_seed) {}

  std::optional<ImportFailure> run();

 private:
  using Failed = std::optional<ImportFailure>;

  Failed read_all(LogFile& file);
  Failed take_line(std::string_view line, bool cut);
  Failed begin_source(std::string_view first_line);
  Failed ask_last_sequence(std::uint64_t& last);
  Failed choose_checks();
  Failed check_place();
  Failed send_chunk(ChunkForm wish);
  Failed send_events(ChunkForm form, std::uint64_t already);
  Failed open_source();
  Failed post(const std::string& body, std::uint64_t first_sequence, ServiceAnswer& answer);
  Failed wait_and_retry(const ServiceAnswer& answer, Clock::time_point failing_since, std::int64_t& pause_ms);
  Failed note(const ImportNotes& notes);

  LineVerdict path_of(std::string_view line, bool cut);
  bool interrupted() const { return observer_.interrupted && observer_.interrupted(); }
  void tell() const {
    if (observer_.progress) observer_.progress(report_);
  }
  ImportFailure service_failure(const ServiceAnswer& answer) const;
  ImportFailure another_log(const std::string& what) const;
  ImportFailure stopped() const { return {Kind::kInterrupted, ServiceOutcome::kDone, "interrupted", kAgain}; }

  static constexpr const char* kAgain = "run the same command again: it goes on, and counts nothing twice";

  const std::string& path_;
  const ImportOptions& options_;
  Service& service_;
  const ImportObserver& observer_;
  ImportReport& report_;
  JsonLogLineReader json_;
  ImportChunk chunk_;
  LogDigest digest_;
  LogPlace chunk_start_;
  std::optional<ImportRecord> record_;
  SourcePlace place_;               // What the service had when the run began.
  bool opened_ = false;             // The service knows the source.
  std::vector<LogPlace> to_check_;  // Rising; what was counted before must be this log.
  RequestBounds bounds_;
};

std::optional<ImportFailure> Run::run() {
  report_.file = path_;
  auto file = LogFile::open(path_, observer_.interrupted);
  if (!file && interrupted()) return stopped();
  if (!file) return ImportFailure{Kind::kFile, ServiceOutcome::kDone, file.error().what, "give the path of a log"};
  report_.file_bytes = file->file_bytes();
  auto failed = read_all(*file);
  report_.file_bytes_read = file->bytes_read();
  report_.text_bytes = file->text_bytes();
  tell();
  return failed;
}

Run::Failed Run::read_all(LogFile& file) {
  chunk_.begin(0);
  while (true) {
    const auto line = file.next_line();
    if (!line && interrupted()) return stopped();
    if (!line) return ImportFailure{Kind::kFile, ServiceOutcome::kDone, line.error().what, kAgain};
    if (!*line) break;
    if (auto failed = take_line(**line, file.line_cut())) return failed;
    if (chunk_.full()) {
      if (auto failed = send_chunk(ChunkForm::kPaths)) return failed;
      chunk_start_ = {report_.lines, digest_.text()};
      chunk_.begin(chunk_.number() + 1);
    }
    if (report_.lines % kLinesBetweenLooks == 0) {
      report_.file_bytes_read = file.bytes_read();
      report_.text_bytes = file.text_bytes();
      tell();
      if (interrupted()) return stopped();
    }
  }
  if (!file.unfinished_line().empty() && options_.count_unfinished) {
    if (auto failed = take_line(file.unfinished_line(), false)) return failed;
  } else {
    report_.unfinished = !file.unfinished_line().empty();
  }
  if (!to_check_.empty()) {
    return another_log("it has " + std::to_string(report_.lines) + " lines, but " +
                       std::to_string(to_check_.front().lines) + " were counted of this source");
  }
  if (chunk_.lines() > 0) {
    if (auto failed = send_chunk(chunk_.full() ? ChunkForm::kPaths : ChunkForm::kLines)) return failed;
  }
  if (!record_ || report_.new_lines == 0) return std::nullopt;
  return note({{report_.lines, digest_.text()}, std::nullopt, ChunkForm::kPaths});
}

LineVerdict Run::path_of(std::string_view line, bool cut) {
  if (cut) return {{}, "the line is longer than 1 MiB"};
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line.starts_with('{') ? json_.read(line) : read_access_log_line(line);
}

Run::Failed Run::take_line(std::string_view line, bool cut) {
  if (!record_) {
    if (auto failed = begin_source(line)) return failed;
  }
  ++report_.lines;
  digest_.add(line);
  const auto verdict = path_of(line, cut);
  chunk_.add(verdict.path);
  if (verdict.broken != nullptr) {
    ++report_.broken;
    if (observer_.broken_line) observer_.broken_line(report_, verdict.broken);
  }
  return to_check_.empty() ? std::nullopt : check_place();
}

Run::Failed Run::begin_source(std::string_view first_line) {
  report_.source = options_.source.empty() ? source_of_first_line(first_line) : options_.source;
  auto record = ImportRecord::open(options_.state_directory, service_.server(), options_.space, report_.source);
  if (!record) {
    const bool taken = record.error().code == Code::kRefused;
    return ImportFailure{Kind::kNotes, ServiceOutcome::kDone, record.error().what,
                         taken ? "" : "--state-dir and QUIPU_STATE_DIR name another directory"};
  }
  record_.emplace(std::move(*record));
  std::uint64_t last = 0;
  if (auto failed = ask_last_sequence(last)) return failed;
  place_ = place_of(last);
  opened_ = place_.begun;
  return choose_checks();
}

Run::Failed Run::ask_last_sequence(std::uint64_t& last) {
  const auto path = "/v1/sources/" + percent_encoded(options_.space) + "/" + percent_encoded(report_.source);
  const auto since = Clock::now();
  std::int64_t pause_ms = kRetryMsMin;
  while (true) {
    const auto answer = service_.get(path);
    if (answer.done()) {
      const auto object = nlohmann::json::parse(answer.body, nullptr, false);
      if (object.is_object() && object.contains("last_sequence") && object["last_sequence"].is_number_unsigned()) {
        last = object["last_sequence"].get<std::uint64_t>();
        return std::nullopt;
      }
      return service_failure({ServiceOutcome::kUnknown, answer.status, "",
                              "the service's answer about the source has no "
                              "last_sequence"});
    }
    if (answer.outcome == ServiceOutcome::kNotFound) {  // The namespace is not there yet.
      last = 0;
      return std::nullopt;
    }
    // Nothing was begun: a service that is not there is said at once.
    if (answer.outcome == ServiceOutcome::kUnreachable) return service_failure(answer);
    if (auto failed = wait_and_retry(answer, since, pause_ms)) return failed;
  }
}

/// Decides what of the notes must agree with the file before anything is sent.
Run::Failed Run::choose_checks() {
  const auto& notes = record_->notes();
  const bool counted = place_.events > 0 || place_.chunk > 0;
  if (!counted) {
    if (notes && notes->counted.lines > 0 && !options_.anew) {
      return ImportFailure{
          Kind::kNotes, ServiceOutcome::kDone,
          "the service does not know this source, but " + std::to_string(notes->counted.lines) +
              " lines of it were counted there before: its data is new, or it has forgotten the source",
          "if its data is new, run this again with --anew; else those lines would count twice"};
    }
    return std::nullopt;
  }
  if (!notes) {
    if (options_.unchecked) return std::nullopt;
    return ImportFailure{Kind::kNotes, ServiceOutcome::kDone,
                         "the service has counted this source before, but no notes on this machine say what that was",
                         "if it was this log, run this again with --unchecked: it goes on behind what is counted; if "
                         "it was another that begins alike, give this one a name: --source NAME"};
  }
  const auto begin = place_.chunk * kChunkLines;
  const auto known = place_.form == ChunkForm::kLines ? begin + place_.events : begin + kChunkLines;
  if (notes->counted.lines > known && !options_.unchecked) {
    return ImportFailure{Kind::kNotes, ServiceOutcome::kDone,
                         "the service has " + std::to_string(known) + " lines of this source, but " +
                             std::to_string(notes->counted.lines) + " were counted before: was it restored?",
                         "run this again with --unchecked, and the lines that it lost are counted again"};
  }
  if (notes->counted.lines > 0) to_check_.push_back(notes->counted);
  // Of what was being sent the service has something exactly if it has more than what was counted.
  const bool received = place_.form == ChunkForm::kLines ? known > notes->counted.lines : begin >= notes->counted.lines;
  if (notes->sending && received && notes->sending->lines > notes->counted.lines) to_check_.push_back(*notes->sending);
  return std::nullopt;
}

Run::Failed Run::check_place() {
  if (report_.lines != to_check_.front().lines) return std::nullopt;
  if (digest_.text() != to_check_.front().digest) {
    return another_log("its first " + std::to_string(report_.lines) + " lines are not those that were counted");
  }
  to_check_.erase(to_check_.begin());
  return std::nullopt;
}

Run::Failed Run::send_chunk(ChunkForm wish) {
  if (chunk_.number() < place_.chunk) {
    report_.already_counted += chunk_.good_lines();
    return std::nullopt;
  }
  const auto& notes = record_->notes();
  const LogPlace here{report_.lines, digest_.text()};
  auto form = wish;
  std::uint64_t already = 0;
  if (chunk_.number() == place_.chunk && place_.events > 0) {
    form = place_.form;
    already = chunk_.lines_of(form, place_.events);
    if (form == ChunkForm::kPaths && !chunk_.full()) {
      return another_log("it has " + std::to_string(report_.lines) + " lines, fewer than were counted of this source");
    }
  } else if (notes && notes->sending && notes->form == ChunkForm::kLines &&
             notes->sending->lines > chunk_start_.lines && notes->sending->lines <= chunk_start_.lines + kChunkLines &&
             place_.begun) {
    form = ChunkForm::kLines;  // That request is perhaps still on its way.
  }
  report_.already_counted += already;
  if (chunk_.good_lines() == 0) return std::nullopt;
  const bool further =
      notes && notes->counted.lines > chunk_start_.lines && notes->counted.lines <= here.lines && already > 0;
  if (auto failed = note({further ? notes->counted : chunk_start_, here, form})) return failed;
  if (!opened_) {
    if (auto failed = open_source()) return failed;
  }
  return send_events(form, already);
}

/// Sends the whole chunk, also what the service has of it: it knows each event by its sequence, and one that it lost
/// in between would otherwise stay lost.
Run::Failed Run::send_events(ChunkForm form, std::uint64_t already) {
  std::size_t from = 0;
  std::uint64_t counted = already;
  while (const auto request = chunk_.request(form, from, options_.space, bounds_)) {
    if (interrupted()) return stopped();
    ServiceAnswer answer;
    if (auto failed = post(request->body, request->first_sequence, answer)) return failed;
    if (answer.outcome == ServiceOutcome::kTooLarge) {
      if (request->events == 1) return service_failure(answer);
      bounds_.events_max = std::max<std::size_t>(1, request->events / 2);  // Cut anew: the sequences stay.
      continue;
    }
    from = request->next;
    const auto up_to = chunk_.lines_of(form, from);
    if (up_to > counted) {
      report_.new_lines += up_to - counted;
      counted = up_to;
    }
  }
  return std::nullopt;
}

Run::Failed Run::open_source() {
  nlohmann::ordered_json event = {{"namespace", options_.space}, {"counter", chunk_.any_path()}, {"delta", 0}};
  ServiceAnswer answer;
  if (auto failed = post(event.dump() + "\n", kOpeningSequence, answer)) return failed;
  if (!answer.done()) return service_failure(answer);
  opened_ = true;
  return std::nullopt;
}

/// Answers when the service has taken it, or finds it too large.
Run::Failed Run::post(const std::string& body, std::uint64_t first_sequence, ServiceAnswer& answer) {
  const Service::Fields fields = {{"Quipu-Source", report_.source}, {"Quipu-Sequence", std::to_string(first_sequence)}};
  const auto since = Clock::now();
  std::int64_t pause_ms = kRetryMsMin;
  while (true) {
    answer = service_.post(kEventsPath, "application/x-ndjson", body, fields);
    if (answer.done() || answer.outcome == ServiceOutcome::kTooLarge) return std::nullopt;
    if (auto failed = wait_and_retry(answer, since, pause_ms)) return failed;
  }
}

/// Waits before the same request is sent again, which is safe: its sequences are the same. Fails where that is of no
/// use, or the time for it is over.
Run::Failed Run::wait_and_retry(const ServiceAnswer& answer, Clock::time_point failing_since, std::int64_t& pause_ms) {
  const bool passes = answer.outcome == ServiceOutcome::kBusy || answer.outcome == ServiceOutcome::kUnknown ||
                      answer.outcome == ServiceOutcome::kUnreachable;
  if (!passes || Clock::now() - failing_since >= milliseconds(options_.wait_ms_max)) return service_failure(answer);
  if (observer_.waiting) observer_.waiting(answer.what);
  const auto until = Clock::now() + milliseconds(std::clamp(answer.retry_after_ms, pause_ms, kRetryMsMax));
  while (Clock::now() < until) {
    if (interrupted()) return stopped();
    std::this_thread::sleep_for(milliseconds(kSliceMs));
    tell();
  }
  pause_ms = std::min(2 * pause_ms, kRetryMsMax);
  return std::nullopt;
}

Run::Failed Run::note(const ImportNotes& notes) {
  if (auto written = record_->write(notes); !written) {
    return ImportFailure{Kind::kNotes, ServiceOutcome::kDone, written.error().what,
                         "--state-dir and QUIPU_STATE_DIR name another directory"};
  }
  return std::nullopt;
}

ImportFailure Run::service_failure(const ServiceAnswer& answer) const {
  std::string remedy = kAgain;
  switch (answer.outcome) {
    case ServiceOutcome::kUnreachable:
      remedy = "start the service (quipu serve) or name it with --server, then " + remedy;
      break;
    case ServiceOutcome::kNotAllowed:
      remedy = "give a key with the rights ingest and read: --key-file FILE or QUIPU_KEY";
      break;
    case ServiceOutcome::kRefused:
    case ServiceOutcome::kNotFound:
    case ServiceOutcome::kTooLarge:
      remedy = "what was counted so far stays counted";
      break;
    default:
      break;
  }
  return {Kind::kService, answer.outcome, answer.what, remedy};
}

ImportFailure Run::another_log(const std::string& what) const {
  return {Kind::kOtherLog, ServiceOutcome::kDone,
          path_ + " begins like a log that was counted before, but " + what +
              ": it is another log, or an older copy. Nothing of it was counted",
          "if it is another log, give it a name of its own: --source NAME"};
}

}  // namespace

std::optional<ImportFailure> import_log(const std::string& path, const ImportOptions& options, Service& service,
                                        const ImportObserver& observer, ImportReport& report) {
  return Run(path, options, service, observer, report).run();
}

}  // namespace quipu
