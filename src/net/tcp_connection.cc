#include "net/tcp_connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace quipu {
namespace {

/// A buffer of its own begins with this, for a request that did not come whole.
constexpr std::size_t kInputBytesMin = std::size_t{4} << 10;

}  // namespace

TcpConnection::TcpConnection(Socket socket, TcpConnectionOwner& owner)
    : socket_(std::move(socket)),
      owner_(owner),
      session_(owner.options().make_session()),
      active_at_(owner.options().now()) {}

TcpConnection::~TcpConnection() {
  if (open()) owner_.loop().forget(socket_.file(), *this);
  owner_.clients().change(held_, 0);
}

void TcpConnection::start() {
  session_->on_ready = [this] { owner_.ready(*this); };
  watch(true, false);
}

void TcpConnection::turn_away() {
  owner_.ended(EndedBy::kTooMany);
  session_->turned_away();
  write();
}

void TcpConnection::watch(bool read, bool write) {
  if (read == reading_ && write == writing_) return;
  reading_ = read;
  writing_ = write;
  if (!owner_.loop().watch(socket_.file(), *this, read, write)) close();
}

void TcpConnection::ready(bool readable, bool writable) {
  // Not watched for anything, and yet called: the other side is gone.
  if (!reading_ && !writing_) return close();
  if (writable && writing_) {
    watch(reading_, false);
    release();
  }
  if (readable && open() && reading_) take_bytes();
}

void TcpConnection::take_bytes() {
  if (session_->busy()) return watch(false, writing_);  // Reading goes on when it is not.
  if (!read_available()) return close();
  if (lingering_) {
    input_begin_ = input_end_ = 0;
    give_room_back();
    if (peer_done_) close();
    return;
  }
  const bool stuck = input_end_ == input_.size() && unread() >= owner_.options().limits.input_bytes_max;
  const auto unread_before = unread();
  proceed();
  // A request that fills the whole buffer and is still not whole is beyond every limit that its session has.
  if (stuck && open() && !session_->busy() && unread() == unread_before) close();
}

/// Sees that there is room behind what is unread.
void TcpConnection::make_room() {
  if (input_.empty()) {
    input_ = owner_.take_block();
    return;
  }
  if (input_begin_ > 0) {
    std::memmove(input_.data(), input_.data() + input_begin_, unread());
    input_end_ = unread();
    input_begin_ = 0;
  }
  const auto limit = owner_.options().limits.input_bytes_max;
  if (input_end_ == input_.size() && input_.size() < limit) input_.resize(std::min(input_.size() * 2, limit));
}

/// Keeps no more memory than what is unread needs. Bytes that a session was given stay where they are while it is busy.
void TcpConnection::give_room_back() {
  if (input_.empty() || session_->busy()) return;
  std::vector<char> rest;
  if (unread() > 0) {
    if (input_.size() < 2 * std::max(unread(), kInputBytesMin)) return;
    rest.resize(std::max(unread(), kInputBytesMin));
    std::memcpy(rest.data(), input_.data() + input_begin_, unread());
  }
  input_end_ = unread();
  input_begin_ = 0;
  owner_.give_block(std::exchange(input_, std::move(rest)));
}

/// Reads what one read brings; what does not fit into the room comes with the next turn, when the others had theirs.
/// False where the connection is gone.
bool TcpConnection::read_available() {
  make_room();
  const auto room = std::span(input_).subspan(input_end_);
  if (room.empty()) return true;
  const auto read = socket_.read(room);
  if (read.status == Socket::Status::kFailed) return false;
  if (read.status == Socket::Status::kEnded) peer_done_ = true;
  if (read.status != Socket::Status::kDone) return true;
  input_end_ += read.bytes;
  active_at_ = owner_.options().now();
  return true;
}

void TcpConnection::feed() {
  bool used_any = false;
  const auto output_before = session_->output().size();
  const auto output_max = session_->output_bytes_max = output_bytes_max();
  session_->sparing = owner_.clients().crowded();
  while (unread() > 0 && !session_->busy() && !session_->closing() && session_->output().size() <= output_max) {
    const auto used = session_->receive({input_.data() + input_begin_, unread()});
    if (used == 0) break;
    input_begin_ += used;
    used_any = true;
  }
  full_ = session_->output().size() > output_max;
  note_request_time(used_any, session_->output().size() > output_before);
  give_room_back();
}

void TcpConnection::note_request_time(bool used, bool answered) {
  const bool begun = session_->mid_request() || unread() > 0;
  if (!begun || session_->busy()) {
    request_since_ = 0;
  } else if (request_since_ == 0 || answered || (used && !session_->mid_request())) {
    request_since_ = owner_.options().now();
  }
}

/// How many bytes of replies it may have now.
std::size_t TcpConnection::output_bytes_max() const {
  const auto share = std::max(kClientShareBytes, session_->output().size() + owner_.clients().room());
  return std::min(owner_.options().limits.output_bytes_max, share);
}

void TcpConnection::account() {
  const auto held = input_.size() + session_->output().held_bytes() + session_->kept_bytes();
  owner_.clients().change(std::exchange(held_, held), held);
}

/// Whether it must not be read now, since all connections together hold too much, and this one more than its share.
bool TcpConnection::crowded_out() {
  if (!owner_.clients().crowded() || held_ <= kClientShareBytes) {
    crowded_since_ = 0;
    return false;
  }
  if (crowded_since_ == 0) crowded_since_ = owner_.options().now();
  owner_.crowded_out(*this);
  return true;
}

void TcpConnection::proceed() {
  if (!open() || session_->busy()) return;
  if (lingering_) return watch(true, writing_);
  feed();
  if (session_->busy()) owner_.waits(*this);
  write();
  if (full_ && open() && session_->output().size() <= output_bytes_max()) owner_.ready(*this);
}

void TcpConnection::write() {
  if (!open() || lingering_) return;
  auto& output = session_->output();
  bool wrote = false;
  while (!writing_) {
    const auto bytes = output.releasable(owner_.options().durable());
    if (bytes.empty()) {
      stuck_since_ = 0;
      break;
    }
    const auto written = socket_.write(bytes);
    if (written.status == Socket::Status::kWouldBlock) {
      // What the client sends meanwhile is no sign that it reads.
      if (wrote || stuck_since_ == 0) stuck_since_ = owner_.options().now();
      if (late_ == 0) {
        late_ = bytes.size();
        late_since_ = owner_.options().now();
      }
      watch(reading_, true);
      break;
    }
    if (written.status != Socket::Status::kDone) {
      close();
      return;
    }
    output.consumed(written.bytes);
    late_ -= std::min(late_, written.bytes);
    wrote = true;
    active_at_ = owner_.options().now();
  }
  after_write();
}

void TcpConnection::after_write() {
  if (!open()) return;
  auto& output = session_->output();
  if (!output.empty()) {
    if (!writing_) owner_.holds(*this);
  } else if (session_->closing()) {
    return linger();
  } else if (peer_done_ && !session_->busy()) {
    // Whatever is left can never become a whole request.
    return close();
  }
  account();
  if (owner_.clients().overrun() && held_ > kClientShareBytes) return end_overrun();
  const bool more =
      !session_->busy() && !session_->closing() && !peer_done_ && !crowded_out() && output.size() <= output_bytes_max();
  watch(more, writing_);
}

void TcpConnection::release() {
  write();
  // Requests that had to wait for room among the replies.
  if (full_ && open() && session_->output().size() <= output_bytes_max()) proceed();
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
  socket_.end_writes();
  if (peer_done_) return close();
  lingering_ = true;
  lingering_since_ = owner_.options().now();
  input_begin_ = input_end_ = 0;
  give_room_back();
  account();
  watch(true, false);
}

/// Whether it keeps memory that others wait for by taking its replies byte by byte: of those that could leave
/// limits.write ago, some are still here. Where there is room, a client may be as slow as it likes.
bool TcpConnection::reads_too_slowly(TimeMs now) const {
  if (owner_.clients().roomy() || held_ <= kClientShareBytes) return false;
  return late_ > 0 && now - late_since_ >= owner_.options().limits.write_ms;
}

void TcpConnection::check_time(TimeMs now) {
  const NetLimits& limits = owner_.options().limits;
  if (!open()) return;
  if (lingering_) {
    if (now - lingering_since_ >= kLingerMs) close();
    return;
  }
  if (stuck_since_ != 0 && now - stuck_since_ >= limits.write_ms) return end(EndedBy::kUnreadReplies);
  if (reads_too_slowly(now)) return end(EndedBy::kUnreadReplies);
  if (session_->busy()) return;
  // One that is not read for want of memory, and is owed nothing, would hold its part for ever.
  const bool waits_for_memory = crowded_since_ != 0 && session_->output().empty();
  const auto since = request_since_ == 0 && waits_for_memory ? crowded_since_ : request_since_;
  if (since != 0 && now - since >= limits.request_ms) {
    // Whether the rest of its request has come can not be known of one that is not read.
    const bool slow = crowded_since_ == 0;
    owner_.ended(slow ? EndedBy::kSlowRequest : EndedBy::kMemory);
    request_since_ = crowded_since_ = 0;
    if (slow) {
      session_->timed_out();
    } else {
      session_->too_crowded();
    }
    write();
    return;
  }
  if (limits.idle_ms > 0 && session_->output().empty() && now - active_at_ >= limits.idle_ms) {
    owner_.ended(EndedBy::kIdle);
    linger();
  }
}

/// All together hold twice what they may. Behind replies that wait a word would come too late, and take memory.
void TcpConnection::end_overrun() {
  const bool owes = session_->busy() || session_->closing() || !session_->output().empty();
  if (!owes) session_->too_crowded();
  if (owes || !session_->closing()) return end(EndedBy::kMemory);
  write();
  if (open()) owner_.ended(EndedBy::kMemory);
}

void TcpConnection::end(EndedBy cause) {
  owner_.ended(cause);
  close();
}

void TcpConnection::close() {
  if (!open()) return;
  owner_.loop().forget(socket_.file(), *this);
  socket_.close();
  if (!session_->busy()) owner_.clients().change(std::exchange(held_, 0), 0);
  owner_.closed(*this);
}

}  // namespace quipu
