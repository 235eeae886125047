#include "services/redis_place.h"

#include <signal.h>
#include <stdlib.h>

#include <fstream>
#include <stdexcept>

#include "services/shell.h"
#include "services/stop_process.h"

namespace quipu::testing_services {
namespace {

namespace fs = std::filesystem;

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char byte : word) {
    if (byte == '\'') {
      text += "'\\''";
    } else {
      text.push_back(byte);
    }
  }
  return text + "'";
}

}  // namespace

std::string RedisServer::run(const std::vector<std::string>& words) const {
  const auto colon = address_.rfind(':');
  std::string command = "redis-cli -e --raw -h " + address_.substr(0, colon) + " -p " + address_.substr(colon + 1);
  for (const auto& word : words) command += " " + quoted(word);
  return output_of(command);
}

OwnRedis::OwnRedis() {
  std::string pattern = (fs::temp_directory_path() / "quipu-own-redis-XXXXXX").string();
  directory_ = ::mkdtemp(pattern.data());
  up();
}

OwnRedis::~OwnRedis() {
  try {
    local_services("down --kill --purge --dir " + (directory_ / "place").string());
    fs::remove_all(directory_);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
}

void OwnRedis::up() {
  const auto said = local_services("up --only redis --dir " + (directory_ / "place").string());
  const std::string before = "QUIPU_TEST_REDIS=";
  const auto at = said.find(before);
  if (at == std::string::npos) throw std::runtime_error(said);
  server_ = std::make_unique<RedisServer>(said.substr(at + before.size(), said.find('\n', at) - at - before.size()));
}

void OwnRedis::kill() { local_services("down --kill --only redis --dir " + (directory_ / "place").string()); }

int OwnRedis::pid() const {
  std::ifstream file(directory_ / "place/redis/pid");
  int pid = 0;
  file >> pid;
  if (pid <= 1) throw std::runtime_error("no pid of Redis");
  return pid;
}

void OwnRedis::stop() const { stop_process(pid()); }
void OwnRedis::go_on() const { ::kill(pid(), SIGCONT); }

RedisCacheOptions patient() {
  RedisCacheOptions options;
  options.answer_timeout_ms = 30'000;
  options.stall_timeout_ms = 30'000;
  return options;
}

OpenCache::OpenCache(const std::string& address, RedisCacheOptions options) : prefix_("test:" + random_name() + ":") {
  options.address = address;
  options.prefix = prefix_;
  options.wake = [wake = wake_] {
    {
      const std::scoped_lock lock(wake->mutex);
      wake->rung = true;
    }
    wake->woken.notify_one();
  };
  auto opened = RedisCache::open(std::move(options));
  if (!opened) throw std::runtime_error(opened.error().what);
  cache_ = std::move(*opened);
  cache_->tick(1'700'000'000'000);
}

void OpenCache::wait() {
  std::unique_lock lock(wake_->mutex);
  if (!wake_->woken.wait_for(lock, std::chrono::seconds(60), [this] { return wake_->rung; })) {
    throw std::runtime_error("the cache has not answered for a minute");
  }
  wake_->rung = false;
}

CacheAnswer OpenCache::get(std::vector<CounterKey> keys) {
  cache_->get({1, std::move(keys)});
  std::vector<CacheAnswer> answers;
  while (true) {
    cache_->take_answers(answers);
    if (!answers.empty()) return std::move(answers.front());
    wait();
  }
}

}  // namespace quipu::testing_services
