#include "kafka/kafka_client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "base/check.h"

namespace quipu {

namespace {

/// Destroys a configuration that no client has taken.
using Configuration = std::unique_ptr<rd_kafka_conf_t, DestroyWith<rd_kafka_conf_destroy>>;

/// A broker that says nothing for this long is connected to anew.
constexpr std::int64_t kSocketTimeoutMs = 10'000;

/// What a client has to tell; its own, since it may have to be left behind.
using Say = std::function<void(const std::string&)>;

constexpr std::chrono::seconds kEndMax{10};

KafkaSettings shared_settings(const KafkaOptions& options) {
  return {
      {"bootstrap.servers", options.brokers},
      {"client.id", "quipu"},
      {"allow.auto.create.topics", "false"},
      {"socket.timeout.ms", std::to_string(kSocketTimeoutMs)},
      {"socket.connection.setup.timeout.ms", std::to_string(kSocketTimeoutMs)},
      {"socket.keepalive.enable", "true"},
      {"socket.nagle.disable", "true"},
      {"reconnect.backoff.max.ms", "1000"},
      {"enable.sparse.connections", "false"},
      {"topic.metadata.refresh.interval.ms", "5000"},
      {"log.connection.close", "false"},
  };
}

void on_log(const rd_kafka_t* client, int, const char* facility, const char* text) {
  const auto* say = static_cast<const Say*>(rd_kafka_opaque(client));
  // That this one is experimental is known here (kafka_producer.cc), and nothing for an operator to act upon.
  if (std::string_view(text).find("enable.gapless.guarantee is experimental") != std::string_view::npos) return;
  if (say != nullptr) (*say)(std::string(facility) + ": " + text);
}

Result<void> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> why{};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
    return failure(Code::kRefused, "Kafka setting " + name + ": " + why.data());
  }
  return {};
}

}  // namespace

void end_kafka_client(rd_kafka_t* client, int flags) {
  const auto* say = static_cast<const Say*>(rd_kafka_opaque(client));
  std::promise<void> promise;
  auto ended = promise.get_future();
  std::thread thread([client, flags, say, promise = std::move(promise)]() mutable {
    rd_kafka_destroy_flags(client, flags);
    delete say;
    promise.set_value();
  });
  if (ended.wait_for(kEndMax) == std::future_status::ready) {
    thread.join();
  } else {
    thread.detach();
  }
}

bool may_be_set(std::string_view name) {
  constexpr std::array prefixes{std::string_view("security."), std::string_view("sasl."), std::string_view("ssl."),
                                std::string_view("enable.ssl.")};
  constexpr std::array names{std::string_view("client.rack"), std::string_view("broker.address.family")};
  // Callbacks are no text, and the others are how a value could name code to be loaded.
  if (name.ends_with("_cb") || name == "ssl.engine.location" || name == "ssl.providers") return false;
  return std::ranges::any_of(prefixes, [&](auto prefix) { return name.starts_with(prefix); }) ||
         std::ranges::find(names, name) != names.end();
}

void give_brokers_again(rd_kafka_t* client, const KafkaOptions& options) {
  rd_kafka_brokers_add(client, options.brokers.c_str());
}

Result<KafkaClient> make_kafka_client(rd_kafka_type_t type, const KafkaOptions& options, const KafkaSettings& settings,
                                      int events) {
  Configuration conf(rd_kafka_conf_new());
  for (const auto& [name, value] : options.client) {
    if (!may_be_set(name)) {
      return failure(Code::kRefused, "Kafka setting " + name +
                                         " can not be set: only security.*, sasl.*, ssl.*, enable.ssl.*, client.rack "
                                         "and broker.address.family can");
    }
  }
  for (const auto& group : {shared_settings(options), settings, options.client}) {
    for (const auto& [name, value] : group) {
      if (auto done = set(conf.get(), name, value); !done) return std::unexpected(done.error());
    }
  }
  rd_kafka_conf_set_events(conf.get(), events);
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  auto say = std::make_unique<Say>(options.say);
  rd_kafka_conf_set_opaque(conf.get(), say.get());
  std::array<char, 512> why{};
  KafkaClient client(rd_kafka_new(type, conf.get(), why.data(), why.size()));
  if (!client) return failure(Code::kRefused, std::string("Kafka client: ") + why.data());
  // The client has them now.
  [[maybe_unused]] const auto* taken = conf.release();
  [[maybe_unused]] const auto* told = say.release();
  return client;
}

}  // namespace quipu
