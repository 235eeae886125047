#include "net/tcp_server.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "net/socket.h"
#include "net/tcp_connection.h"

namespace quipu {
namespace {

constexpr std::int64_t kSweepMs = 1'000;
/// How long to wait with accepting when the process has no descriptor left: trying again at once would only spin.
constexpr std::int64_t kAcceptPauseMs = 100;
/// Connections that are taken at one turn, so that a flood of them leaves turns for the others.
constexpr int kAcceptsPerTurn = 64;
/// What one read brings at most, and how many such blocks are kept for the next ones.
constexpr std::size_t kBlockBytes = std::size_t{64} << 10;
constexpr std::size_t kBlocksKept = 4;

}  // namespace

class TcpServer::Parts final : public TcpConnectionOwner, private Watcher {
 public:
  Parts(EventLoop& loop, TcpServerOptions server_options) : loop_(loop), options_(std::move(server_options)) {
    if (options_.clients == nullptr) options_.clients = &own_clients_.emplace(options_.limits.clients_bytes_max);
  }
  ~Parts() override {
    stop_accepting();
    // They say what they held to the clients' memory, which may be a member here.
    gone_.clear();
    connections_.clear();
  }

  Result<void> listen() {
    auto listening = Socket::listen(options_.name, options_.address);
    if (!listening) return std::unexpected(listening.error());
    listener_ = std::move(*listening);
    return loop_.watch(listener_.file(), *this, true, false);
  }

  std::string address() const {
    return options_.address.substr(0, options_.address.rfind(':')) + ":" + std::to_string(listener_.port());
  }

  const TcpServerOptions& options() const override { return options_; }
  EventLoop& loop() override { return loop_; }
  ClientsMemory& clients() override { return *options_.clients; }
  void ended(EndedBy cause) override { ended_.add(cause); }
  const ConnectionsEnded& ended() const { return ended_; }
  void crowded_out(TcpConnection& connection) override { crowded_out_.insert(&connection); }

  void holds(TcpConnection& connection) override { note(connection, connection.in_holding, holding_); }
  void waits(TcpConnection& connection) override { note(connection, connection.in_waiting, waiting_); }
  void ready(TcpConnection& connection) override { note(connection, connection.in_ready, ready_); }
  void closed(TcpConnection& connection) override {
    // Whoever called it is still at work with it, and the engine may still have the batch of a busy session.
    if (connection.busy()) waits(connection);
    crowded_out_.erase(&connection);
    const auto found = connections_.find(&connection);
    gone_.push_back(std::move(found->second));
    connections_.erase(found);
  }

  std::vector<char> take_block() override {
    const auto limit = options_.limits.input_bytes_max;
    if (clients().crowded()) return std::vector<char>(std::min(kClientShareBytes, limit));
    if (blocks_.empty()) return std::vector<char>(std::min(kBlockBytes, limit));
    auto block = std::move(blocks_.back());
    blocks_.pop_back();
    return block;
  }
  void give_block(std::vector<char> block) override {
    if (block.size() == kBlockBytes && blocks_.size() < kBlocksKept) blocks_.push_back(std::move(block));
  }

  bool after_step() {
    const auto now = options_.now();
    // While waiting, a connection stands on this list, which keeps it alive even when its socket is closed.
    for (std::size_t i = 0; i < waiting_.size();) {
      TcpConnection& connection = *waiting_[i];
      connection.tick(now);
      if (connection.busy()) {
        ++i;
        continue;
      }
      connection.in_waiting = false;
      waiting_[i] = waiting_.back();
      waiting_.pop_back();
      ready(connection);
    }
    if (!crowded_out_.empty() && clients().roomy()) {
      for (auto* connection : crowded_out_) ready(*connection);
      crowded_out_.clear();
    }
    const bool gave = serve(ready_, &TcpConnection::in_ready, [](TcpConnection& connection) { connection.proceed(); });
    serve(holding_, &TcpConnection::in_holding, [](TcpConnection& connection) { connection.release(); });
    if (now - swept_at_ >= kSweepMs) sweep(now);
    if (accept_again_at_ != 0 && now >= accept_again_at_) accept_again();
    std::erase_if(gone_, [](const auto& connection) {
      return !connection->in_waiting && !connection->in_ready && !connection->in_holding;
    });
    return gave || !ready_.empty();
  }

  void for_each(void (TcpConnection::*action)()) {
    std::vector<TcpConnection*> all;
    for (const auto& [connection, owned] : connections_) all.push_back(connection);
    for (auto* connection : all) (connection->*action)();
  }

  void stop_accepting() {
    if (!listener_.is_open()) return;
    loop_.forget(listener_.file(), *this);
    listener_.close();
    accept_again_at_ = 0;
  }

  std::size_t connections() const { return connections_.size(); }

 private:
  static void note(TcpConnection& connection, bool& noted, std::vector<TcpConnection*>& list) {
    if (!std::exchange(noted, true)) list.push_back(&connection);
  }

  /// Takes every connection off a list and serves it; it may come on the list again meanwhile. Whether any was there.
  template <class Serve>
  bool serve(std::vector<TcpConnection*>& list, bool TcpConnection::* noted, Serve each) {
    serving_.clear();
    std::swap(serving_, list);
    for (auto* connection : serving_) connection->*noted = false;
    for (auto* connection : serving_) each(*connection);
    return !serving_.empty();
  }

  void ready(bool, bool) override {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      Socket socket;
      const auto status = listener_.accept(socket);
      if (status == Socket::Status::kWouldBlock) return;
      if (status != Socket::Status::kDone) return pause_accepting();
      take(std::move(socket));
    }
  }

  void pause_accepting() {
    loop_.forget(listener_.file(), *this);
    accept_again_at_ = options_.now() + kAcceptPauseMs;
  }

  void accept_again() {
    accept_again_at_ = 0;
    if (!loop_.watch(listener_.file(), *this, true, false)) pause_accepting();
  }

  void take(Socket socket) {
    const auto limit = options_.limits.connections_max;
    if (connections_.size() >= limit + kTurnedAwayMax) return ended(EndedBy::kTooMany);
    const bool too_many = connections_.size() >= limit;
    auto owned = std::make_unique<TcpConnection>(std::move(socket), *this);
    TcpConnection& connection = *owned;
    connections_.emplace(&connection, std::move(owned));
    if (too_many) {
      connection.turn_away();
    } else {
      connection.start();
    }
  }

  void sweep(TimeMs now) {
    swept_at_ = now;
    std::vector<TcpConnection*> all;
    for (const auto& [connection, owned] : connections_) all.push_back(connection);
    for (auto* connection : all) connection->check_time(now);
  }

  EventLoop& loop_;
  TcpServerOptions options_;
  Socket listener_;
  std::unordered_map<TcpConnection*, std::unique_ptr<TcpConnection>> connections_;
  std::vector<std::unique_ptr<TcpConnection>> gone_;  // Closed; kept to the end of the turn, and until not busy.
  std::vector<TcpConnection*> holding_;
  std::vector<TcpConnection*> waiting_;
  std::vector<TcpConnection*> ready_;
  std::vector<TcpConnection*> serving_;
  std::vector<std::vector<char>> blocks_;
  std::unordered_set<TcpConnection*> crowded_out_;  // Not read until there is memory for them.
  std::optional<ClientsMemory> own_clients_;
  ConnectionsEnded ended_;
  TimeMs swept_at_ = 0;
  TimeMs accept_again_at_ = 0;  // 0: it is accepting.
};

TcpServer::TcpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TcpServer::~TcpServer() = default;

Result<std::unique_ptr<TcpServer>> TcpServer::listen(EventLoop& loop, TcpServerOptions options) {
  auto parts = std::make_unique<Parts>(loop, std::move(options));
  if (auto listening = parts->listen(); !listening) return std::unexpected(listening.error());
  return std::unique_ptr<TcpServer>(new TcpServer(std::move(parts)));
}

std::string TcpServer::address() const { return parts_->address(); }
bool TcpServer::after_step() { return parts_->after_step(); }
void TcpServer::fail() { parts_->for_each(&TcpConnection::fail); }
void TcpServer::stop_accepting() { parts_->stop_accepting(); }
void TcpServer::close_idle() { parts_->for_each(&TcpConnection::close_if_idle); }
const ConnectionsEnded& TcpServer::ended() const { return parts_->ended(); }
std::size_t TcpServer::connections() const { return parts_->connections(); }

}  // namespace quipu
