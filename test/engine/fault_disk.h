#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "log/log_disk.h"

namespace quipu {

/// A disk for the log whose every step is in a test's hands: writes wait until `finish`, a crash keeps any pieces of
/// the write under way, and its room can be bounded.
class FaultDisk final : public LogDisk {
 public:
  /// How many segments fit.
  std::size_t segments_max = SIZE_MAX;

  /// While true a write fails, and any part of it is there.
  bool fail_writes = false;

  /// Completes what was begun. The write alone, or with segments made and removed.
  void finish_write() {
    if (!writing_) return;
    DiskCompletion done{DiskCompletion::Kind::kWrite, writing_->segment, {}};
    if (fail_writes) {
      done.outcome = failure(Code::kDamaged, name(writing_->segment) + ": the disk failed");
    } else {
      place(writing_->segment, writing_->at, writing_->bytes);
    }
    done_.push_back(std::move(done));
    writing_.reset();
  }
  void finish_upkeep() {
    for (const auto& job : std::exchange(upkeep_, {})) done_.push_back(job());
  }
  void finish() {
    finish_write();
    finish_upkeep();
  }
  /// The process has ended: what it began is done, and nobody is told.
  void end_process() {
    finish();
    done_.clear();
  }
  bool writing() const { return writing_.has_value(); }
  bool idle() const { return !writing_ && upkeep_.empty() && done_.empty(); }
  std::size_t segments() const { return segments_.size(); }

  /// The power goes: of the write under way any pieces are there, of the rest nothing. Before the log goes.
  void crash(std::mt19937_64& random) {
    if (writing_) {
      constexpr std::size_t kPiece = 512;
      for (std::size_t at = 0; at < writing_->bytes.size(); at += kPiece) {
        const auto size = std::min(kPiece, writing_->bytes.size() - at);
        if (random() % 2 == 0) place(writing_->segment, writing_->at + at, writing_->bytes.subspan(at, size));
      }
    }
    writing_.reset();
    for (const auto& job : upkeep_) {
      if (random() % 2 == 0) static_cast<void>(job());
    }
    upkeep_.clear();
    done_.clear();
  }

  Result<std::vector<SegmentFile>> list() override {
    std::vector<SegmentFile> files;
    for (const auto& [number, bytes] : segments_) files.push_back({number, bytes.size()});
    return files;
  }
  Result<void> read(SegmentNumber segment, std::uint64_t at, std::span<std::byte> out) override {
    const auto found = segments_.find(segment);
    if (found == segments_.end() || at + out.size() > found->second.size()) {
      return failure(Code::kDamaged, name(segment) + " ends too early");
    }
    std::copy_n(found->second.begin() + static_cast<std::ptrdiff_t>(at), out.size(), out.begin());
    return {};
  }
  Result<void> write(SegmentNumber segment, std::uint64_t at, ByteView bytes) override {
    place(segment, at, bytes);
    return {};
  }
  Result<void> create(SegmentNumber segment, std::uint64_t bytes) override {
    if (segments_.size() >= segments_max) return busy("the disk is full", 100);
    segments_[segment].assign(bytes, std::byte{0});
    return {};
  }
  Result<void> remove(SegmentNumber segment) override {
    segments_.erase(segment);
    return {};
  }
  void begin_write(SegmentNumber segment, std::uint64_t at, ByteView bytes) override {
    writing_ = Write{segment, at, bytes};
  }
  void begin_create(SegmentNumber segment, std::uint64_t bytes) override {
    upkeep_.emplace_back([this, segment, bytes] {
      return DiskCompletion{DiskCompletion::Kind::kCreate, segment, create(segment, bytes)};
    });
  }
  void begin_remove(SegmentNumber segment) override {
    upkeep_.emplace_back(
        [this, segment] { return DiskCompletion{DiskCompletion::Kind::kRemove, segment, remove(segment)}; });
  }
  void take_completions(std::vector<DiskCompletion>& out) override {
    std::move(done_.begin(), done_.end(), std::back_inserter(out));
    done_.clear();
  }
  void wait_for_write() override {}
  std::string name(SegmentNumber segment) const override { return "segment " + std::to_string(segment.value); }

 private:
  struct Write {
    SegmentNumber segment{};
    std::uint64_t at = 0;
    ByteView bytes;
  };

  void place(SegmentNumber segment, std::uint64_t at, ByteView bytes) {
    std::copy(bytes.begin(), bytes.end(), segments_.at(segment).begin() + static_cast<std::ptrdiff_t>(at));
  }

  std::map<SegmentNumber, Bytes> segments_;
  std::optional<Write> writing_;
  std::vector<std::function<DiskCompletion()>> upkeep_;
  std::vector<DiskCompletion> done_;
};

}  // namespace quipu
