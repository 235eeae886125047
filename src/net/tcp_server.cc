#include "net/tcp_server.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <chrono>
#include <unordered_set>
#include <utility>
#include <vector>

#include "net/tcp_connection.h"

namespace quipu {
namespace {

using boost::asio::ip::tcp;
using ConnectionPointer = std::shared_ptr<TcpConnection>;

constexpr std::int64_t kSweepMs = 1'000;
/// How long to wait with accepting when the process has no descriptor left.
constexpr std::chrono::milliseconds kAcceptPause{100};
/// Connections beyond the limit that are told so at one time; more are closed without a word.
constexpr std::size_t kTurnedAwayMax = 64;

Result<tcp::endpoint> endpoint_of(boost::asio::io_context& context, const TcpServerOptions& options) {
  const auto refuse = [&](const std::string& why) {
    return failure(Code::kRefused, options.name + " " + options.address + ": " + why);
  };
  const auto colon = options.address.rfind(':');
  if (colon == std::string::npos) return refuse("an address is HOST:PORT");
  auto host = options.address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto text = std::string_view(options.address).substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return refuse("the port must be 0 to 65535");
  }
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(host, failed);
  if (!failed) return tcp::endpoint(address, port);
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(host, std::string(text), tcp::resolver::passive, failed);
  if (failed || found.empty()) return refuse("the host is not known");
  return found.begin()->endpoint();
}

}  // namespace

class TcpServer::Parts final : public TcpConnectionOwner {
 public:
  Parts(boost::asio::io_context& context, TcpServerOptions server_options)
      : options_(std::move(server_options)), acceptor_(context), accept_pause_(context) {}

  Result<void> listen(boost::asio::io_context& context) {
    const auto endpoint = endpoint_of(context, options_);
    if (!endpoint) return std::unexpected(endpoint.error());
    boost::system::error_code error;
    const auto refused = [&] {
      return failure(Code::kRefused, options_.name + " " + options_.address + ": " + error.message());
    };
    if (acceptor_.open(endpoint->protocol(), error); error) return refused();
    if (acceptor_.set_option(tcp::acceptor::reuse_address(true), error); error) return refused();
    if (acceptor_.bind(*endpoint, error); error) return refused();
    if (acceptor_.listen(boost::asio::socket_base::max_listen_connections, error); error) return refused();
    accept();
    return {};
  }

  std::string address() const {
    boost::system::error_code error;
    const auto bound = acceptor_.local_endpoint(error);
    if (error) return options_.address;
    const auto host = options_.address.substr(0, options_.address.rfind(':'));
    return host + ":" + std::to_string(bound.port());
  }

  const TcpServerOptions& options() const override { return options_; }

  void holds(const ConnectionPointer& connection) override { note(connection, connection->in_holding, holding_); }
  void waits(const ConnectionPointer& connection) override { note(connection, connection->in_waiting, waiting_); }
  void ready(const ConnectionPointer& connection) override { note(connection, connection->in_ready, ready_); }
  void closed(const ConnectionPointer& connection) override {
    // The engine still has the batch of a busy session: that one goes when it is not busy any more.
    if (connection->busy()) waits(connection);
    connections_.erase(connection);
  }

  bool after_step() {
    const auto now = options_.now();
    // While waiting, a connection stands on this list, which keeps it alive even when its socket is closed.
    for (std::size_t i = 0; i < waiting_.size();) {
      const auto connection = waiting_[i];
      connection->tick(now);
      if (connection->busy()) {
        ++i;
        continue;
      }
      connection->in_waiting = false;
      waiting_[i] = waiting_.back();
      waiting_.pop_back();
      ready(connection);
    }
    auto ready_now = std::exchange(ready_, {});
    for (const auto& connection : ready_now) connection->in_ready = false;
    for (const auto& connection : ready_now) connection->proceed();
    auto holding_now = std::exchange(holding_, {});
    for (const auto& connection : holding_now) connection->in_holding = false;
    for (const auto& connection : holding_now) connection->release();
    if (now - swept_at_ >= kSweepMs || now < swept_at_) sweep(now);
    return !ready_now.empty();
  }

  void for_each(void (TcpConnection::*action)()) {
    const std::vector<ConnectionPointer> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) ((*connection).*action)();
  }

  void stop_accepting() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    accept_pause_.cancel();
  }

  void drop_all() {
    stop_accepting();
    connections_.clear();
    holding_.clear();
    waiting_.clear();
    ready_.clear();
  }

  std::size_t connections() const { return connections_.size(); }

 private:
  static void note(const ConnectionPointer& connection, bool& noted, std::vector<ConnectionPointer>& list) {
    if (std::exchange(noted, true)) return;
    list.push_back(connection);
  }

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
      if (error == boost::asio::error::operation_aborted || !acceptor_.is_open()) return;
      if (error) {
        // Out of descriptors, most likely: trying again at once would only spin.
        accept_pause_.expires_after(kAcceptPause);
        accept_pause_.async_wait([this](const boost::system::error_code& cancelled) {
          if (!cancelled) accept();
        });
        return;
      }
      take(std::move(socket));
      accept();
    });
  }

  void take(tcp::socket socket) {
    const auto limit = options_.limits.connections_max;
    if (connections_.size() >= limit + kTurnedAwayMax) return;
    const bool too_many = connections_.size() >= limit;
    const auto connection = std::make_shared<TcpConnection>(std::move(socket), *this);
    connections_.insert(connection);
    if (too_many) {
      connection->turn_away();
    } else {
      connection->start();
    }
  }

  void sweep(TimeMs now) {
    swept_at_ = now;
    const std::vector<ConnectionPointer> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->check_time(now);
  }

  TcpServerOptions options_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_pause_;
  std::unordered_set<ConnectionPointer> connections_;
  std::vector<ConnectionPointer> holding_;
  std::vector<ConnectionPointer> waiting_;
  std::vector<ConnectionPointer> ready_;
  TimeMs swept_at_ = 0;
};

TcpServer::TcpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

TcpServer::~TcpServer() {
  // Handlers that the context still has find no connection open; the node lets the context run out before it goes.
  parts_->for_each(&TcpConnection::abandon);
  parts_->drop_all();
}

Result<std::unique_ptr<TcpServer>> TcpServer::listen(boost::asio::io_context& context, TcpServerOptions options) {
  auto parts = std::make_unique<Parts>(context, std::move(options));
  if (auto listening = parts->listen(context); !listening) return std::unexpected(listening.error());
  return std::unique_ptr<TcpServer>(new TcpServer(std::move(parts)));
}

std::string TcpServer::address() const { return parts_->address(); }
bool TcpServer::after_step() { return parts_->after_step(); }
void TcpServer::fail() { parts_->for_each(&TcpConnection::fail); }
void TcpServer::stop_accepting() { parts_->stop_accepting(); }
void TcpServer::close_idle() { parts_->for_each(&TcpConnection::close_if_idle); }
std::size_t TcpServer::connections() const { return parts_->connections(); }

}  // namespace quipu
