#include "aggregate/chain_table.h"

#include <limits>

#include "base/planted.h"

namespace quipu {
namespace {
constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kSilenceCheckFrames = 4096;
}  // namespace

ChainTable::Verdict ChainTable::accept(NodeIdentity writer, std::uint64_t number) {
  if (number == 0) {
    ++frames_;
    return Verdict::kNext;
  }
  const auto found = chains_.find(writer);
  if (found == chains_.end()) {
    // Older than all the boots that are kept of this node, and those are as many as may be: long over.
    const auto first = chains_.lower_bound({writer.node, 0});
    std::size_t newer = 0;
    for (auto at = first; at != chains_.end() && at->first.node == writer.node; ++at) {
      if (at->first.boot > writer.boot) ++newer;
    }
    if (newer >= kBootsKept) {
      ++frames_;
      return Verdict::kOld;
    }
    if (number != 1 && !QUIPU_PLANTED("chain-gap-ignored")) return Verdict::kGap;
    ++frames_;
    chains_[writer] = {number, frames_};
    forget_old_boots(writer.node);
    forget_silent();
    return Verdict::kNext;
  }
  Chain& chain = found->second;
  if (number > chain.last + 1 && !QUIPU_PLANTED("chain-gap-ignored")) return Verdict::kGap;
  ++frames_;
  chain.seen_at = frames_;
  if (frames_ % kSilenceCheckFrames == 0) forget_silent();
  if (number <= chain.last) return QUIPU_PLANTED("resent-frame-counted") ? Verdict::kNext : Verdict::kDrop;
  chain.last = number;
  return Verdict::kNext;
}

void ChainTable::take_up(NodeIdentity writer, std::uint64_t number) {
  if (!chains_.try_emplace(writer, Chain{number, frames_}).second) return;
  forget_old_boots(writer.node);
}

std::uint64_t ChainTable::last(NodeIdentity writer) const {
  const auto found = chains_.find(writer);
  return found == chains_.end() ? 0 : found->second.last;
}

void ChainTable::forget_old_boots(std::uint64_t node) {
  const auto first = chains_.lower_bound({node, 0});
  std::size_t boots = 0;
  for (auto at = first; at != chains_.end() && at->first.node == node; ++at) ++boots;
  auto at = first;
  for (; boots > kBootsKept; --boots) {
    QUIPU_MARK("chain of an old boot forgotten");
    at = chains_.erase(at);
  }
}

void ChainTable::forget_silent() {
  std::erase_if(chains_, [this](const auto& chain) { return frames_ - chain.second.seen_at > kSilentFrames; });
}

Bytes ChainTable::encode() const {
  Bytes out;
  put(out, kVersion);
  put_varint(out, frames_);
  put_varint(out, chains_.size());
  for (const auto& [writer, chain] : chains_) {
    put(out, writer.node);
    put_varint(out, writer.boot);
    put_varint(out, chain.last);
    put_varint(out, chain.seen_at);
  }
  return out;
}

Result<ChainTable> ChainTable::decode(ByteView bytes) {
  const auto damaged = [] { return failure(Code::kDamaged, "chain table is not what was written"); };
  ByteCursor cursor(bytes);
  const auto version = cursor.take<std::uint8_t>();
  if (!version || *version != kVersion) return damaged();
  const auto frames = cursor.take_varint();
  const auto count = cursor.take_varint();
  if (!frames || !count) return damaged();
  ChainTable table;
  table.frames_ = *frames;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto node = cursor.take<std::uint64_t>();
    const auto boot = cursor.take_varint();
    const auto last = cursor.take_varint();
    const auto seen_at = cursor.take_varint();
    if (!node || !boot || *boot > std::numeric_limits<std::uint32_t>::max() || !last || !seen_at) return damaged();
    table.chains_[{*node, static_cast<std::uint32_t>(*boot)}] = {*last, *seen_at};
  }
  if (cursor.remaining() != 0) return damaged();
  return table;
}

}  // namespace quipu
