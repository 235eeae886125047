#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "store/counter_store.h"

/// Keys and values of the store on disk, both ways (docs/formats/row.md). Pure. Reading checks everything: a value that
/// this version would not have written is kDamaged. What keeps the bytes names the key beside it.
namespace quipu {

/// The version of keys and values together, kept under kFormatKey. Version 2 of anything here makes it 2.
inline constexpr std::uint32_t kStoreFormatVersion = 1;

/// The first byte of every key: what is kept under it. Ordered as they stand in the store.
enum class KeyKind : char {
  kFormat = 0x00,
  kSetting = 0x01,
  kWatermark = 0x02,
  kSource = 0x03,
  kRow = 0x10,
};

/// kind and routing hash: what all rows of one routing hash begin with.
inline constexpr std::size_t kRowPrefixBytes = 9;

std::string format_key();
std::string format_value(std::uint32_t version);
Result<std::uint32_t> read_format_value(std::string_view value);

/// What a key of a row says. The names point into the key.
struct RowKey {
  std::uint64_t routing = 0;
  std::string_view space;
  std::string_view counter;
  ShardId shard;
};

/// What all rows with this routing hash begin with, and rows with smaller ones stand before.
void put_row_prefix(std::string& out, std::uint64_t routing);
/// What all rows of a counter begin with, and nothing else does.
void put_counter_prefix(std::string& out, std::uint64_t routing, std::string_view space, std::string_view counter);
void put_row_key(std::string& out, std::uint64_t routing, std::string_view space, std::string_view counter,
                 ShardId shard);
/// nullopt when it is no key of a row.
std::optional<RowKey> read_row_key(std::string_view key);

void put_row_value(std::string& out, const Row& row);
Result<Row> read_row_value(std::string_view value);

std::string source_key(PartitionId partition, const Hash128& source);
std::string source_value(const SourceRow& row);
Result<SourceRow> read_source(std::string_view key, std::string_view value);

std::string watermark_key(PartitionId partition);
std::string watermark_value(const Watermark& mark);
Result<Watermark> read_watermark(std::string_view key, std::string_view value);

std::string setting_key(std::string_view name);
std::string setting_value(std::string_view text);
Result<std::string> read_setting_value(std::string_view value);

/// A key as text for an operator: what it is, then every byte as two hexadecimal digits.
std::string key_text(std::string_view key);

}  // namespace quipu
