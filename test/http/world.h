#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/world.h"
#include "http/architecture_answer.h"
#include "http/session.h"
#include "model/sruja.h"

namespace quipu {

/// One answer, taken apart.
struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;

  std::string field(std::string_view name) const {
    for (const auto& [known, value] : fields) {
      if (known == name) return value;
    }
    return "";
  }
  nlohmann::json json() const { return nlohmann::json::parse(body); }
  std::string outcome() const { return json().value("outcome", ""); }
};

/// The answers in `bytes`, which must hold whole ones. `heads`: which of them answer HEAD.
inline std::vector<HttpAnswer> split_answers(std::string_view bytes, const std::vector<bool>& heads = {}) {
  std::vector<HttpAnswer> answers;
  while (!bytes.empty()) {
    HttpAnswer answer;
    const auto end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos || !bytes.starts_with("HTTP/1.1 ")) {
      ADD_FAILURE() << "not an answer: " << bytes;
      return answers;
    }
    answer.status = std::stoi(std::string(bytes.substr(9, 3)));
    auto lines = bytes.substr(0, end + 2);
    lines.remove_prefix(lines.find("\r\n") + 2);
    while (!lines.empty()) {
      const auto line = lines.substr(0, lines.find("\r\n"));
      const auto colon = line.find(": ");
      answer.fields.emplace_back(line.substr(0, colon), line.substr(colon + 2));
      lines.remove_prefix(line.size() + 2);
    }
    bytes.remove_prefix(end + 4);
    const auto length = answer.field("Content-Length");
    const bool head = answers.size() < heads.size() && heads[answers.size()];
    if (!length.empty() && !head) {
      answer.body = std::string(bytes.substr(0, std::stoul(length)));
      EXPECT_EQ(answer.body.size(), std::stoul(length)) << "a body was cut";
      bytes.remove_prefix(answer.body.size());
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

/// A process with the real engine, and one HTTP connection to it without a socket.
class HttpWorld : public World {
 public:
  HttpWorld() { log_options.segment_bytes = std::size_t{8} << 20; }

  std::vector<std::string> cors_origins;
  NetLimits limits;
  std::optional<ApiKeys> keys;
  bool public_view = false;
  int ready = 0;  ///< How often the session said that it can go on.

  void serve() {
    start();
    connect();
  }
  void connect() {
    session_.reset();
    context_ = std::make_unique<HttpContext>(HttpContext{
        .service = *engine,
        .limits = limits,
        .cors_origins = cors_origins,
        .future_ms_max = 300'000,
        .version = "1.2.3",
        .metrics = [] { return std::string("up 1\n"); },
        .server_figures = [] { return std::vector<std::pair<std::string, std::uint64_t>>{{"http_connections", 1}}; },
        .keys = keys ? &*keys : nullptr,
        .public_view = public_view});
    context_->architecture = architecture_answer(*read_architecture(architecture_text()), {}, "Embedded");
    session_ = std::make_unique<HttpSession>(*context_);
    session_->on_ready = [this] { ++ready; };
    input_.clear();
  }
  /// The session goes before the engine, as its connection does.
  void disconnect() { session_.reset(); }

  HttpSession& session() { return *session_; }

  /// Bytes arrive. Nothing else happens.
  void arrive(std::string_view bytes) {
    if (session_->busy()) {
      later_ += bytes;
      return;
    }
    input_.append(std::exchange(later_, "")).append(bytes);
    offer();
  }
  /// What may leave now.
  std::string take() {
    const std::string bytes(session_->output().releasable(engine->durable()));
    session_->output().consumed(bytes.size());
    return bytes;
  }
  /// Turns until nothing is under way and everything may leave.
  std::string settle() {
    std::string out;
    for (int quiet = 0; quiet < 5;) {
      turn();
      session_->tick(now);
      const auto waiting = input_.size();
      if (!session_->busy() && (waiting > 0 || !later_.empty())) arrive("");
      const auto sent = take();
      out += sent;
      const bool idle = !session_->busy() && session_->output().empty() && sent.empty() && input_.size() == waiting;
      quiet = idle ? quiet + 1 : 0;
      if (++turns_ > 100'000) break;
    }
    return out;
  }
  /// Requests and all their answers.
  std::vector<HttpAnswer> exchange(std::string_view bytes, const std::vector<bool>& heads = {}) {
    arrive(bytes);
    return split_answers(settle(), heads);
  }
  HttpAnswer ask(std::string_view bytes, bool head = false) {
    auto answers = exchange(bytes, {head});
    EXPECT_EQ(answers.size(), 1U) << bytes;
    return answers.empty() ? HttpAnswer{} : std::move(answers[0]);
  }

  HttpAnswer get(const std::string& target, const std::string& fields = "") {
    return ask("GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
  }
  static std::string post(const std::string& target, const std::string& body,
                          const std::string& type = "application/json", const std::string& fields = "") {
    return "POST " + target + " HTTP/1.1\r\nHost: a\r\n" + (type.empty() ? "" : "Content-Type: " + type + "\r\n") +
           "Content-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body;
  }
  HttpAnswer post_and_wait(const std::string& target, const std::string& body,
                           const std::string& type = "application/json", const std::string& fields = "") {
    return ask(post(target, body, type, fields));
  }
  std::int64_t total(const std::string& counter, const std::string& space_name = "default") {
    return get("/v1/counters/" + space_name + "/" + counter).json()["value"];
  }

 private:
  /// As a connection does it: what was not used is offered again, and stays in place while the session is busy.
  void offer() {
    auto held = std::make_unique<std::string>(input_);
    const auto used = session_->receive(*held);
    input_.erase(0, used);
    held_ = std::move(held);
  }

  std::unique_ptr<HttpContext> context_;
  std::unique_ptr<HttpSession> session_;
  std::string input_;
  std::string later_;
  std::unique_ptr<std::string> held_;
  int turns_ = 0;
};

}  // namespace quipu
