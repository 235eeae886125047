#include "import/import_record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "import/log_digest.h"

namespace quipu {
namespace {

constexpr int kVersion = 1;

nlohmann::ordered_json json_of(const LogPlace& place) { return {{"lines", place.lines}, {"digest", place.digest}}; }

LogPlace place_of_json(const nlohmann::json& object) {
  return {object.at("lines").get<std::uint64_t>(), object.at("digest").get<std::string>()};
}

}  // namespace

Result<ImportRecord> ImportRecord::open(const std::string& state_directory, const std::string& server,
                                        const std::string& space, const std::string& source) {
  ImportRecord record;
  record.server_ = server;
  record.space_ = space;
  record.source_ = source;
  const auto directory = state_directory + "/import";
  std::error_code error;
  const bool there = std::filesystem::is_directory(directory, error);
  if (!there) {
    std::filesystem::create_directories(directory, error);
    if (error) return failure(Code::kDamaged, directory + ": cannot be made: " + error.message());
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  }
  record.path_ = directory + "/" + source_of_first_line(server + "\n" + space + "\n" + source) + ".json";
  const auto lock_path = record.path_ + ".lock";
  record.lock_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (record.lock_ < 0) return failure(Code::kDamaged, lock_path + ": cannot be opened: " + std::strerror(errno));
  if (flock(record.lock_, LOCK_EX | LOCK_NB) != 0) {
    return failure(Code::kRefused, "another import of this source is under way on this machine; wait until it is over");
  }
  if (auto read = record.read(); !read) return std::unexpected(read.error());
  return record;
}

ImportRecord::ImportRecord(ImportRecord&& other) noexcept
    : path_(std::move(other.path_)),
      server_(std::move(other.server_)),
      space_(std::move(other.space_)),
      source_(std::move(other.source_)),
      lock_(std::exchange(other.lock_, -1)),
      notes_(std::move(other.notes_)) {}

ImportRecord::~ImportRecord() {
  if (lock_ >= 0) close(lock_);
}

Result<void> ImportRecord::read() {
  std::ifstream in(path_);
  if (!in.is_open()) return {};
  std::stringstream text;
  text << in.rdbuf();
  try {
    const auto object = nlohmann::json::parse(text.str());
    if (object.at("version") != kVersion) throw std::invalid_argument("it is of another version");
    ImportNotes notes;
    notes.counted = place_of_json(object.at("counted"));
    if (object.contains("sending")) {
      notes.sending = place_of_json(object.at("sending"));
      notes.form = object.at("form") == "lines" ? ChunkForm::kLines : ChunkForm::kPaths;
    }
    notes_ = notes;
  } catch (const std::exception& error) {
    return failure(Code::kDamaged, path_ + ": the notes on this source are not readable (" + error.what() +
                                       "). Remove the file and run this again with --unchecked, if the log is the one "
                                       "that was counted before");
  }
  return {};
}

Result<void> ImportRecord::write(const ImportNotes& notes) {
  nlohmann::ordered_json object = {{"version", kVersion},
                                   {"server", server_},
                                   {"namespace", space_},
                                   {"source", source_},
                                   {"counted", json_of(notes.counted)}};
  if (notes.sending) {
    object["sending"] = json_of(*notes.sending);
    object["form"] = notes.form == ChunkForm::kLines ? "lines" : "paths";
  }
  const auto fresh = path_ + ".new";
  {
    std::ofstream out(fresh, std::ios::trunc);
    out << object.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    out.flush();
    if (!out.good()) return failure(Code::kDamaged, fresh + ": cannot be written: " + std::strerror(errno));
  }
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) {
    return failure(Code::kDamaged, path_ + ": cannot be written: " + std::strerror(errno));
  }
  notes_ = notes;
  return {};
}

}  // namespace quipu
