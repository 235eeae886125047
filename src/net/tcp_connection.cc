#include "net/tcp_connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace quipu {
namespace {

constexpr std::size_t kInputBytesMin = std::size_t{16} << 10;
/// Read at most so much before the others get their turn.
constexpr std::size_t kReadBytesPerTurn = std::size_t{256} << 10;
/// A buffer above this is given back when it is empty.
constexpr std::size_t kInputBytesKept = std::size_t{128} << 10;
/// How long to throw away what a client still sends after the last reply: closing at once would reset the connection,
/// and the client might never see that reply.
constexpr std::int64_t kLingerMs = 2'000;

}  // namespace

using boost::asio::ip::tcp;

TcpConnection::TcpConnection(tcp::socket socket, TcpConnectionOwner& owner)
    : socket_(std::move(socket)),
      owner_(owner),
      session_(owner.options().make_session()),
      active_at_(owner.options().now()) {}

void TcpConnection::start() {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
  session_->on_ready = [this] { owner_.ready(shared_from_this()); };
  wait_readable();
}

void TcpConnection::turn_away() {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  session_->turned_away();
  write();
}

bool TcpConnection::read_available() {
  // Bytes that a session was given last stay where they are while it is busy, and then nothing is read.
  if (input_begin_ == input_end_) {
    input_begin_ = input_end_ = 0;
    if (input_.size() > kInputBytesKept) std::vector<char>().swap(input_);
  } else if (input_begin_ > 0 && input_end_ == input_.size()) {
    std::memmove(input_.data(), input_.data() + input_begin_, unread());
    input_end_ = unread();
    input_begin_ = 0;
  }
  for (std::size_t total = 0; total < kReadBytesPerTurn;) {
    if (input_end_ == input_.size()) {
      const auto limit = owner_.options().limits.input_bytes_max;
      if (input_.size() >= limit) break;
      input_.resize(std::min(std::max(kInputBytesMin, input_.size() * 2), limit));
    }
    boost::system::error_code error;
    const auto room = input_.size() - input_end_;
    const auto size = socket_.read_some(boost::asio::buffer(input_.data() + input_end_, room), error);
    if (error == boost::asio::error::would_block || error == boost::asio::error::try_again) break;
    if (error == boost::asio::error::eof) {
      peer_done_ = true;
      break;
    }
    if (error) return false;
    input_end_ += size;
    total += size;
    active_at_ = owner_.options().now();
    if (size < room) break;
  }
  return true;
}

void TcpConnection::feed() {
  bool used_any = false;
  const auto output_before = session_->output().size();
  const auto output_max = owner_.options().limits.output_bytes_max;
  while (unread() > 0 && !session_->busy() && !session_->closing() && session_->output().size() <= output_max) {
    const auto used = session_->receive({input_.data() + input_begin_, unread()});
    if (used == 0) break;
    input_begin_ += used;
    used_any = true;
  }
  note_request_time(used_any, session_->output().size() > output_before);
}

void TcpConnection::note_request_time(bool used, bool answered) {
  const bool begun = session_->mid_request() || unread() > 0;
  if (!begun || session_->busy()) {
    request_since_ = 0;
  } else if (request_since_ == 0 || answered || (used && !session_->mid_request())) {
    request_since_ = owner_.options().now();
  }
}

void TcpConnection::proceed() {
  if (!open() || session_->busy()) return;
  if (lingering_) return wait_readable();
  feed();
  if (session_->busy()) owner_.waits(shared_from_this());
  write();
}

void TcpConnection::write() {
  if (!open() || lingering_) return;
  auto& output = session_->output();
  while (!writing_) {
    const auto bytes = output.releasable(owner_.options().durable());
    if (bytes.empty()) break;
    boost::system::error_code error;
    const auto size = socket_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), error);
    if (error == boost::asio::error::would_block || error == boost::asio::error::try_again) {
      wait_writable();
      break;
    }
    if (error) return close();
    output.consumed(size);
    active_at_ = owner_.options().now();
  }
  after_write();
}

void TcpConnection::after_write() {
  auto& output = session_->output();
  if (!output.empty()) {
    if (!writing_) owner_.holds(shared_from_this());
  } else if (session_->closing()) {
    return linger();
  } else if (peer_done_ && !session_->busy()) {
    // Whatever is left can never become a whole request.
    return close();
  }
  if (session_->busy() || session_->closing() || peer_done_) return;
  if (output.size() > owner_.options().limits.output_bytes_max) return;
  wait_readable();
}

void TcpConnection::release() {
  const bool was_full = session_->output().size() > owner_.options().limits.output_bytes_max;
  write();
  // Requests that had to wait for room among the replies.
  if (was_full && open() && session_->output().size() <= owner_.options().limits.output_bytes_max) proceed();
}

void TcpConnection::wait_readable() {
  if (reading_ || !open()) return;
  reading_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
    self->reading_ = false;
    if (error || !self->open()) return;
    if (self->session_->busy()) return;  // Reading goes on when it is not.
    if (!self->read_available()) return self->close();
    if (self->lingering_) {
      self->input_begin_ = self->input_end_ = 0;
      if (self->peer_done_) return self->close();
      return self->wait_readable();
    }
    const bool stuck =
        self->input_end_ == self->input_.size() && self->unread() >= self->owner_.options().limits.input_bytes_max;
    const auto unread_before = self->unread();
    self->proceed();
    // A request that fills the whole buffer and is still not whole is beyond every limit that its session has.
    if (stuck && self->open() && !self->session_->busy() && self->unread() == unread_before) self->close();
  });
}

void TcpConnection::wait_writable() {
  if (writing_) return;
  writing_ = true;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const boost::system::error_code& error) {
    self->writing_ = false;
    if (error || !self->open()) return;
    self->release();
  });
}

void TcpConnection::fail() {
  if (!open() || lingering_) return;
  session_->fail_held(owner_.options().durable());
  write();
}

void TcpConnection::close_if_idle() {
  if (!open() || session_->busy() || !session_->output().empty()) return;
  linger();
}

void TcpConnection::linger() {
  if (lingering_ || !open()) return;
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  if (peer_done_) return close();
  lingering_ = true;
  lingering_since_ = owner_.options().now();
  input_begin_ = input_end_ = 0;
  wait_readable();
}

void TcpConnection::check_time(TimeMs now) {
  const NetLimits& limits = owner_.options().limits;
  if (!open()) return;
  if (lingering_) {
    if (now - lingering_since_ >= kLingerMs) close();
    return;
  }
  if (writing_ && now - active_at_ >= limits.write_ms) return close();
  if (session_->busy()) return;
  if (request_since_ != 0 && now - request_since_ >= limits.request_ms) {
    request_since_ = 0;
    session_->timed_out();
    return write();
  }
  if (limits.idle_ms > 0 && session_->output().empty() && now - active_at_ >= limits.idle_ms) linger();
}

void TcpConnection::abandon() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void TcpConnection::close() {
  if (!open()) return;
  boost::system::error_code ignored;
  socket_.close(ignored);
  owner_.closed(shared_from_this());
}

}  // namespace quipu
