#include "store/row_codec.h"

#include <limits>

#include "base/bytes.h"
#include "base/check.h"

namespace quipu {
namespace {

constexpr char kValueVersion = 1;
constexpr std::uint8_t kRowFlagsKnown = kRowSaturated;
constexpr std::uint64_t kEpochMax =
    (std::uint64_t{kGenerationMax} << kOffsetBits) | ((std::uint64_t{1} << kOffsetBits) - 1);
constexpr std::size_t kSourceKeyBytes = 1 + 2 + 16;
constexpr std::size_t kWatermarkKeyBytes = 1 + 2;
constexpr std::size_t kShardBytes = 4 + 2;

/// Keys are ordered as bytes, so their integers stand with the highest byte first.
template <class T>
void put_big(std::string& out, T value) {
  for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

template <class T>
T take_big(std::string_view& from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(static_cast<std::uint64_t>(value) << 8 | static_cast<unsigned char>(from[i]));
  }
  from.remove_prefix(sizeof(T));
  return value;
}

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

bool begins_with(std::string_view key, KeyKind kind) { return !key.empty() && key[0] == static_cast<char>(kind); }

/// A cursor behind the version byte, or why there is none.
Result<ByteCursor> open_value(std::string_view value) {
  if (value.empty()) return failure(Code::kDamaged, "an empty value");
  if (value[0] != kValueVersion) {
    return failure(Code::kDamaged,
                   "a value of version " + std::to_string(static_cast<unsigned char>(value[0])) + ", expected 1");
  }
  return ByteCursor(as_bytes(value.substr(1)));
}

}  // namespace

std::string format_key() { return std::string(1, static_cast<char>(KeyKind::kFormat)) + "quipu"; }

std::string format_value(std::uint32_t version) {
  std::string value;
  put_big(value, version);
  return value;
}

Result<std::uint32_t> read_format_value(std::string_view value) {
  if (value.size() != sizeof(std::uint32_t)) return failure(Code::kDamaged, "the format's version is not 4 bytes long");
  return take_big<std::uint32_t>(value);
}

void put_row_prefix(std::string& out, std::uint64_t routing) {
  out.push_back(static_cast<char>(KeyKind::kRow));
  put_big(out, routing);
}

void put_counter_prefix(std::string& out, std::uint64_t routing, std::string_view space, std::string_view counter) {
  QUIPU_CHECK(space.size() <= std::numeric_limits<std::uint8_t>::max());
  QUIPU_CHECK(counter.size() <= std::numeric_limits<std::uint16_t>::max());
  put_row_prefix(out, routing);
  // Sizes stand before the names: without them the rows of one counter could stand among those of another.
  put_big(out, static_cast<std::uint8_t>(space.size()));
  out.append(space);
  put_big(out, static_cast<std::uint16_t>(counter.size()));
  out.append(counter);
}

void put_row_key(std::string& out, std::uint64_t routing, std::string_view space, std::string_view counter,
                 ShardId shard) {
  put_counter_prefix(out, routing, space, counter);
  put_big(out, shard.generation.value);
  put_big(out, shard.partition.value);
}

std::optional<RowKey> read_row_key(std::string_view key) {
  if (!begins_with(key, KeyKind::kRow) || key.size() < kRowPrefixBytes + 1) return std::nullopt;
  key.remove_prefix(1);
  RowKey row;
  row.routing = take_big<std::uint64_t>(key);
  const auto space_size = take_big<std::uint8_t>(key);
  if (key.size() < space_size + sizeof(std::uint16_t)) return std::nullopt;
  row.space = key.substr(0, space_size);
  key.remove_prefix(space_size);
  const auto counter_size = take_big<std::uint16_t>(key);
  if (key.size() != counter_size + kShardBytes) return std::nullopt;
  row.counter = key.substr(0, counter_size);
  key.remove_prefix(counter_size);
  row.shard.generation = Generation{take_big<std::uint32_t>(key)};
  row.shard.partition = PartitionId{take_big<std::uint16_t>(key)};
  return row;
}

void put_row_value(std::string& out, const Row& row) {
  out.push_back(kValueVersion);
  out.push_back(static_cast<char>(row.flags));
  put_varint(out, zigzag(row.total));
  put_varint(out, row.events);
  put_varint(out, row.epoch.value);
  put_varint(out, row.applied.value);
}

Result<Row> read_row_value(std::string_view value) {
  auto cursor = open_value(value);
  if (!cursor) return std::unexpected(cursor.error());
  const auto flags = cursor->take<std::uint8_t>();
  const auto total = cursor->take_varint();
  const auto events = cursor->take_varint();
  const auto epoch = cursor->take_varint();
  const auto applied = cursor->take_varint();
  if (!flags || !total || !events || !epoch || !applied) {
    return failure(Code::kDamaged, "a row that ends too early, or a number in it that is none");
  }
  if (cursor->remaining() != 0) return failure(Code::kDamaged, "a row that goes on behind its end");
  if ((*flags & ~kRowFlagsKnown) != 0) {
    return failure(Code::kDamaged, "a row with unknown flags " + std::to_string(*flags));
  }
  if (*epoch > kEpochMax) return failure(Code::kDamaged, "a row with epoch " + std::to_string(*epoch));
  if (*applied > kOffsetMax) return failure(Code::kDamaged, "a row with offset " + std::to_string(*applied));
  return Row{unzigzag(*total), *events, Epoch{*epoch}, Offset{*applied}, *flags};
}

std::string source_key(PartitionId partition, const Hash128& source) {
  std::string key(1, static_cast<char>(KeyKind::kSource));
  put_big(key, partition.value);
  put_big(key, source.high);
  put_big(key, source.low);
  return key;
}

std::string source_value(const SourceRow& row) {
  std::string value(1, kValueVersion);
  put_varint(value, row.sequence);
  put_varint(value, row.touched.value);
  return value;
}

Result<SourceRow> read_source(std::string_view key, std::string_view value) {
  if (!begins_with(key, KeyKind::kSource) || key.size() != kSourceKeyBytes) {
    return failure(Code::kDamaged, "a source's key that is none");
  }
  SourceRow row;
  key.remove_prefix(1);
  row.partition = PartitionId{take_big<std::uint16_t>(key)};
  row.source.high = take_big<std::uint64_t>(key);
  row.source.low = take_big<std::uint64_t>(key);
  auto cursor = open_value(value);
  if (!cursor) return std::unexpected(cursor.error());
  const auto sequence = cursor->take_varint();
  const auto touched = cursor->take_varint();
  if (!sequence || !touched || cursor->remaining() != 0 || *touched > kOffsetMax) {
    return failure(Code::kDamaged, "a source's value that is none");
  }
  row.sequence = *sequence;
  row.touched = Offset{*touched};
  return row;
}

std::string watermark_key(PartitionId partition) {
  std::string key(1, static_cast<char>(KeyKind::kWatermark));
  put_big(key, partition.value);
  return key;
}

std::string watermark_value(const Watermark& mark) {
  std::string value(1, kValueVersion);
  put_varint(value, mark.offset.value);
  value.append(as_text(mark.chains));
  return value;
}

Result<Watermark> read_watermark(std::string_view key, std::string_view value) {
  if (!begins_with(key, KeyKind::kWatermark) || key.size() != kWatermarkKeyBytes) {
    return failure(Code::kDamaged, "a watermark's key that is none");
  }
  key.remove_prefix(1);
  Watermark mark;
  mark.partition = PartitionId{take_big<std::uint16_t>(key)};
  auto cursor = open_value(value);
  if (!cursor) return std::unexpected(cursor.error());
  const auto offset = cursor->take_varint();
  if (!offset || *offset > kOffsetMax) return failure(Code::kDamaged, "a watermark's value that is none");
  mark.offset = Offset{*offset};
  put(mark.chains, *cursor->take(cursor->remaining()));
  return mark;
}

std::string setting_key(std::string_view name) {
  return std::string(1, static_cast<char>(KeyKind::kSetting)).append(name);
}

std::string setting_value(std::string_view text) { return std::string(1, kValueVersion).append(text); }

Result<std::string> read_setting_value(std::string_view value) {
  auto cursor = open_value(value);
  if (!cursor) return std::unexpected(cursor.error());
  return std::string(value.substr(1));
}

std::string key_text(std::string_view key) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "key ";
  if (begins_with(key, KeyKind::kRow)) text = "row key ";
  if (begins_with(key, KeyKind::kSource)) text = "source key ";
  if (begins_with(key, KeyKind::kWatermark)) text = "watermark key ";
  if (begins_with(key, KeyKind::kSetting)) text = "setting key ";
  for (const char c : key) {
    text.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    text.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return text;
}

}  // namespace quipu
