#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "import/access_log_line.h"
#include "import/import_chunk.h"
#include "import/import_record.h"
#include "import/json_log_line.h"
#include "import/log_digest.h"
#include "import/log_file.h"
#include "import/sequence_plan.h"

namespace quipu {
namespace {

TEST(AccessLogLine, GivesTheRawPathUpToTheQuestionMark) {
  for (const auto& [line, path] : std::vector<std::pair<std::string, std::string>>{
           {R"(1.2.3.4 - - [24/Nov/2026:10:00:00 +0000] "GET /a/b?c=d?e HTTP/1.1" 200 5)", "/a/b"},
           {R"(1.2.3.4 - - [24/Nov/2026:10:00:00 +0000] "POST / HTTP/2.0" 404 - "-" "Mozilla \"x\"")", "/"},
           {R"(host:80 ::1 - a user [24/Nov/2026:10:00:00 +0000] "GET /%20\"q\"#f HTTP/1.0" 500 0 "r" "a" 17)",
            R"(/%20\"q\"#f)"},
           {R"(a - - [t] "OPTIONS * HTTP/1.1" 200 1)", "*"},
           {R"(a - - [t] "GET http://x/y?z HTTP/1.1" 200 1)", "http://x/y"},
           {R"(a - - [t] "GET /old" 200 1)", "/old"},
           {R"(a - - [t] "GET /ä HTTP/1.1" 200 1)", "/ä"}}) {
    const auto verdict = read_access_log_line(line);
    EXPECT_EQ(verdict.broken, nullptr) << line << ": " << verdict.broken;
    EXPECT_EQ(verdict.path, path);
  }
}

TEST(AccessLogLine, ThatIsBrokenSaysWhy) {
  for (const std::string& line : std::vector<std::string>{
           "", "nothing", R"(a - - [t "GET / HTTP/1.1" 200 1)", R"(a - - [t] "GET / HTTP/1.1)",
           R"(a - - [t] "GET / HTTP/1.1\" 200 1)", R"(a - - [t] "GET / HTTP/1.1")",
           R"(a - - [t] "GET / HTTP/1.1" 20 1)", R"(a - - [t] "GET / HTTP/1.1" 200 x)", R"(a - - [t] "-" 400 0)",
           R"(a - - [t] "GET ?q HTTP/1.1" 200 1)", R"(a - - [t] "\x16\x03\x01" 400 0)",
           "a - - [t] \"GET /\xff HTTP/1.1\" 200 1", "a - - [t] \"GET /\xed\xa0\x80 HTTP/1.1\" 200 1",
           R"(a - - [t] "GET /a b HTTP/1.1" 200 1)",
           "a - - [t] \"GET /" + std::string(1'024, 'x') + " HTTP/1.1\" 200 1"}) {
    const auto verdict = read_access_log_line(line);
    EXPECT_NE(verdict.broken, nullptr) << line;
    EXPECT_EQ(verdict.path, "");
  }
}

TEST(JsonLogLine, FindsTheRequestWhereServersPutIt) {
  JsonLogLineReader reader;
  for (const char* line : {R"({"time":1,"request":"GET /p?q HTTP/1.1","status":200})", R"({"request_uri":"/p?q"})",
                           R"({"uri":"/p"})", R"({"request":{"method":"GET","uri":"/p?q"}})", R"({"RequestPath":"/p"})",
                           R"({"path":"\/p"})", R"({"httpRequest":{"requestUrl":"/p?x"}})"}) {
    EXPECT_EQ(reader.read(line).path, "/p") << line;
  }
  JsonLogLineReader named("http.target");
  EXPECT_EQ(named.read(R"({"uri":"/no","http":{"target":"/p?q"}})").path, "/p");
  EXPECT_EQ(named.read(R"({"http.target":"/p"})").path, "/p");
  EXPECT_NE(named.read(R"({"uri":"/p"})").broken, nullptr);
}

TEST(JsonLogLine, ThatIsBrokenSaysWhy) {
  JsonLogLineReader reader;
  for (const char* line : {"{", R"({"uri":"/p")", R"({"uri":"/p"}x)", R"({"uri":7})", R"({"other":"/p"})",
                           R"({"uri":""})", R"({"uri":"/p","junk":tru})"}) {
    EXPECT_NE(reader.read(line).broken, nullptr) << line;
  }
}

TEST(SequencePlan, ASequenceSaysWhichEventOfWhichChunkItWas) {
  EXPECT_FALSE(place_of(0).begun);
  EXPECT_TRUE(place_of(kOpeningSequence).begun);
  EXPECT_EQ(place_of(kOpeningSequence).events, 0U);
  std::uint64_t before = kOpeningSequence;
  for (const std::uint64_t chunk : {0, 1, 7, 1'000'000}) {
    for (const auto form : {ChunkForm::kLines, ChunkForm::kPaths}) {
      for (const std::uint64_t index : {std::uint64_t{0}, std::uint64_t{1}, kChunkLines - 1}) {
        const auto sequence = sequence_of(chunk, form, index);
        EXPECT_GT(sequence, before);  // In the order in which they are sent.
        before = sequence;
        const auto place = place_of(sequence);
        EXPECT_EQ(place.chunk, chunk);
        EXPECT_EQ(place.form, form);
        EXPECT_EQ(place.events, index + 1);
      }
    }
  }
}

/// What a service that knows sequences comes to, from bodies that may repeat and overlap.
class CountingService {
 public:
  void take(const ImportRequest& request) {
    std::stringstream lines(request.body);
    auto sequence = request.first_sequence;
    for (std::string line; std::getline(lines, line); ++sequence) {
      if (sequence <= last_) continue;
      last_ = sequence;
      const auto event = nlohmann::json::parse(line);
      totals_[event.at("counter")] += event.value("delta", std::int64_t{1});
    }
  }
  std::uint64_t last() const { return last_; }
  const std::map<std::string, std::int64_t>& totals() const { return totals_; }

 private:
  std::uint64_t last_ = kOpeningSequence;
  std::map<std::string, std::int64_t> totals_;
};

/// A log that grows, imported by runs that are cut off after any request, whose requests are cut differently each time.
TEST(ImportChunk, RunsThatAreCutOffAnywhereCountEachLineOnce) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::uint64_t bound) {
      return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random);
    };
    std::vector<std::string> log;
    CountingService service;
    const auto grow = [&](std::uint64_t lines) {
      for (std::uint64_t i = 0; i < lines; ++i) {
        log.push_back(below(50) == 0 ? "" : "/p" + std::to_string(below(1 + below(3'000))));
      }
    };
    /// One run; false where it was cut off.
    const auto run = [&](bool to_the_end) {
      const auto begun = place_of(service.last());
      ImportChunk chunk(seed);
      for (std::uint64_t number = 0; number * kChunkLines < log.size(); ++number) {
        chunk.begin(number);
        for (auto i = number * kChunkLines; i < log.size() && !chunk.full(); ++i) chunk.add(log[i]);
        if (number < begun.chunk) continue;
        auto form = chunk.full() ? ChunkForm::kPaths : ChunkForm::kLines;
        if (number == begun.chunk && begun.events > 0) form = begun.form;
        const RequestBounds bounds{1 + below(9'000), 1'000 + below(900'000)};
        for (std::size_t from = 0; auto request = chunk.request(form, from, "hits", bounds);) {
          if (!to_the_end && below(25) == 0) return false;
          EXPECT_LE(request->events, bounds.events_max);
          service.take(*request);
          from = request->next;
        }
      }
      return true;
    };
    grow(below(3 * kChunkLines));
    for (int i = 0; i < 6; ++i) {
      run(false);
      if (below(2) == 0) grow(below(kChunkLines));
    }
    EXPECT_TRUE(run(true));
    std::map<std::string, std::int64_t> truth;
    for (const auto& path : log) {
      if (!path.empty()) ++truth[path];
    }
    EXPECT_EQ(service.totals(), truth) << seed;
  }
}

TEST(ImportChunk, WritesNamesAsJson) {
  ImportChunk chunk(1);
  chunk.begin(0);
  chunk.add("/\"\\\x01ä");
  const auto request = chunk.request(ChunkForm::kPaths, 0, "hits", {});
  ASSERT_TRUE(request);
  EXPECT_EQ(nlohmann::json::parse(request->body).at("counter"), "/\"\\\x01ä");
  EXPECT_FALSE(chunk.request(ChunkForm::kPaths, request->next, "hits", {}));
}

class Files : public testing::Test {
 protected:
  Files() {
    auto pattern = testing::TempDir() + "quipu-import-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~Files() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& bytes) {
    const auto path = directory_ + "/log";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static std::string gzip(const std::string& text) {
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::string out(text.size() + 1'000, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
  }
  /// The lines, then what is unfinished behind `|`; or the error.
  static std::string read(const std::string& path) {
    auto file = LogFile::open(path);
    if (!file) return "error: " + file.error().what;
    std::string all;
    while (true) {
      const auto line = file->next_line();
      if (!line) return "error: " + line.error().what;
      if (!*line) break;
      all.append(**line).append(file->line_cut() ? "CUT" : "").append("\n");
    }
    return all.append("|").append(file->unfinished_line());
  }

  std::string directory_;
};

TEST_F(Files, LinesAreReadPlainAndInflatedAlike) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(read(write(text)), text + "|");
  EXPECT_EQ(read(write(gzip(text))), text + "|");
  EXPECT_EQ(read(write(gzip("a\nb") + gzip("c\nd"))), "a\nbc\n|d");
  EXPECT_EQ(read(write("")), "|");
  EXPECT_EQ(read(write("\n\nhalf")), "\n\n|half");
}

TEST_F(Files, WhatIsDamagedIsSaidByName) {
  const auto packed = gzip(std::string(100'000, 'x') + "\n");
  EXPECT_NE(read(write(packed.substr(0, packed.size() / 2))).find("/log: the gzip file ends in the middle"),
            std::string::npos);
  auto altered = packed;
  altered[packed.size() - 6] ^= 1;
  EXPECT_NE(read(write(altered)).find("/log: the gzip file is damaged"), std::string::npos);
  EXPECT_NE(read(directory_ + "/absent").find("absent: cannot be opened"), std::string::npos);
  EXPECT_NE(read(directory_).find("cannot be read"), std::string::npos);
}

TEST_F(Files, ALineBeyondTheBoundIsCutAndTheNextIsWhole) {
  const std::string longest(kLogLineBytesMax, 'x');
  EXPECT_EQ(read(write(longest + "\nb\n")), longest + "\nb\n|");
  EXPECT_EQ(read(write(longest + "y\nb\n")), longest + "CUT\nb\n|");
  EXPECT_EQ(read(write(longest + longest + longest + "\nb\n")), longest + "CUT\nb\n|");
}

TEST_F(Files, NotesAreReadAsTheyWereWrittenAndOneRunHasThem) {
  const auto open = [&] { return ImportRecord::open(directory_, "http://a", "hits", "s"); };
  {
    auto record = open();
    ASSERT_TRUE(record);
    EXPECT_FALSE(record->notes());
    ASSERT_TRUE(record->write({{7, "d7"}, LogPlace{9, "d9"}, ChunkForm::kLines}));
    const auto second = open();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::kRefused);
    EXPECT_TRUE(ImportRecord::open(directory_, "http://b", "hits", "s"));
  }
  const auto record = open();
  ASSERT_TRUE(record);
  ASSERT_TRUE(record->notes());
  EXPECT_EQ(record->notes()->counted, (LogPlace{7, "d7"}));
  EXPECT_EQ(record->notes()->sending, (LogPlace{9, "d9"}));
  EXPECT_EQ(record->notes()->form, ChunkForm::kLines);
}

TEST_F(Files, NotesThatAreNotReadableAreSaidWithTheWayOut) {
  std::string path;
  {
    auto record = ImportRecord::open(directory_, "http://a", "hits", "s");
    path = record->path();
  }
  std::ofstream(path) << "{";
  const auto record = ImportRecord::open(directory_, "http://a", "hits", "s");
  ASSERT_FALSE(record);
  EXPECT_NE(record.error().what.find("--unchecked"), std::string::npos);
}

TEST(LogDigest, TellsLinesApartWhereverTheyAreBroken) {
  LogDigest one;
  LogDigest other;
  one.add("ab");
  one.add("c");
  other.add("a");
  other.add("bc");
  EXPECT_NE(one.text(), other.text());
  EXPECT_EQ(one.text().size(), 32U);
  EXPECT_EQ(source_of_first_line("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace quipu
